"""A user's mistakes: exit status 2, one message, and nothing is left."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest

from floodscan.testing.servers.process import free_port
from tests.cli.conftest import EVENT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.servers.fixtures import StacApi

FILES = {
    "broken.toml": "[[event",
    "policy.toml": "policy = 'best'\n",
    "sensor.toml": "sensors = ['S3']\n",
    "id.toml": "[[event]]\nevent_id = '../x'\nbbox = [6, 49, 7, 50]\nevent_date = 2021-07-15\n",
    "file": "",
}

MISTAKES = {
    "missing file": ("scan {tmp}/none.toml", "none.toml: No such file"),
    "broken file": ("scan {tmp}/broken.toml", "broken.toml: can't be read"),
    "bad id": ("scan {tmp}/id.toml", "event 1, field 'event_id'"),
    "bad policy": ("scan demo --recipe {tmp}/policy.toml", "field 'policy'"),
    "bad sensor": ("scan demo --recipe {tmp}/sensor.toml", "field 'sensors'"),
    "missing recipe": ("scan demo --recipe {tmp}/none.toml", "none.toml: No such file"),
    "bad tile size": ("scan demo --tile-size -5", "--tile-size: must be above 0"),
    "no catalog": ("scan demo --catalog {tmp}/none", "can't be read"),
    "unreachable": ("scan demo --catalog http://127.0.0.1:{port}", "can't be reached"),
    "unwritable out": ("scan demo --out {tmp}/file/out", "can't be written"),
    "out under a file": ("scan demo --out {tmp}/file/a/b", "can't be written"),
    "out that is a file": ("scan demo --out {tmp}/file", "can't be written"),
    "too long out": ("scan demo --out {long}", "can't be used: File name too long"),
    "out on a disk of the system": ("scan demo --out /proc/out", "/proc/out: can't be written"),
    "too long out of a new choice": (
        "reselect {demo} --cluster none --out {long}",
        "can't be used: File name too long",
    ),
    "too long run": ("status {long}", "is it the output of a scan?"),
    "too long folder of pictures": ("plot {demo} {event} --to {long}", "can't be written"),
    "no scheduler": ("scan demo --cluster nonsense", "no Dask scheduler"),
    "bad range": ("scan demo --workers 4:2", "4:2: must be at least 1, and MAX at least MIN"),
    "bad number": ("scan demo --workers many", "'many' is neither a number nor MIN:MAX"),
    "range": ("scan demo --cluster local --workers 1:2", "local has a fixed size; use slurm"),
    "unknown option": ("scan demo --clouds 40", "No such option"),
    "unknown event": ("explain {demo} nobody", "has no event 'nobody'"),
    "unknown phase": ("explain {demo} {event} pre-event", "did you mean 'pre_event'?"),
    "unknown target": ("explain {demo} {event} --target tile_1_1", "has no target 'tile_1_1'"),
    "no run": ("explain {tmp} {event}", "is it the output of a scan?"),
    "unknown topic": ("guide slrm", "did you mean 'slurm'?"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message(
    words: str, message: str, tmp_path: Path, demo_out: Path, run: Run
) -> None:
    """There is no traceback and no output."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    usual = "scan --cluster none --out {tmp}/out"  # options that follow have precedence
    line = words.replace("scan", usual, 1) if words.startswith("scan") else words
    line = line.format(
        tmp=tmp_path, demo=demo_out, event=EVENT, port=free_port(), long=tmp_path / ("x" * 300)
    )
    status, output, errors = run(*shlex.split(line))
    assert (status, output) == (2, "")
    assert message in errors
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1 or "Usage" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("catalog", ["api", "demo"])
def test_missing_collection_is_an_error(
    catalog: str, tmp_path: Path, lean_api: StacApi, run: Run
) -> None:
    """The message names the catalog, before any work begins."""
    recipe, out = tmp_path / "r.toml", tmp_path / "out"
    recipe.write_text("[DEM]\ncollection = 'cop-dem-glo-90'\n")
    words = ["scan", "demo", "--cluster", "none", "--out", out, "--recipe", recipe]
    status, _, errors = run(*words, "--catalog", lean_api.url if catalog == "api" else catalog)
    assert status == 2
    assert "no collection 'cop-dem-glo-90'" in errors
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_an_error(tmp_path: Path, run: Run) -> None:
    """The exit status is that of a mistake."""
    tmp_path.chmod(0o500)
    assert run("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")[0] == 2
