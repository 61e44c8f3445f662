"""``compare``: two runs side by side."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console

import floodscan
from floodscan import Policy, Recipe, Sensor
from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import EmptySlot, read_outcomes, tabulate_outcomes
from floodscan.errors import InputError
from floodscan.report.compare import compare
from floodscan.report.tables import show_comparison
from floodscan.schemas import CANDIDATES
from floodscan.store import RunFolder
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Json = dict[str, Any]

CHANGE = Recipe(policy=Policy.CHANGE_DETECTION)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan two events with the reference policy."""
    return scan(demo_copies(2), tmp_path_factory.mktemp("reference"), Recipe())


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan one of the two events for change detection."""
    return scan(demo_copies(1), tmp_path_factory.mktemp("change"), CHANGE)


def scan(events: list[floodscan.Event], out: Path, recipe: Recipe) -> RunFolder:
    """Scan the demo's catalog."""
    return floodscan.scan(events, catalog="demo", out=out / "run", recipe=recipe).folder


def repeat(source: RunFolder, out: Path, sizes: Sequence[int]) -> RunFolder:
    """Write a run of many copies of a run's first event, in batches of these sizes."""
    folder = RunFolder(out)
    folder.prepare()
    event = source.read_events().slice(0, 1)
    candidates = source.read_candidates(event["event_id"][0].as_py())
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    for first, end in pairwise(ends):
        batch, ids = f"b{first:04}", [f"e{number:04}" for number in range(first, end)]
        folder.write_candidates(
            batch, pa.concat_tables([put(candidates, "event_id", event_id) for event_id in ids])
        )
        rows = [put(put(event, "event_id", event_id), "batch", batch) for event_id in ids]
        folder.events.write(batch, pa.concat_tables(rows))
    return folder


def put(table: pa.Table, column: str, value: str) -> pa.Table:
    """Give all rows of a table the same value in a column."""
    at = table.schema.get_field_index(column)
    return table.set_column(at, table.schema.field(at), pa.array([value] * len(table)))


def slots_of(found: Json) -> dict[str, Json]:
    """Return the slots that differ, by phase and sensor."""
    return {f"{slot['phase']}/{slot['sensor']}": slot for slot in found["slots"]}


def printed(found: Json) -> str:
    """Print a comparison."""
    screen = StringIO()
    show_comparison(Console(file=screen, width=1000), found)
    return screen.getvalue()


def test_scene_that_both_runs_chose_is_shown_with_the_size_of_its_mosaic(
    reference: RunFolder, change: RunFolder
) -> None:
    """Without the size, a mosaic that only grew would look like no change."""
    found = compare(reference, change)
    grown = slots_of(found)["pre_month/S2L2A"]
    assert grown["one"] == grown["other"][:1]
    assert grown["one_in_other"] == "selected in a mosaic of 4"
    assert grown["other_in_one"] == "selected alone"
    (line,) = [line for line in printed(found).splitlines() if "pre_month/S2L2A" in line]
    assert line.split()[-8:] == ["selected", "in", "a", "mosaic", "of", "4", "selected", "alone"]


def test_empty_slot_has_its_reason(reference: RunFolder, tmp_path: Path) -> None:
    """The reason is the slot's own, or that the run has no such slot."""
    clear = replace(CHANGE.sensors[Sensor.S2L2A], max_cloud_percent=1.0)
    sensors = {Sensor.S1RTC: CHANGE.sensors[Sensor.S1RTC], Sensor.S2L2A: clear}
    other = scan(demo_copies(1), tmp_path, replace(CHANGE, sensors=sensors, relax=()))
    found = compare(reference, other)
    slots = slots_of(found)
    reasons = {
        f["phase"]: f["reason"] for f in floodscan.read_manifest(other.path, "copy-000").failures
    }
    assert len(reasons) == 4
    for phase, reason in reasons.items():
        assert reason.startswith("all_rejected (")
        assert slots[f"{phase}/S2L2A"]["other_reason"] == reason
        assert f"no scene: {reason}  " in printed(found)
    assert slots["None/DEM"]["other_reason"] == "not a slot of this run"
    assert slots["pre_month/S1RTC"]["one_reason"] is None


def test_reason_may_hold_any_text(reference: RunFolder, tmp_path: Path) -> None:
    """A server's error can look like the reason of another slot."""
    detail = "status 500; aoi/event/S1RTC: busy; see aoi/pre_event/S2L2A: no_candidates"
    lost = EmptySlot("aoi", "event", "S2L2A", Reason.SEARCH_FAILED, detail, (), "run again")
    other = repeat(reference, tmp_path / "other", [1])
    (end,) = read_outcomes(other.read_events())
    other.events.write("b0000", tabulate_outcomes("b0000", [replace(end, reasons=(lost,))]))
    other.write_candidates("b0000", CANDIDATES.empty_table())
    slots = slots_of(compare(repeat(reference, tmp_path / "one", [1]), other))
    assert slots["event/S2L2A"]["other_reason"] == f"search_failed ({detail})"
    assert slots["event/S1RTC"]["other_reason"] == "not a slot of this run"
    assert slots["pre_event/S2L2A"]["other_reason"] == "not a slot of this run"


