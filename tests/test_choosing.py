"""``choose``: a person's decision for an event, in the folder of the run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import floodscan
from floodscan import InputError, Policy, Recipe
from floodscan.assessment.outcomes import read_outcomes
from floodscan.choosing import choose
from floodscan.model import Decision
from floodscan.report.explain import explain
from floodscan.schemas import split_by_event
from floodscan.store import RunFolder
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.assessment.manifest import Manifest

EVENT = "copy-001"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scan three events for change detection."""
    out: Path = tmp_path_factory.mktemp("choosing") / "run"
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    floodscan.scan(demo_copies(3), catalog="demo", out=out, recipe=recipe)
    return out


@pytest.fixture
def run(scanned: Path, tmp_path: Path) -> Path:
    """Copy the run."""
    return shutil.copytree(scanned, tmp_path / "run")


def orbit_of(manifest: Manifest, phase: str = "event") -> int:
    """Return the relative orbit of a phase's SAR scene."""
    return int(manifest.content["selected"][phase]["S1RTC"]["relative_orbit"])


def other_pass(run: Path) -> tuple[str, int]:
    """Return a scene, and its orbit, of another track that could fill ``event``."""
    rows = RunFolder(run).read_candidates(EVENT).to_pylist()
    wanted = {"phase": "event", "sensor": "S1RTC", "verdict": "other_track"}
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    best = max(found, key=lambda row: row["overlap_frac"])
    return best["item_id"], best["relative_orbit"]


def test_the_pass_that_a_person_names_fills_the_event(run: Path) -> None:
    """The set follows it, the manifest records the decision, other events keep their bytes."""
    item, orbit = other_pass(run)
    folder = RunFolder(run)
    before = {name: folder.read_manifest(name) for name in ("copy-000", "copy-002")}
    parts = split_by_event(folder.read_candidates())
    manifest = choose(run, EVENT, Decision(event_pass=item))
    assert manifest.content["decision"] == {
        "by": "person",
        "event_pass": item,
        "track": None,
        "kept": True,
    }
    assert orbit_of(manifest) == orbit
    assert manifest.content == floodscan.read_manifest(run, EVENT).content
    assert {name: folder.read_manifest(name) for name in before} == before
    after = split_by_event(folder.read_candidates())
    assert list(after) == list(parts)
    assert all(after[name].equals(parts[name]) for name in before)
    chosen = [row for row in after[EVENT].to_pylist() if row["verdict"] == "decided_otherwise"]
    assert {row["phase"] for row in chosen} == {"event"}
    (slot,) = explain(folder, EVENT, ["event", "S1RTC"])
    assert slot["decision"].endswith(f"a person decided for event pass {item}")


def test_the_track_that_a_person_names_is_that_of_all_phases(run: Path) -> None:
    """Events and counts of the run tell of the new choice."""
    _, orbit = other_pass(run)
    manifest = choose(run, EVENT, Decision(track=orbit))
    phases = [phase for phase, slots in manifest.content["selected"].items() if slots["S1RTC"]]
    assert {orbit_of(manifest, phase) for phase in phases} == {orbit}
    folder = RunFolder(run)
    (outcome,) = (o for o in read_outcomes(folder.read_events()) if o.event_id == EVENT)
    assert outcome.n_filled == sum(
        bool(choice) for slots in manifest.content["selected"].values() for choice in slots.values()
    ) + bool(manifest.content["dem_items"])
    assert folder.read_run()["counts"]["filled"] == sum(
        other.n_filled for other in read_outcomes(folder.read_events())
    )


def test_a_decision_can_be_taken_back(run: Path) -> None:
    """The folder then has the same bytes as before."""
    before = RunFolder(run).read_manifest(EVENT)
    events = RunFolder(run).read_events()
    choose(run, EVENT, Decision(event_pass=other_pass(run)[0]))
    choose(run, EVENT, None)
    assert RunFolder(run).read_manifest(EVENT) == before
    assert RunFolder(run).read_events().equals(events)
    assert not RunFolder(run).decisions_path.exists()


