"""Choosing again by the clouds over areas: from the stored columns alone, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import floodscan
from floodscan import CloudScope, InputError, Policy, Recipe, scanning
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.planning.slots import plan_event
from floodscan.reselection import read_event
from floodscan.schemas import CLEARNESS
from floodscan.store import RunFolder
from tests.selection.skies import look, random_sky

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_run_without_clear_ground_can_not_answer(tmp_path: Path) -> None:
    """The message says what is missing, and nothing is written."""
    scan_demo(tmp_path / "run", Policy.REFERENCE)
    with pytest.raises(InputError, match="cloud is area, but the stored run read no clear ground"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "no", cloud=CloudScope.AREA)
    area = Recipe().with_cloud(CloudScope.AREA)
    with pytest.raises(InputError, match="read no clear ground; scan again"):
        scanning.reselect(tmp_path / "run", out=tmp_path / "no", recipe=area)
    assert not (tmp_path / "no").exists()