def test_events_of_only_one_run_are_listed(reference: RunFolder, tmp_path: Path) -> None:
    """They are not compared, but they are not left out either."""
    found = compare(scan(demo_copies(4)[1:], tmp_path, Recipe()), reference)
    assert found["only"] == {"one": ["copy-002", "copy-003"], "other": ["copy-000"]}
    assert printed(found).splitlines()[-2:] == [
        "2 events only in run 1: copy-002, copy-003",
        "1 events only in run 2: copy-000",
    ]


def test_result_does_not_depend_on_how_the_runs_are_cut_into_batches(
    reference: RunFolder, change: RunFolder, tmp_path: Path
) -> None:
    """Slots are in the order of the first run's events, also where batches overlap in part."""
    one = repeat(reference, tmp_path / "one", [4, 4, 4])
    same, other, whole = (
        compare(one, repeat(change, tmp_path / f"{sizes}", sizes))
        for sizes in ([4, 4, 4], [1, 6, 2, 3], [12])
    )
    assert same == other == whole
    assert [slot["event_id"] for slot in same["slots"]] == sorted(
        [f"e{number:04}" for number in range(12)] * (len(same["slots"]) // 12)
    )
    assert same["slots"][: len(same["slots"]) // 12] == [
        slot | {"event_id": "e0000"} for slot in compare(reference, change)["slots"]
    ]


def test_memory_holds_a_few_batches_and_each_batch_is_read_once(
    reference: RunFolder, change: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of any size can be compared: 40 batches need less than one batch with all columns."""
    one = repeat(reference, tmp_path / "one", [3] * 40)
    other = repeat(change, tmp_path / "other", [2, *[3] * 39, 1])
    read_part = RunFolder.read_part
    reads: Counter[tuple[Path, str]] = Counter()
    held = []
    start = pa.total_allocated_bytes()

    def record(folder: RunFolder, batch: str, *columns: Any) -> pa.Table:  # noqa: ANN401
        reads[folder.path, batch] += 1
        held.append(pa.total_allocated_bytes() - start)
        return read_part(folder, batch, *columns)

    monkeypatch.setattr(RunFolder, "read_part", record)
    compare(one, other)
    assert len(reads) == 40 + 41
    assert set(reads.values()) == {1}
    assert max(held) < read_part(other, "b0002").nbytes


def test_first_slots_are_the_first_of_all(
    reference: RunFolder, change: RunFolder, tmp_path: Path
) -> None:
    """They do not depend on batches, and the counts are those of all."""
    one = repeat(reference, tmp_path / "one", [4, 4, 4])
    other = repeat(change, tmp_path / "other", [1, 6, 2, 3])
    whole, first = compare(one, other), compare(one, other, most=9)
    assert first["slots"] == whole["slots"][:9]
    assert first["events"] == whole["events"][:9]
    assert first["differing"] == whole["differing"] == len(whole["slots"]) > 9
    assert (first["same"], first["shared"]) == (whole["same"], 12)


def test_folder_without_candidates_is_refused(reference: RunFolder, tmp_path: Path) -> None:
    """Its slots would look empty."""
    bare = repeat(reference, tmp_path / "bare", [2])
    for part in bare.candidates_path.iterdir():
        part.unlink()
    with pytest.raises(InputError, match="holds no candidates"):
        compare(repeat(reference, tmp_path / "one", [2]), bare)


def test_equal_runs_have_nothing_to_list(change: RunFolder) -> None:
    """One line says so: no slot, no event, no table."""
    found = compare(change, change)
    assert (found["slots"], found["events"], found["same"], found["shared"]) == ([], [], 9, 1)
    assert printed(found) == "no slot differs, 9 are the same\n"


def test_events_without_a_difference_are_not_listed(reference: RunFolder, tmp_path: Path) -> None:
    """Of two events, one was chosen by other rules."""
    mixed = tmp_path / "mixed"
    shutil.copytree(reference.path, mixed)
    folder = RunFolder(mixed)
    (batch,) = {batch for batch, _ in folder.events.batches()}
    part = folder.read_part(batch)
    first = pc.equal(part["event_id"], "copy-000")
    dropped = pc.and_(first, pc.equal(part["sensor"], "S1RTC"))
    values: dict[str, Any] = {"selected": False, "verdict": "eligible"}
    for name, value in values.items():
        at = part.schema.get_field_index(name)
        changed = pc.if_else(dropped, value, part[name])
        part = part.set_column(at, part.schema.field(at), changed)
    folder.write_candidates(batch, part)
    found = compare(reference, folder)
    assert {slot["event_id"] for slot in found["slots"]} == {"copy-000"}
    assert [event["event_id"] for event in found["events"]] == ["copy-000"]
