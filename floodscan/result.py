"""The result of a run, for Python: counts, tables and manifests are read on access.

Its methods do what the commands ``explain``, ``compare``, ``plot``, ``report`` and ``choose`` do.
Packages that take long to import are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floodscan.assessment.labels import Status
from floodscan.assessment.manifest import Manifest, parse_manifest
from floodscan.assessment.manifest_files import read_manifest
from floodscan.assessment.outcomes import read_outcomes
from floodscan.choosing import choose
from floodscan.errors import InputError
from floodscan.extras import needs_extra
from floodscan.geometry.footprints import bbox_polygon
from floodscan.model import Decision
from floodscan.planning.targets import AOI
from floodscan.reselection import read_finished
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import folium
    import geopandas as gpd
    import pandas as pd

    from floodscan.assessment.outcomes import Outcome
    from floodscan.model import Event
    from floodscan.planning.scratch import IdSet

    Json = dict[str, Any]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ScanResult:
    """The result of a run.

    Tables are read from the folder at each access; keep a table that is used again.

    Attributes:
        folder: The output folder.
        ids: The event ids, in the order of the input.
    """

    folder: RunFolder
    ids: IdSet

    def _repr_html_(self) -> str:
        """Show counts, and the events that are not complete, in a notebook."""
        from floodscan.report.result_html import show_run  # noqa: PLC0415 - few need it

        return show_run(self.folder, self.counts)

    @property
    def counts(self) -> Mapping[str, int]:
        """Events by status, slots, candidates, requests and warnings.

        Raises:
            InputError: The run in the folder was started again, and has not finished.
        """
        found: Mapping[str, int] = read_finished(self.folder)["counts"]
        return found

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The event ids, in the order of the input, all in memory."""
        return tuple(self.ids)

    @property
    def ok(self) -> bool:
        """Whether every slot of every event is filled."""
        counts = self.counts
        return counts[Status.COMPLETE] == counts["events"]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How each event ended, in the order of the input."""
        ends = {outcome.event_id: outcome for outcome in read_outcomes(self.folder.read_events())}
        return tuple(ends[event_id] for event_id in self.ids)

    @property
    def candidates(self) -> gpd.GeoDataFrame:
        """Every candidate of every slot: chosen, ranked and rejected.

        One row per candidate, in the order of the batches, with the columns of
        ``schemas.CANDIDATES``: footprints in degrees (OGC:CRS84), shares of the target from 0 to 1,
        cloud cover in percent.

        Raises:
            OutputError: The folder has no candidates.
        """
        import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

        self.folder.check_candidates()
        return gpd.read_parquet(self.folder.candidates_path)

    @property
    def events(self) -> pd.DataFrame:
        """How each event ended: status, reasons, coverage, forecast, cost and warnings.

        One row per event, in the order of the input, with the columns of ``schemas.EVENTS``.
        ``joint_frac`` and ``valid_pixel_frac`` are shares from 0 to 1, ``seconds`` is the time of
        the event's searches.

        Raises:
            OutputError: The table is missing or damaged.
        """
        rows: pd.DataFrame = self.folder.read_events().to_pandas()
        rows = rows.set_index("event_id", drop=False)
        return rows.loc[[*self.ids]].reset_index(drop=True)

    @property
    def searches(self) -> gpd.GeoDataFrame:
        """How each search of the catalog ended: items, pages, requests, retries and seconds.

        One row per search, in the order of the batches, with the columns of ``schemas.SEARCHES``
        and the searched box as ``geometry``, in degrees (OGC:CRS84). A box across the antimeridian
        has two parts. A run of ``reselect`` has no rows.
        """
        import geopandas as gpd  # noqa: PLC0415 - as above

        rows = self.folder.searches.read().to_pandas()
        corners = rows[["west", "south", "east", "north"]].to_numpy()
        boxes = [bbox_polygon(*box) for box in corners]
        return gpd.GeoDataFrame(rows, geometry=boxes, crs="OGC:CRS84")

    @property
    def reads(self) -> pd.DataFrame:
        """How the read of each scene ended: source, requests, bytes, or why it is unread.

        One row for each scene and part of a batch that needs it, in the order of the batches, with
        the columns of ``schemas.READS``. Without ``cloud = "area"`` there are no rows.
        """
        rows: pd.DataFrame = self.folder.reads.read().to_pandas()
        return rows

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """The manifest of each event, by event id; each is read on access."""
        return _Manifests(self)

    def explain(self, event: str | Event, *slot: str, target: str = AOI) -> list[Json]:
        """Explain why scenes were chosen for an event, and others not.

        Args:
            event: An event of the run, or its id.
            *slot: Phases and sensors, such as ``"event", "S2L2A"``; without any, all slots.
            target: ``aoi``, or the id of a tile.

        Returns:
            One entry for each slot, see ``report.explain.explain``: ``phase``, ``sensor``, the
            ``decision`` in words, and ``candidates``, the ranked ones first.

        Raises:
            InputError: The run has no such event, target, phase or sensor.
            ManifestError: The event has no manifest, because it failed.
        """
        from floodscan.report.explain import explain  # noqa: PLC0415 - as above

        return explain(self.folder, _id_of(event), slot, target_id=target)

    def compare(self, other: ScanResult | str | Path) -> Json:
        """List the slots for which another run of the same events chose other scenes.

        Args:
            other: The other run, or its folder.

        Returns:
            ``slots`` that differ, with the scenes of this run as ``one`` and of the other run as
            ``other``, and with the reason of each run against the other's scene. ``same`` and
            ``differing`` count slots. ``events`` has coverage and warnings of both runs.

        Raises:
            InputError: The runs have no event in common, or a folder has no finished run.
        """
        from floodscan.report.compare import compare  # noqa: PLC0415 - as above

        folder = other.folder if isinstance(other, ScanResult) else RunFolder(Path(other))
        return compare(self.folder, folder)

    def plot(
        self, event: str | Event, *, to: str | Path | None = None, kind: str = "png"
    ) -> tuple[Path, Path, Path]:
        """Draw the map, the timeline and the coverage of an event.

        Args:
            event: An event of the run, or its id.
            to: Folder to write to; None is ``plots`` in the folder of the run.
            kind: ``png``, ``svg`` or ``pdf``.

        Returns:
            The files of the map, of the timeline and of the coverage.

        Raises:
            InputError: There is no such event, the pictures can't be written, or the extra ``plot``
                is not installed.
            ManifestError: The event has no manifest, because it failed.
        """
        with needs_extra("plot", "ScanResult.plot"):
            from floodscan.report.plots import plot  # noqa: PLC0415 - an optional extra

        drawn, timeline, coverage = plot(self.folder, _id_of(event), to=to, kind=kind)
        return drawn, timeline, coverage

    def report(self, path: str | Path | None = None) -> Path:
        """Write the run as one HTML page, which opens in a browser without internet.

        Args:
            path: File to write; None is ``report.html`` in the folder of the run.

        Returns:
            The file.

        Raises:
            OutputError: The file can't be written.
        """
        from floodscan.report.html import write_report  # noqa: PLC0415 - as above

        return write_report(self.folder, path)

    def explore(self, event: str | Event | None = None) -> folium.Map:
        """Make a map to pan and zoom, which a notebook shows.

        The browser loads the map's program and its background, OpenStreetMap, from the internet.

        Args:
            event: An event of the run, or its id: the area and the footprints of its chosen scenes.
                None shows the areas of all events that have a manifest, by status.

        Raises:
            InputError: There is no such event, the run has more than 2,000 events, or the extra
                ``explore`` is not installed.
            ManifestError: The event has no manifest, because it failed.
        """
        with needs_extra("explore", "ScanResult.explore"):
            from floodscan.report.web_map import map_event, map_run  # noqa: PLC0415 - an extra

        return map_run(self.folder) if event is None else map_event(self.folder, _id_of(event))

    def choose(
        self,
        event: str | Event,
        *,
        event_pass: str | None = None,
        track: int | None = None,
        by_rules: bool = False,
    ) -> Manifest:
        """Choose the scenes of an event again, by a person's decision, in the folder of the run.

        The decision is recorded: later scans and reselections of the run obey it.

        Args:
            event: An event of the run, or its id.
            event_pass: Item id of a scene: its pass becomes the pass of phase ``event``.
            track: The relative orbit of all SAR scenes.
            by_rules: True takes an earlier decision back.

        Returns:
            The new manifest of the event.

        Raises:
            InputError: Not exactly one of the three is given, the policy is not
                ``change-detection``, there is no such event, or the rules don't admit the decision.
                Nothing was written.
        """
        if sum([event_pass is not None, track is not None, by_rules]) != 1:
            raise InputError("choose: give one of event_pass, track and by_rules")
        decision = None if by_rules else Decision(event_pass=event_pass, track=track)
        return choose(self.folder.path, _id_of(event), decision)


def _id_of(event: str | Event) -> str:
    return event if isinstance(event, str) else event.event_id


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
