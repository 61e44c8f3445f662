"""The result of a run, for Python: counts at once; tables and manifests are read on access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from floodscan.assessment.labels import Status
from floodscan.assessment.manifest import Manifest, parse_manifest
from floodscan.assessment.outcomes import read_outcomes
from floodscan.errors import ManifestError
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from floodscan.assessment.outcomes import Outcome
    from floodscan.planning.scratch import IdSet


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ScanResult:
    """The result of a run.

    Attributes:
        folder: The output folder.
        ids: The event ids, in the order of the input.
        counts: Events by status, slots, candidates, requests and warnings.
    """

    folder: RunFolder
    ids: IdSet
    counts: Mapping[str, int]

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The event ids, in the order of the input, all in memory."""
        return tuple(self.ids)

    @property
    def ok(self) -> bool:
        """Whether every slot of every event is filled."""
        return self.counts[Status.COMPLETE] == self.counts["events"]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How each event ended, in the order of the input."""
        ends = {outcome.event_id: outcome for outcome in read_outcomes(self.folder.read_events())}
        return tuple(ends[event_id] for event_id in self.ids)

    @property
    def candidates(self) -> gpd.GeoDataFrame:
        """Every candidate of every slot: chosen, ranked and rejected.

        The columns are those of ``schemas.CANDIDATES``.
        """
        import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

        return gpd.read_parquet(self.folder.candidates_path)

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """The manifest of each event, by event id; each is read on access."""
        return _Manifests(self)


def read_manifest(path: str | Path, event_id: str | None = None) -> Manifest:
    """Read a manifest, and check it against its JSON schema.

    Args:
        path: A manifest file; with ``event_id``, the folder of a run.
        event_id: An event of that run.

    Raises:
        ManifestError: The file can't be read, or is not a manifest.
    """
    if event_id is not None:
        return parse_manifest(
            RunFolder(Path(path)).read_manifest(event_id), source=f"{path}: {event_id}"
        )
    try:
        return parse_manifest(Path(path).read_bytes(), source=str(path))
    except OSError as err:
        raise ManifestError(str(path), err.strerror or str(err)) from err


class _Manifests(Mapping[str, Manifest]):
    """The manifests of a run; together they may be larger than memory."""

    def __init__(self, result: ScanResult) -> None:
        self._result = result

    def __getitem__(self, event_id: str) -> Manifest:
        if event_id not in self._result.ids:
            raise KeyError(event_id)
        folder = self._result.folder
        if not folder.packed:
            return read_manifest(folder.path, event_id)
        (content,) = folder.read_manifests(self._batches[event_id], [event_id])
        return parse_manifest(content, source=f"{folder.path}: {event_id}")

    @cached_property
    def _batches(self) -> Mapping[str, str]:
        """The batch of each event; a search for a single event would read the whole table too."""
        tables = self._result.folder.events.batches(["event_id"])
        return {
            event_id: batch for batch, rows in tables for event_id in rows["event_id"].to_pylist()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.ids)

    def __len__(self) -> int:
        return len(self._result.ids)