def test_a_reselection_obeys_the_decision_where_its_rules_admit_it(
    run: Path, tmp_path: Path
) -> None:
    """Otherwise it chooses by its rules, and a warning says so; the decision is not lost."""
    item, orbit = other_pass(run)
    choose(run, EVENT, Decision(event_pass=item))
    same = floodscan.reselect(
        run,
        out=tmp_path / "same",
        recipe=Recipe(policy=Policy.CHANGE_DETECTION, warn_coverage_below=0.5),
    )
    assert orbit_of(same.manifests[EVENT]) == orbit
    reference = floodscan.reselect(run, out=tmp_path / "reference", policy=Policy.REFERENCE)
    content = reference.manifests[EVENT].content
    assert content["decision"]["kept"] is False
    assert content["warnings"][-1]["code"] == "decision_not_kept" or any(
        each["code"] == "decision_not_kept" for each in content["warnings"]
    )
    again = floodscan.reselect(
        tmp_path / "reference", out=tmp_path / "again", policy=Policy.CHANGE_DETECTION
    )
    assert again.manifests[EVENT].content["decision"]["kept"] is True


def test_a_later_scan_of_the_run_obeys_the_decision(run: Path) -> None:
    """Also where it repeats the batch of the event."""
    item, orbit = other_pass(run)
    choose(run, EVENT, Decision(event_pass=item))
    chosen = RunFolder(run).read_manifest(EVENT)
    for part in RunFolder(run).candidates_path.glob("*.parquet"):
        part.unlink()
    RunFolder(run).events.whole.unlink()
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    result = floodscan.scan(demo_copies(3), catalog="demo", out=run, recipe=recipe)
    assert orbit_of(result.manifests[EVENT]) == orbit
    assert RunFolder(run).read_manifest(EVENT) == chosen


def test_packed_manifests_are_replaced_too(tmp_path: Path) -> None:
    """The other events of the batch keep theirs."""
    out = tmp_path / "packed"
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    floodscan.scan(demo_copies(2), catalog="demo", out=out, recipe=recipe, pack_manifests=True)
    item, orbit = other_pass(out)
    choose(out, EVENT, Decision(event_pass=item))
    assert orbit_of(floodscan.read_manifest(out, EVENT)) == orbit
    assert orbit_of(floodscan.read_manifest(out, "copy-000")) == 37
    assert not list((out / "manifests").glob("*.json"))


def test_a_decision_that_the_rules_do_not_admit_is_refused(run: Path) -> None:
    """The message says why, and nothing is written."""
    before = RunFolder(run).read_manifest(EVENT)
    rows = RunFolder(run).read_candidates(EVENT).to_pylist()
    early = next(
        row["item_id"]
        for row in rows
        if (row["phase"], row["verdict"]) == ("event", "wrong_side_of_onset")
    )
    with pytest.raises(InputError, match=f"{early} can't be chosen: wrong_side_of_onset"):
        choose(run, EVENT, Decision(event_pass=early))
    with pytest.raises(InputError, match="no candidate of phase event"):
        choose(run, EVENT, Decision(event_pass="S1_unknown"))  # noqa: S106
    with pytest.raises(InputError, match="track 999 can't be chosen: it has no candidate"):
        choose(run, EVENT, Decision(track=999))
    with pytest.raises(InputError, match="did you mean 'copy-00"):
        choose(run, "copy-01", Decision(track=37))
    assert RunFolder(run).read_manifest(EVENT) == before
    assert not RunFolder(run).decisions_path.exists()


def test_the_reference_policy_knows_no_decisions(tmp_path: Path) -> None:
    """The message says what to do."""
    floodscan.scan(demo_copies(1), catalog="demo", out=tmp_path / "run")
    with pytest.raises(InputError, match="reselect it with --policy change-detection first"):
        choose(tmp_path / "run", "copy-000", Decision(track=37))
