"""A cache of what was read, in the folder of the cached answers, under names of the same form.

The folder's old files are removed together, and many processes can read and write at once.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
from pyarrow import ipc

from floodscan.clearsky.base import N_CLASSES, Ground
from floodscan.clearsky.raster import Raster
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Key = Mapping[str, Any]

_VERSION = 1  # raise it when the same file becomes another raster
_RASTER = pa.schema(
    [
        pa.field("epsg", pa.int32()),
        pa.field("edges", pa.list_(pa.float64())),
        pa.field("rows", pa.int32()),
        pa.field("classes", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class ReadCache:
    """A folder of rasters and counts.

    Attributes:
        folder: The folder; it is created if it is missing.
        not_before: What is older than this, in seconds since 1970, is read again.
    """

    folder: Path
    not_before: float

    def find_raster(self, facts: Key) -> Raster | None:
        """Return the raster of an overview; None if it is not there or can't be read."""
        with suppress(OSError, pa.ArrowException, ValueError, IndexError):
            content = self._read(facts, "arrow")
            table = ipc.open_file(pa.BufferReader(content)).read_all()
            row = table.select(_RASTER.names).to_pylist()[0]
            classes = np.frombuffer(row["classes"], np.uint8).reshape(row["rows"], -1)
            west, south, east, north = row["edges"]
            return Raster(classes, row["epsg"], (west, south, east, north))
        return None

    def keep_raster(self, facts: Key, raster: Raster) -> None:
        """Keep the raster of an overview."""
        row = {
            "epsg": raster.epsg,
            "edges": list(raster.edges),
            "rows": len(raster.classes),
            "classes": raster.classes.tobytes(),
        }
        sink = pa.BufferOutputStream()
        options = ipc.IpcWriteOptions(compression="zstd")
        with ipc.new_file(sink, _RASTER, options=options) as writer:
            writer.write_table(pa.Table.from_pylist([row], schema=_RASTER))
        self._write(facts, "arrow", bytes(sink.getvalue()))

    def find_counts(self, facts: Key) -> tuple[Ground, float] | None:
        """Return the shares of an area and the pixels' size; None if they can't be read."""
        with suppress(OSError, ValueError, TypeError):
            *shares, resolution_m = map(float, orjson.loads(self._read(facts, "json")))
            if len(shares) == N_CLASSES:
                return Ground(np.array(shares)), resolution_m
        return None

    def keep_counts(self, facts: Key, ground: Ground, resolution_m: float) -> None:
        """Keep the shares of an area and the pixels' size."""
        self._write(facts, "json", orjson.dumps([*ground.shares.tolist(), resolution_m]))

    def _read(self, facts: Key, kind: str) -> bytes:
        path = self._path(facts, kind)
        if path.stat().st_mtime < self.not_before:
            raise FileNotFoundError
        return path.read_bytes()

    def _path(self, facts: Key, kind: str) -> Path:
        canonical = orjson.dumps({"read": _VERSION, **facts}, option=orjson.OPT_SORT_KEYS)
        name = hashlib.sha256(canonical).hexdigest()[:40]
        return self.folder / name[:2] / f"{name}.{kind}"

    def _write(self, facts: Key, kind: str, content: bytes) -> None:
        # without a cache that can be written, a run is slower and its results are the same
        path = self._path(facts, kind)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
