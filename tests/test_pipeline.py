"""One batch: a catalog that fails, holds back items, or has none."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from floodscan import Event, ManifestError, Recipe, pipeline, scan
from floodscan.catalogs import open_catalog
from floodscan.inputs.event_files import load_events
from floodscan.pipeline import Run, ask, choose
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import PART_EVENTS, cut_batches, plan_batch
from floodscan.store import RunFolder
from floodscan.testing.fake_catalog import Incomplete, RaiseError, WithoutItems
from tests.runs import result_bytes
from tests.sweeps import APART, GATEWAY_TIMEOUT, OPTICAL, faulty_demo, make_events

if TYPE_CHECKING:
    from floodscan.catalogs import Answer
    from floodscan.model import Search
    from floodscan.pipeline import BatchPart
    from floodscan.testing.fake_catalog import Ask, Fault

EVENT = "luxembourg_flood_2021_multimodal"
SIGNED = "https://me:hidden@store.test/scene.tif?st=1&sig=hidden"


def look_up_a_missing_key(search: Search, ask: Ask) -> Answer:
    """Fail searches for optical scenes by a bug."""
    if search.collection == OPTICAL:
        return {"url": SIGNED}["missing"]  # type: ignore[return-value]
    return ask(search)


@pytest.mark.parametrize(
    ("fault", "reason", "hint"),
    [
        (
            GATEWAY_TIMEOUT,
            "search_failed (catalog faulty: answered with HTTP status 504)",
            "run again",
        ),
        (Incomplete(OPTICAL), "incomplete", "run again"),
        (WithoutItems(OPTICAL), "no_candidates", "widen S2L2A.window_days (now 10)"),
    ],
)
def test_a_fault_empties_its_slots_with_a_reason(
    tmp_path: Path, fault: Fault, reason: str, hint: str
) -> None:
    """Other sensors are not affected; nothing is chosen from an incomplete answer."""
    result = scan("demo", catalog=faulty_demo(fault), out=tmp_path / "out")
    (outcome,) = result.outcomes
    assert (outcome.status, outcome.n_slots, outcome.n_filled) == ("partial", 9, 5)
    manifest = result.manifests[EVENT]
    assert [failure["reason"] for failure in manifest.failures] == [reason] * 4
    assert all(hint in failure["hint"] for failure in manifest.failures)
    assert manifest.scene_id("event", "S2L2A") is None
    assert manifest.scene_id("event", "S1RTC") is not None


def test_a_bug_in_a_catalog_ends_the_run_and_is_logged_with_its_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong key in a catalog's own code is not an answer of the catalog."""
    with pytest.raises(KeyError, match="missing"):
        scan("demo", catalog=faulty_demo(look_up_a_missing_key), out=tmp_path / "out")
    logged = caplog.records[0].getMessage()
    assert "Search(collection='sentinel-2-l2a', bbox=" in logged
    assert 'return {"url": SIGNED}["missing"]' in logged
    assert "KeyError: 'missing'" in logged


def test_no_credential_of_a_url_is_in_the_log_of_a_bug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """User, password and query of any URL are left out."""
    bug = RaiseError(AttributeError(f"no route to {SIGNED}"))
    with pytest.raises(AttributeError):
        scan("demo", catalog=faulty_demo(bug), out=tmp_path / "out")
    assert "no route to https://store.test/scene.tif" in caplog.text
    assert "hidden" not in caplog.text


def test_a_run_that_keeps_going_fails_the_batch_of_a_bug_and_retries_it(tmp_path: Path) -> None:
    """The events have a reason and no manifest; ``retry_failed`` runs them again."""
    out = tmp_path / "out"
    result = scan("demo", catalog=faulty_demo(look_up_a_missing_key), out=out, keep_going=True)
    (outcome,) = result.outcomes
    assert not result.ok
    assert (outcome.status, outcome.n_slots, outcome.n_filled) == ("failed", 9, 0)
    assert str(outcome.reason).startswith("internal_error (KeyError")
    with pytest.raises(ManifestError, match="internal_error"):
        _ = result.manifests[EVENT]
    again = scan("demo", catalog=faulty_demo(), out=out, retry_failed=True)
    assert again.ok
    calm = scan("demo", catalog=faulty_demo(), out=tmp_path / "calm")
    assert result_bytes(out) == result_bytes(calm.folder.path)


