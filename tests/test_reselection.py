"""Choosing again from stored candidates: the results of a scan by the same rules, or refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely

import floodscan
from floodscan import InputError, OutputError, Policy, Recipe, Sensor, scanning
from floodscan.model import Phase, Relaxation
from floodscan.report.compare import compare
from floodscan.reselection import check_answerable
from floodscan.store import RunFolder
from floodscan.store.ledger import Ledger
from floodscan.testing.fake_catalog import FakeCatalog, Incomplete, NoItems
from tests.sweeps import demo_copies

CHANGE_DETECTION = Recipe(policy=Policy.CHANGE_DETECTION)


def contents(folder: Path) -> dict[str, Any]:
    """Read candidates and manifests of a run."""
    parts = sorted((folder / "candidates").glob("*.parquet"))
    assert parts
    files: dict[str, Any] = {f"part {n}": part.read_bytes() for n, part in enumerate(parts)}
    for path in (folder / "manifests").iterdir():
        files[path.name] = orjson.loads(path.read_bytes())
    return files


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The demo by both policies."""
    folder = tmp_path_factory.mktemp("runs")
    floodscan.scan("demo", out=folder / "reference")
    floodscan.scan("demo", out=folder / "change-detection", recipe=CHANGE_DETECTION)
    return {policy: folder / policy for policy in ("reference", "change-detection")}


