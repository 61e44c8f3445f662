"""A run's folder: what is in it, and how files get there whole or not at all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import shapely

from floodscan.errors import OutputError
from floodscan.files import replacing
from floodscan.manifest import dump_manifest
from floodscan.tables import CANDIDATES, EVENTS, SEARCHES, check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from floodscan.outcomes import Outcome

    Json = dict[str, Any]

_COVERING = pa.struct([(corner, pa.float64()) for corner in ("xmin", "ymin", "xmax", "ymax")])


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The output folder of a run.

    Attributes:
        path: ``run.json``, ``events.parquet``, ``candidates/*.parquet``, ``searches/*.parquet`` and
            ``manifests/*.json`` are in it.
    """

    path: Path

    @property
    def candidates_path(self) -> Path:
        """Folder of GeoParquet parts, one row per slot × item."""
        return self.path / "candidates"

    @property
    def searches_path(self) -> Path:
        """Folder of Parquet parts, one row per search."""
        return self.path / "searches"

    @property
    def events_path(self) -> Path:
        """Parquet file, one row per event."""
        return self.path / "events.parquet"

    @property
    def run_path(self) -> Path:
        """JSON file with recipe, catalogue, versions and counts."""
        return self.path / "run.json"

    def manifest_path(self, event_id: str) -> Path:
        """JSON file of one event."""
        return self.path / "manifests" / f"{event_id}.json"

    def prepare(self, run_id: str) -> None:
        """Make the folder ready for a run.

        Raises:
            OutputError: It can't be written, or holds another run or other files.
        """
        try:
            self._check_free(run_id)
            for folder in (self.candidates_path, self.searches_path, self.path / "manifests"):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".{uuid.uuid4().hex}.tmp"
            probe.touch()
            probe.unlink()
        except OSError as err:
            raise OutputError(f"{self.path}: can't be written: {err.strerror}; choose another --out") from err

    def _check_free(self, run_id: str) -> None:
        if self.run_path.exists():
            held = orjson.loads(self.run_path.read_bytes()).get("run_id")
            if held != run_id:
                message = "holds a run of other events, another recipe or another catalogue"
                raise OutputError(f"{self.path}: {message}; choose another --out or remove it")
        elif self.path.exists() and any(self.path.iterdir()):
            raise OutputError(f"{self.path}: holds other files; choose another --out")

    def write_candidates(self, number: int, candidates: pa.Table) -> None:
        """Write the CANDIDATES of a batch as GeoParquet 1.1 with a bbox covering."""
        table = to_geoparquet(check_table(candidates, CANDIDATES))
        path = self.candidates_path / f"part-{number:05}.parquet"
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def write_searches(self, number: int, searches: pa.Table) -> None:
        """Write what became of the searches of a batch."""
        with replacing(self.searches_path / f"part-{number:05}.parquet") as temporary:
            pq.write_table(check_table(searches, SEARCHES), temporary, compression="zstd")

    def write_manifest(self, event_id: str, manifest: Json) -> None:
        """Write the manifest of an event."""
        with replacing(self.manifest_path(event_id)) as temporary:
            temporary.write_bytes(dump_manifest(manifest))

    def write_events(self, outcomes: Iterable[Outcome]) -> None:
        """Write how each event ended."""
        columns = {name: [getattr(o, name) for o in outcomes] for name in EVENTS.names}
        with replacing(self.events_path) as temporary:
            pq.write_table(pa.table(columns, schema=EVENTS), temporary, compression="zstd")

    def write_run(self, run: Json) -> None:
        """Write what the run was."""
        with replacing(self.run_path) as temporary:
            temporary.write_bytes(orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def read_candidates(self, event_id: str | None = None) -> pa.Table:
        """Read the CANDIDATES of one event, or of all, in the order in which they were written.

        Raises:
            OutputError: There is no candidate table.
        """
        parts = sorted(self.candidates_path.glob("*.parquet"))
        if not parts:
            raise OutputError(f"{self.path}: holds no candidates; is it the output of a scan?")
        keep = None if event_id is None else ds.field("event_id") == event_id
        found = ds.dataset(parts, format="parquet").to_table(columns=CANDIDATES.names, filter=keep)
        return check_table(found.replace_schema_metadata(None).cast(CANDIDATES), CANDIDATES)

    def read_parts(self) -> Iterator[tuple[int, pa.Table]]:
        """Read the CANDIDATES part by part, as they were written: the number of each part, and its rows."""
        for path in sorted(self.candidates_path.glob("part-*.parquet")):
            found = pq.read_table(path, columns=CANDIDATES.names)
            yield int(path.stem.removeprefix("part-")), found.replace_schema_metadata(None).cast(CANDIDATES)

    def read_run(self) -> Json:
        """Read what the run was.

        Raises:
            OutputError: There is no description of one.
        """
        try:
            run: Json = orjson.loads(self.run_path.read_bytes())
        except (OSError, ValueError) as err:
            raise OutputError(f"{self.path}: holds no run.json; is it the output of a scan?") from err
        return run

    def read_events(self) -> pa.Table:
        """Read EVENTS.

        Raises:
            OutputError: There is no such table.
        """
        try:
            return pq.read_table(self.events_path)
        except OSError as err:
            raise OutputError(f"{self.path}: holds no events.parquet; is it the output of a scan?") from err


def to_geoparquet(candidates: pa.Table) -> pa.Table:
    """Add the bbox column and the metadata that make a table GeoParquet 1.1.

    Source: https://geoparquet.org/releases/v1.1.0/
    """
    geometries = shapely.from_wkb(candidates["geometry"].to_numpy())
    bounds = shapely.bounds(geometries)
    empty = np.isnan(bounds).any(axis=1)
    corners = [pa.array(column) for column in bounds.T]
    covering = pa.StructArray.from_arrays(corners, fields=list(_COVERING), mask=pa.array(empty))
    column: Json = {
        "encoding": "WKB",
        "geometry_types": sorted({geometry.geom_type for geometry in geometries}),
        "covering": {"bbox": {corner.name: ["bbox", corner.name] for corner in _COVERING}},
    }
    if not empty.all():
        column["bbox"] = [float(v) for v in shapely.total_bounds(geometries)]
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return candidates.append_column("bbox", covering).replace_schema_metadata({"geo": orjson.dumps(geo)})
