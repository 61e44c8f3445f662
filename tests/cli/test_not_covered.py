"""An archive that covers only a part of a sweep: nothing is silently empty."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from floodscan.cli.exit_status import ExitStatus
from tests.catalogs.test_sources import write_archive
from tests.cli.conftest import EVENT
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.servers.fixtures import StacApi

COVERED = "the archive covers sentinel-1-rtc in 2021-06-01/2021-07-03"


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """An archive that ends in the middle of the demo's time."""
    return write_archive(tmp_path / "half")


def test_the_summary_the_manifest_and_explain_name_what_is_not_covered(
    run: Run, half: Path, tmp_path: Path
) -> None:
    """The exit status is that of an incomplete run; the candidates stay, with their verdict."""
    recipe = tmp_path / "cloudy.toml"
    recipe.write_text("relax = []\n[S2L2A]\nmax_cloud_percent = 99.9\n")
    words = ("--catalog", half, "--recipe", recipe, "--cluster", "none")
    status, output, errors = run("scan", "demo", *words, "--out", tmp_path / "out")
    assert status == ExitStatus.INCOMPLETE
    assert "3 of 9 slots filled" in output
    assert "not covered by the archive: 6 slots of 1 of 1 events; --fallback-catalog" in output
    assert COVERED.split(" covers ")[1].split(" in ")[1] in errors  # before the run starts
    _, output, _ = run("manifest", tmp_path / "out", EVENT)
    failures = json.loads(output)["failures"]
    assert [each["code"] for each in failures] == ["not_covered"] * 6
    assert COVERED in str(failures)
    status, output, _ = run("explain", tmp_path / "out", EVENT, "event")
    assert status == ExitStatus.OK
    assert COVERED in " ".join(output.split())
    assert "--fallback-catalog" in output
    _, output, _ = run("explain", tmp_path / "out", EVENT, "pre_event", "S2L2A")
    assert "not_covered" in output
    _, output, _ = run("explain", tmp_path / "out", EVENT, "pre_event", "S2L2A", "--json")
    (slot,) = json.loads(output)
    assert "not_covered" in {row["verdict"] for row in slot["candidates"]}


def test_a_fallback_gives_the_bytes_of_the_api(
    run: Run, half: Path, lean_api: StacApi, tmp_path: Path
) -> None:
    """All slots are filled, and the summary has nothing to say about coverage."""
    both = ("--catalog", half, "--fallback-catalog", lean_api.url)
    for name, words in (("both", both), ("api", ("--catalog", lean_api.url))):
        scan = ("scan", "demo", *words, "--cluster", "none", "--out", tmp_path / name)
        status, output, _ = run(*scan)
        assert status == ExitStatus.OK
        assert "9 of 9 slots filled" in output
        assert "not covered" not in output
    assert result_bytes(tmp_path / "both") == result_bytes(tmp_path / "api")
    _, output, _ = run("explain", tmp_path / "both", EVENT)
    assert "not_covered" not in output
