"""Convert a list: each row becomes an event or several, or is rejected with a reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from floodscan.assessment.time_limits import LAUNCHES
from floodscan.errors import EventError, InputProblem, OutputError, clean
from floodscan.event_lists.kinds import CONVERTERS, ListKind, recognise
from floodscan.event_lists.places import cut_area
from floodscan.event_lists.rows import EVENT_LIST, ListOptions, ListRow
from floodscan.geometry.areas import area_km2
from floodscan.inputs.areas import parse_area
from floodscan.inputs.event_records import parse_events
from floodscan.inputs.notices import FieldError, Notes, file_error
from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS, Phase, Sensor
from floodscan.planning.scratch import IdSet
from floodscan.store.atomic import replacing
from floodscan.store.geoparquet import to_geoparquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from floodscan.model import Event

_SATELLITE, FIRST_DAY = LAUNCHES[Sensor.S1RTC]
CONTINENTAL_KM2: Final = 1_000_000
_NORTH, _SOUTH = 84.0, -80.0  # UTM ends there


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that can't be used.

    Attributes:
        file: The file of the row.
        row: Name of the row in the file.
        field: Name of the field; empty for the row as a whole.
        reason: What is wrong with it.
    """

    file: str
    row: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted list.

    Attributes:
        kind: Kind of the list.
        events: EVENT_LIST, in the order of the list.
        n_rows: Number of rows of the list; each one is an event, several pieces, or rejected.
        n_cut: Number of rows that are cut into several events.
        rejected: The rows that can't be used, in the order of the list.
    """

    kind: ListKind
    events: pa.Table
    n_rows: int
    n_cut: int
    rejected: list[Rejected]


def convert_list(
    paths: Sequence[Path], *, kind: ListKind | None = None, options: ListOptions | None = None
) -> Conversion:
    """Convert files of one list.

    Args:
        paths: The files, all of one kind.
        kind: Their kind; None recognises it.
        options: How they are read.

    Raises:
        EventError: A file can't be read, or is of no known kind.

    Warns:
        EventWarning: Areas are repaired, or events are early, polar or very large.
    """
    options = options or ListOptions()
    found = kind or _recognise_all(paths)
    notes = Notes()
    rows = [_limit(row, options) for row in CONVERTERS[found](paths, options, notes)]
    named = dict(_name_rows(_number_repeats(rows, notes), several=len(paths) > 1))
    source = ", ".join(path.name for path in paths)
    events, problems = _check(named, notes, source=source)
    records: list[Mapping[str, Any]] = []
    n_cut, remarks = 0, Notes()
    for label, event in events:
        try:
            pieces = list(_cut(event, named[label].record, options))
        except FieldError as err:
            problems[label] = InputProblem(label, *err.args)
            continue
        n_cut += len(pieces) > 1
        records += pieces
        _remark(event, pieces, label, remarks)
    remarks.publish(source)
    rejected = [_reject(named[label], problems[label]) for label in named if label in problems]
    return Conversion(found, _tabulate(records), len(rows), n_cut, rejected)


def _recognise_all(paths: Sequence[Path]) -> ListKind:
    kinds = {path: recognise(path) for path in paths}
    first, *_ = kinds.values()
    for path, kind in kinds.items():
        if kind is not first:
            raise file_error(path, f"is of kind {kind}, but {paths[0].name} is of kind {first}")
    return first


def _limit(row: ListRow, options: ListOptions) -> ListRow:
    """Reject floods that are too early for the user."""
    if isinstance(row.record, FieldError) or options.since is None:
        return row
    day = row.record["event_date"]
    if day >= options.since:
        return row
    return row._replace(record=FieldError("event_date", f"{day} is before {options.since}"))


def _number_repeats(rows: Sequence[ListRow], notes: Notes) -> Iterator[ListRow]:
    """Make ids that a list uses twice different, by a number at their end."""
    counts: dict[str, int] = {}
    taken = {str(r.record["event_id"]) for r in rows if not isinstance(r.record, FieldError)}
    for row in rows:
        if isinstance(row.record, FieldError) or row.record["event_id"] in {None, ""}:
            yield row
            continue
        event_id = str(row.record["event_id"])
        counts[event_id] = counts.get(event_id, 0) + 1
        if (number := counts[event_id]) > 1:
            while f"{event_id}_{number}" in taken:
                number += 1
            notes.add("ids that are used twice get a number", row.row, event_id)
            event_id = f"{event_id}_{number}"
            taken.add(event_id)
        yield row._replace(record={**row.record, "event_id": event_id})


def _name_rows(rows: Iterator[ListRow], *, several: bool) -> Iterator[tuple[str, ListRow]]:
    """Give each row a name that no other has: some formats allow the same code twice."""
    counts: dict[str, int] = {}
    for row in rows:
        label = f"{row.file.name}: {row.row}" if several else row.row
        counts[label] = counts.get(label, 0) + 1
        yield (label if counts[label] == 1 else f"{label} ({counts[label]})"), row


def _check(
    named: Mapping[str, ListRow], notes: Notes, *, source: str
) -> tuple[list[tuple[str, Event]], dict[str, InputProblem]]:
    """Check rows as those of an event file, and publish the notes.

    Returns:
        Each valid event with the name of its row, and the problem of each other row by its name.
    """
    labels = {
        str(row.record["event_id"]): label
        for label, row in named.items()
        if not isinstance(row.record, FieldError) and row.record["event_id"] is not None
    }
    events: list[tuple[str, Event]] = []
    try:
        for event in parse_events(
            ((label, row.record) for label, row in named.items()),
            source=source,
            load_aoi=lambda _: [],
            phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS,
            notes=notes,
            ids=IdSet(),
        ):
            events.append((labels[event.event_id], event))  # noqa: PERF401 - kept if it raises
    except EventError as err:
        return events, {problem.row: problem for problem in err.problems}
    return events, {}


def _cut(
    event: Event, record: Mapping[str, Any] | FieldError, options: ListOptions
) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of EVENT_LIST of an event: one, or one for each piece of its area."""
    assert not isinstance(record, FieldError)  # noqa: S101 - an event has been made of it
    limit = options.max_area_km2
    cut = [event.aoi] if limit is None else cut_area(event.aoi, limit)
    # a box may be wider than the outlines that an event file may have
    pieces = [parse_area("geometry", piece, _ignore)[0] for piece in cut]
    digits = len(str(len(pieces)))
    for number, piece in enumerate(pieces, 1):
        suffix = f"_part{number:0{digits}}" if len(pieces) > 1 else ""
        yield {
            **{name: record.get(name) for name in ("name", "country", "source", "expert_scenes")},
            "event_id": event.event_id + suffix,
            "event_date": event.phase_dates[Phase.EVENT],
            "onset": None if event.onset_assumed else event.onset,
            "assumed_onset_hour": event.assumed_onset_hour,
            "peak": event.peak,
            "end": event.end,
            "date_kind": str(event.date_kind),
            "area_km2": round(area_km2(piece), 3),
            "geometry": shapely.to_wkb(piece),
        }