def test_candidates_of_an_incomplete_answer_stay_in_the_table(tmp_path: Path) -> None:
    """They have a verdict, but no rank."""
    result = scan("demo", catalog=faulty_demo(Incomplete(OPTICAL)), out=tmp_path / "out")
    optical = result.candidates.query("sensor == 'S2L2A'")
    assert not optical["selected"].any()
    assert "incomplete_answer" in set(optical["verdict"])


def test_rejected_candidates_give_a_hint_that_helps(tmp_path: Path) -> None:
    """With the cloud limit of the hint, the slot is filled."""
    recipe = Recipe()
    strict = replace(
        recipe,
        sensors={
            s: replace(a, max_cloud_percent=1.0) if a.max_cloud_percent else a
            for s, a in recipe.sensors.items()
        },
    )
    failure = scan("demo", recipe=strict, out=tmp_path / "strict").manifests[EVENT].failures[0]
    assert failure["reason"].startswith("all_rejected (")
    limit = float(failure["hint"].split("above ")[1].split(",")[0]) + 0.01
    loose = replace(
        recipe,
        sensors={
            s: replace(a, max_cloud_percent=limit) if a.max_cloud_percent else a
            for s, a in recipe.sensors.items()
        },
    )
    manifest = scan("demo", recipe=loose, out=tmp_path / "loose").manifests[EVENT]
    assert manifest.scene_id(failure["phase"], "S2L2A") is not None


def test_event_without_any_scene_fails_alone(tmp_path: Path) -> None:
    """The other event of the run is complete; both have a row."""
    (demo,) = load_events("demo", phase_offset_days=Recipe().phase_offset_days)
    far = Event(
        event_id="far",
        aoi=demo.aoi.buffer(0),
        bbox=demo.bbox,
        phase_dates={phase: day.replace(year=1990) for phase, day in demo.phase_dates.items()},
        onset=demo.onset,
        target_crs=demo.target_crs,
    )
    no_dem = replace(Recipe(), sensors={s: a for s, a in Recipe().sensors.items() if s != "DEM"})
    result = scan([far, demo], catalog="demo", recipe=no_dem, out=tmp_path / "out")
    assert [outcome.status for outcome in result.outcomes] == ["failed", "complete"]
    rows = result.folder.read_events().to_pylist()
    reasons = {row["event_id"]: row["reason"] for row in rows}
    assert reasons[EVENT] is None
    assert reasons["far"].count("not_covered (the archive covers sentinel-") == 8
    assert not result.ok


@pytest.mark.parametrize("late_part", [0, 1])
def test_events_are_chosen_once_their_own_searches_are_answered(
    late_part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search of one part of a batch waits here until the other part is chosen."""
    events, other_chosen = make_events(PART_EVENTS + 1), threading.Event()
    (batch,) = cut_batches(list_events(events), run_id="")
    parts = [*plan_batch(batch, APART).parts()]
    others = parts[1 - late_part].searches
    late = next(search for search in parts[late_part].searches if search not in others)

    def wait_for_choice(search: Search, ask: Ask) -> Answer:
        assert search != late or other_chosen.wait(timeout=60)
        return ask(search)

    def choose_and_tell(*args: object) -> BatchPart:
        part = choose(*args)  # type: ignore[arg-type]
        other_chosen.set()
        return part

    monkeypatch.setattr(pipeline, "choose", choose_and_tell)
    held = scan(events, catalog=faulty_demo(wait_for_choice), recipe=APART, out=tmp_path / "held")
    monkeypatch.undo()
    calm = scan(events, catalog=faulty_demo(), recipe=APART, out=tmp_path / "calm")
    assert result_bytes(held.folder.path) == result_bytes(calm.folder.path)


def test_answers_and_parts_are_pickled_with_one_buffer_per_table() -> None:
    """They are equal after pickling."""
    recipe = Recipe()
    (batch,) = cut_batches(list_events(load_events("demo", phase_offset_days={})), run_id="run")
    plan = plan_batch(batch, recipe)
    run = Run(
        catalog=open_catalog("demo"), catalog_id="demo", recipe=recipe, folder=RunFolder(Path())
    )
    answers = ask(run, plan.searches)
    part = choose(run, plan, dict(zip(plan.searches, answers, strict=True)))
    for sent, n_tables in [(answers, len(answers)), (part, 3)]:
        pieces: list[pickle.PickleBuffer] = []
        packed = pickle.dumps(sent, protocol=5, buffer_callback=pieces.append)
        assert pickle.loads(packed, buffers=pieces) == sent  # noqa: S301 - our own bytes
        assert len(pieces) == n_tables