def test_the_reference_policy_from_stored_candidates_is_that_of_a_scan(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """The bytes are the same: candidates of wider windows are left out."""
    scanning.reselect(runs["change-detection"], out=tmp_path / "again", policy=Policy.REFERENCE)
    assert contents(tmp_path / "again") == contents(runs["reference"])


def test_choosing_again_by_the_same_rules_changes_nothing(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Candidates and manifests have the same bytes."""
    scanning.reselect(runs["change-detection"], out=tmp_path / "again")
    assert contents(tmp_path / "again") == contents(runs["change-detection"])


def test_a_reference_run_can_be_chosen_from_by_the_other_policy(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Steps of the default ladder that need wider windows are removed from the recipe."""
    result = scanning.reselect(
        runs["reference"], out=tmp_path / "again", policy=Policy.CHANGE_DETECTION
    )
    (manifest,) = result.manifests.values()
    choices = manifest.content["selected"]
    assert {choices[phase]["S1RTC"]["relative_orbit"] for phase in choices} == {37}
    steps = manifest.content["provenance"]["recipe"]["relax"]
    assert steps == [
        {"sensor": "S2L2A", "max_cloud_percent": 50.0},
        {"sensor": "S1RTC", "mixed_track": True},
        {"sensor": "S1RTC", "min_coverage": 0.1},
    ]
    assert result.outcomes[0].n_requests == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"relax": (Relaxation(sensor=Sensor.S1RTC, window_days=9),)},
            "the ladder has S1RTC.window_days=9",
        ),
        ({"tile_size_m": 5000.0}, "tile_size_m is 5000.0"),
        (
            {"S2L2A": {"window_days": 11}},
            "S2L2A.window_days is 11, but the stored run searched only 10",
        ),
        ({"S2L2A": {"assets": ("B02", "SCL")}}, "S2L2A.assets SCL are not in the stored run"),
        ({"DEM": {"collection": "nasadem"}}, "DEM.collection is nasadem"),
        ({"phase_offset_days": dict.fromkeys(Phase, 0)}, "phase_offset_days differ"),
    ],
)
def test_rules_that_ask_for_more_are_refused(
    runs: dict[str, Path], tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    """The message names the rule, and nothing is written."""
    recipe = replace(CHANGE_DETECTION, relax=())
    sensors = {s: replace(asked, **change.get(str(s), {})) for s, asked in recipe.sensors.items()}
    own = {name: value for name, value in change.items() if name not in list(Sensor)}
    with pytest.raises(InputError, match=named):
        scanning.reselect(
            runs["reference"], out=tmp_path / "no", recipe=replace(recipe, sensors=sensors, **own)
        )
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("policy", Policy)
def test_a_run_with_loose_rules_is_chosen_from_by_the_same_rules(
    policy: Policy, tmp_path: Path
) -> None:
    """Any cloud cover, and passes that cover less than the last step of the default ladder asks."""
    clouds = replace(Recipe().sensors[Sensor.S2L2A], max_cloud_percent=None)
    sensors = {**Recipe().sensors, Sensor.S2L2A: clouds}
    recipe = Recipe(policy=policy, sensors=sensors, min_coverage=0.05)
    floodscan.scan("demo", out=tmp_path / "run", recipe=recipe)
    for given in (None, recipe):
        scanning.reselect(tmp_path / "run", out=tmp_path / f"again-{given is None}", recipe=given)
        assert contents(tmp_path / f"again-{given is None}") == contents(tmp_path / "run")


def test_all_time_is_more_than_a_window(runs: dict[str, Path], tmp_path: Path) -> None:
    """A sensor without a window asks for more than was searched."""
    always = replace(Recipe().sensors[Sensor.S1RTC], window_days=None)
    recipe = Recipe(sensors={Sensor.S1RTC: always})
    with pytest.raises(InputError, match=r"S1RTC\.window_days is without a limit, but"):
        scanning.reselect(runs["reference"], out=tmp_path / "no", recipe=recipe)


def test_a_sensor_that_was_not_searched_is_named(tmp_path: Path) -> None:
    """One message names all rules that ask for more."""
    searched = replace(Recipe(), sensors={Sensor.S1RTC: Recipe().sensors[Sensor.S1RTC]})
    wider = replace(Recipe().sensors[Sensor.S1RTC], window_days=30)
    asked = replace(Recipe(), sensors={**Recipe().sensors, Sensor.S1RTC: wider})
    with pytest.raises(InputError) as caught:
        check_answerable(asked, searched, RunFolder(tmp_path))
    for named in (
        "S1RTC.window_days is 30, but the stored run searched only 4",
        "S2L2A was not searched",
        "DEM was not searched",
    ):
        assert named in str(caught.value)


def test_stricter_rules_are_those_of_a_scan(runs: dict[str, Path], tmp_path: Path) -> None:
    """Narrower windows, less cloud and fewer bands give the manifest of a scan by these rules."""
    sensors = dict(Recipe().sensors)
    sensors[Sensor.S1RTC] = replace(sensors[Sensor.S1RTC], window_days=2)
    sensors[Sensor.S2L2A] = replace(
        sensors[Sensor.S2L2A], max_cloud_percent=10.0, assets=("B03", "B02")
    )
    recipe = Recipe(sensors=sensors)
    floodscan.scan("demo", out=tmp_path / "scan", recipe=recipe)
    scanning.reselect(runs["reference"], out=tmp_path / "again", recipe=recipe)
    ours, theirs = contents(tmp_path / "again"), contents(tmp_path / "scan")
    # the candidates differ: the square of a raster is read from the first asset of the recipe
    assert ours.keys() == theirs.keys()
    (name,) = (name for name in ours if name.endswith(".json"))
    assert ours[name] == theirs[name]


@pytest.mark.parametrize("policy", Policy)
def test_fewer_sensors_are_chosen_from(
    policy: Policy, runs: dict[str, Path], tmp_path: Path
) -> None:
    """Candidates of the other sensors are left out."""
    recipe = replace(Recipe(policy=policy), sensors={Sensor.DEM: Recipe().sensors[Sensor.DEM]})
    result = scanning.reselect(runs["reference"], out=tmp_path / "again", recipe=recipe)
    assert set(result.candidates["sensor"]) == {"DEM"}
    assert result.outcomes[0].n_slots == 1


def test_an_incomplete_answer_stays_incomplete(tmp_path: Path) -> None:
    """Nothing is chosen from it by other rules either."""
    part = FakeCatalog(faults=(Incomplete("sentinel-1-rtc"),))
    floodscan.scan("demo", catalog=part, out=tmp_path / "part")
    result = scanning.reselect(
        tmp_path / "part", out=tmp_path / "again", policy=Policy.CHANGE_DETECTION
    )
    (manifest,) = result.manifests.values()
    empty = [failure["sensor"] for failure in manifest.failures]
    assert empty == ["S1RTC"] * 4
    assert {failure["reason"] for failure in manifest.failures} == {"incomplete"}


def test_events_without_candidates_are_kept(tmp_path: Path) -> None:
    """They fail again, with their reason."""
    floodscan.scan("demo", catalog=NoItems(), out=tmp_path / "none")
    result = scanning.reselect(
        tmp_path / "none", out=tmp_path / "again", policy=Policy.CHANGE_DETECTION
    )
    assert [outcome.status for outcome in result.outcomes] == ["failed"]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """The message names the missing file."""
    with pytest.raises(OutputError, match=r"run\.json"):
        scanning.reselect(tmp_path, out=tmp_path / "out")


def test_a_run_that_has_not_finished_is_refused(tmp_path: Path) -> None:
    """The message says what to do, and nothing is written."""
    events = demo_copies(2)

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        floodscan.scan(events, catalog="demo", out=tmp_path / "run", on_progress=interrupt)
    with pytest.raises(InputError, match="has not finished; start the same scan again"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "again")
    assert not (tmp_path / "again").exists()
    floodscan.scan(events, catalog="demo", out=tmp_path / "run")
    assert scanning.reselect(tmp_path / "run", out=tmp_path / "again").ok


def test_the_new_run_has_the_version_of_the_program_that_chose(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Another version in the same folder is another run."""
    old, again = tmp_path / "old", tmp_path / "again"
    shutil.copytree(runs["reference"], old)
    searched = RunFolder(old).read_run()
    RunFolder(old).write_run({**searched, "floodscan": "0.0.1", "versions": {"shapely": "1.8"}})
    for _ in range(2):
        scanning.reselect(old, out=again)
        chosen = RunFolder(again).read_run()
        assert (chosen["floodscan"], chosen["versions"]) == (
            searched["floodscan"],
            searched["versions"],
        )
    RunFolder(again).write_run({**chosen, "floodscan": "0.0.1"})
    with pytest.raises(OutputError, match=r"floodscan is 0\.0\.1 there, and"):
        scanning.reselect(old, out=again)


def test_events_are_never_all_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their table is read batch by batch, and only once for packed manifests."""
    first = floodscan.scan(
        demo_copies(70), catalog="demo", out=tmp_path / "run", pack_manifests=True
    )
    monkeypatch.delattr(Ledger, "read")
    again = scanning.reselect(tmp_path / "run", out=tmp_path / "again")
    monkeypatch.undo()
    assert again.counts == {**first.counts, "requests": 0}
    packs = [
        {p.name: p.read_bytes() for p in run.folder.manifests_path.iterdir()}
        for run in (first, again)
    ]
    assert len(packs[0]) > 1
    assert packs[0] == packs[1]


def test_events_that_were_added_appear_once(tmp_path: Path) -> None:
    """Choices of an earlier call, for fewer events, are deleted."""
    for n_events in (2, 4):
        floodscan.scan(demo_copies(n_events), catalog="demo", out=tmp_path / "run")
        again = scanning.reselect(tmp_path / "run", out=tmp_path / "again")
        assert again.counts["events"] == len(again.folder.read_events()) == n_events
    assert contents(tmp_path / "again") == contents(tmp_path / "run")


def test_a_damaged_table_of_events_is_reported(runs: dict[str, Path], tmp_path: Path) -> None:
    """Nothing is written."""
    shutil.copytree(runs["reference"], tmp_path / "run")
    table = tmp_path / "run" / "events.parquet"
    table.write_bytes(table.read_bytes()[:-8])
    with pytest.raises(OutputError, match=r"events\.parquet: can't be read"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "again")
    table.unlink()
    with pytest.raises(OutputError, match=r"holds no events\.parquet"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_compare_lists_what_differs_with_reasons(runs: dict[str, Path]) -> None:
    """Each run has a judgement of the other run's choice."""
    found = compare(RunFolder(runs["reference"]), RunFolder(runs["change-detection"]))
    assert found["same"] == 2
    slots = {(slot["phase"], slot["sensor"]): slot for slot in found["slots"]}
    assert len(slots) == 7
    flood = slots["pre_event", "S2L2A"]
    assert flood["one"][0].startswith("S2A_MSIL2A_20210721")
    assert flood["one_in_other"] == "wrong_side_of_onset"
    assert flood["other_in_one"] == "too_cloudy"
    assert slots["pre_month", "S1RTC"]["one_in_other"] == "other_track"
    (event,) = found["events"]
    assert (event["one"]["chips"], event["other"]["chips"]) == (890, 1120)
    assert event["one"]["joint_frac"] < event["other"]["joint_frac"] == 1.0
    assert len(event["one"]["warnings"]) == 12
    assert event["other"]["warnings"] == [
        "onset_assumed aoi/event/S1RTC",
        "late_event aoi/event/S2L2A",
    ]


def test_a_run_is_the_same_as_itself(runs: dict[str, Path]) -> None:
    """Nothing differs."""
    folder = RunFolder(runs["reference"])
    assert compare(folder, folder)["slots"] == []


def test_runs_of_other_events_are_not_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """No slot is in both."""
    event = floodscan.read_events(
        Path(floodscan.__file__).parent / "data" / "demo" / "event.toml",
        phase_offset_days=Recipe().phase_offset_days,
    )[0]
    other = replace(
        event,
        event_id="elsewhere",
        aoi=shapely.box(5.8, 49.5, 6.0, 49.6),
        bbox=(5.8, 49.5, 6.0, 49.6),
    )
    floodscan.scan(other, catalog="demo", out=tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no event in common"):
        compare(RunFolder(runs["reference"]), RunFolder(tmp_path / "elsewhere"))