def _ignore(fact: str, *, detail: str = "") -> None:
    """Take a fact about an area that was noted before."""


def _remark(event: Event, pieces: Sequence[Mapping[str, Any]], label: str, notes: Notes) -> None:
    """Note what an event can't get, or what makes it costly."""
    if event.phase_dates[Phase.EVENT] < FIRST_DAY:
        fact = f"events before {FIRST_DAY}, when the first {_SATELLITE} was launched, get no scenes"
        notes.add(f"{fact}; --since leaves them out", label)
    _, south, _, north = event.aoi.bounds
    if north > _NORTH or south < _SOUTH:
        notes.add("areas reach beyond 84° north or 80° south, where UTM ends", label)
    size = max(piece["area_km2"] for piece in pieces)
    if size > CONTINENTAL_KM2:
        fact = "areas are larger than 1,000,000 km²; --max-area cuts them"
        notes.add(fact, label, f"{size:,.0f} km²")


def _reject(row: ListRow, problem: InputProblem) -> Rejected:
    return Rejected(str(row.file), row.row, problem.field, problem.text)


def _tabulate(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(records), schema=EVENT_LIST)


def path_of_rejected(out: Path) -> Path:
    """Return where the rejected rows of a list are written."""
    return out.with_suffix(".rejected.csv")


def write_conversion(done: Conversion, out: Path) -> None:
    """Write the events as GeoParquet, and the rejected rows beside them as CSV.

    Without a rejected row, there is no such file. Without an event, there is no GeoParquet.

    Raises:
        OutputError: A file can't be written, or ``out`` does not end in ``.parquet``.
    """
    check_out(out)
    try:
        _write_rejected(done.rejected, path_of_rejected(out))
        if len(done.events):
            with replacing(out) as temporary:
                pq.write_table(to_geoparquet(done.events), temporary, compression="zstd")
    except OSError as err:
        raise OutputError(f"{out}: can't be written: {err.strerror or err}") from err


def check_out(out: Path, sources: Sequence[Path] = ()) -> None:
    """Refuse a file that is no GeoParquet, or is one of the sources.

    Raises:
        OutputError: It is.
    """
    if out.resolve() in {source.resolve() for source in sources}:
        raise OutputError(f"{out}: is the list itself; choose another --out")
    if out.suffix.lower() not in {".parquet", ".geoparquet"}:
        raise OutputError(f"{out}: must end in .parquet, because the list becomes GeoParquet")


def _write_rejected(rejected: Sequence[Rejected], path: Path) -> None:
    if not rejected:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "row", "field", "reason"])
        writer.writerows(
            map(clean, (each.file, each.row, each.field, each.reason)) for each in rejected
        )
