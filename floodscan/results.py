"""What a run left behind, for Python: counts at once, tables and manifests when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from floodscan.manifest import Manifest, parse_manifest
from floodscan.outcomes import COMPLETE, read_outcomes
from floodscan.store import RunFolder, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from floodscan.outcomes import Outcome
    from floodscan.spool import Names


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ScanResult:
    """What a run left behind.

    Attributes:
        folder: Where it is.
        ids: The events, in the order in which they were given.
        counts: Events by status, slots, candidates, requests and warnings.
    """

    folder: RunFolder
    ids: Names
    counts: Mapping[str, int]

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The events, in the order in which they were given, all in memory."""
        return tuple(self.ids)

    @property
    def ok(self) -> bool:
        """Whether every slot of every event is filled."""
        return self.counts[COMPLETE] == self.counts["events"]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How each event ended, in the order in which they were given."""
        ends = {outcome.event_id: outcome for outcome in read_outcomes(self.folder.read_events())}
        return tuple(ends[event_id] for event_id in self.ids)

    @property
    def candidates(self) -> gpd.GeoDataFrame:
        """Every candidate of every slot: ranked, chosen and rejected; columns as in ``tables.CANDIDATES``."""
        import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

        return gpd.read_parquet(self.folder.candidates_path)

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """The manifest of each event, by event id; read when it is asked for."""
        return _Manifests(self)


class _Manifests(Mapping[str, Manifest]):
    """The manifests of a run, which may be more than memory holds."""

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
        """The batch of each event, for all of them at once: one by one, the whole table would be read for each."""
        tables = self._result.folder.events.batches(["event_id"])
        return {event_id: batch for batch, rows in tables for event_id in rows["event_id"].to_pylist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.ids)

    def __len__(self) -> int:
        return len(self._result.ids)
