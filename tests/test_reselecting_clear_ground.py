"""Choosing again by the clouds over areas: from the stored columns alone, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import floodscan
from floodscan import CloudScope, InputError, Policy, Recipe, scanning
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.planning.slots import plan_event
from floodscan.reselection import read_event
from floodscan.schemas import CLEARNESS
from floodscan.selection.sample_points import N_POINTS
from floodscan.store import RunFolder
from tests.documents import GUIDE, read_blocks
from tests.selection.skies import look, random_sky

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

POLICIES = list(Policy)


def scan_demo(out: Path, policy: Policy) -> None:
    """Scan the demo by the clouds of scenes."""
    floodscan.scan("demo", out=out, recipe=Recipe(policy=policy))


def fill(folder: Path) -> None:
    """Write clear ground to a run of the demo, as if it had been read."""
    held = RunFolder(folder)
    recipe = recipe_from_dict(held.read_run()["recipe"], source="run.json")
    ((batch, _),) = held.events.batches()
    (event,) = (
        read_event(floodscan.read_manifest(folder, event_id).content["event"])
        for event_id in held.read_part(batch)["event_id"].unique().to_pylist()
    )
    targets = {(event.event_id, t.target_id): t for t in plan_event(event, recipe).targets}
    sky = random_sky(3, unread=0.1)
    held.write_candidates(batch, look(held.read_part(batch), targets, sky))


def files(folder: Path) -> dict[str, bytes]:
    """Read the candidates and the manifests."""
    paths = [*folder.glob("candidates/*"), *folder.glob("manifests/*")]
    assert len(paths) == 2
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.parametrize("policy", POLICIES)
def test_both_scopes_follow_from_the_stored_columns(tmp_path: Path, policy: Policy) -> None:
    """There and back again, with the same bytes; and the choices by areas differ."""
    scan_demo(tmp_path / "run", policy)
    scanning.reselect(tmp_path / "run", out=tmp_path / "plain")
    fill(tmp_path / "run")
    scanning.reselect(tmp_path / "run", out=tmp_path / "scene")
    scanning.reselect(tmp_path / "scene", out=tmp_path / "area", cloud=CloudScope.AREA)
    scanning.reselect(tmp_path / "area", out=tmp_path / "back", cloud=CloudScope.SCENE)
    scanning.reselect(tmp_path / "back", out=tmp_path / "again", cloud=CloudScope.AREA)
    assert files(tmp_path / "scene") == files(tmp_path / "back")
    assert files(tmp_path / "area") == files(tmp_path / "again")
    plain, scene, area = (
        RunFolder(tmp_path / name).read_candidates() for name in ("plain", "scene", "area")
    )
    assert scene.drop_columns(CLEARNESS.names) == plain.drop_columns(CLEARNESS.names)
    chosen = [
        set(table.filter(table["selected"])["item_id"].to_pylist()) for table in (scene, area)
    ]
    assert chosen[0] != chosen[1]
    check_manifest(tmp_path / "area", area)


def test_queries_of_the_guide_find_the_clear_ground(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share of a scene that is clear, and that of two scenes together."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "floodscan-demo"
    scan_demo(folder, Policy.CHANGE_DETECTION)
    fill(folder)
    sets = {
        (row["phase"], row["item_id"]): int.from_bytes(row["clear_points"], "little")
        for row in RunFolder(folder).read_candidates().to_pylist()
        if row["clear_points"] is not None
    }
    blocks = [b.text for b in read_blocks(GUIDE / "candidates.md") if "clear_points" in b.text]
    singles, pairs = (duckdb.execute(text).fetchall() for text in blocks)
    for phase, item_id, _, _, clear, *_ in singles:
        share = sets[phase, item_id].bit_count() / N_POINTS if clear is not None else None
        assert clear == pytest.approx(share, abs=0.0005)
    assert len(singles) > 20
    assert len(pairs) == 10
    for before, during, both in pairs:
        joint = sets["pre_event", before] & sets["event", during]
        assert both == pytest.approx(joint.bit_count() / N_POINTS, abs=0.0005)


def check_manifest(folder: Path, candidates: pa.Table) -> None:
    """The manifest has what the scenes show of the ground; reading it checks its JSON schema."""
    (event_id,) = candidates["event_id"].unique().to_pylist()
    manifest = floodscan.read_manifest(folder, event_id).content
    rows = {(row["phase"], row["item_id"]): row for row in candidates.to_pylist()}
    choices = [
        (phase, slots["S2L2A"]) for phase, slots in manifest["selected"].items() if slots["S2L2A"]
    ]
    assert choices
    for phase, choice in choices:
        for item in choice["items"]:
            row = rows[phase, item["id"]]
            assert item["ground"] == {name: row[name] for name in item["ground"]}
            assert item["ground"].keys() == {*CLEARNESS.names} - {"clear_points"}
    unknown = {row["phase"] for row in rows.values() if row["selected"] and row["unread"]}
    assert {phase for phase, choice in choices if choice["clear_frac"] is None} == unknown


def test_a_run_without_clear_ground_can_not_answer(tmp_path: Path) -> None:
    """The message says what is missing, and nothing is written."""
    scan_demo(tmp_path / "run", Policy.REFERENCE)
    with pytest.raises(InputError, match="cloud is area, but the stored run read no clear ground"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "no", cloud=CloudScope.AREA)
    area = Recipe().with_cloud(CloudScope.AREA)
    with pytest.raises(InputError, match="read no clear ground; scan again"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "no", recipe=area)
    assert not (tmp_path / "no").exists()
