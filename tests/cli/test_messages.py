"""Messages about options: what has no effect, and what can't be the output folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from floodscan.cli.main import main
from floodscan.cli.options import ClusterChoice

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("cluster", "unused"),
    [
        ("none", ["--profile", "--workers"]),
        ("local", ["--profile"]),
        ("slurm", []),
        ("allocation", []),
        ("tcp://127.0.0.1:8786", ["--profile", "--workers"]),
    ],
)
def test_unused_options_are_found(cluster: str, unused: list[str]) -> None:
    """Only options that were given count."""
    assert ClusterChoice(cluster, 2, "slurm.yaml", search_on_driver=False).list_unused() == unused
    assert ClusterChoice(cluster, None, None, search_on_driver=False).list_unused() == []


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Call the command line; return the exit status."""
    monkeypatch.setattr(sys, "argv", ["floodscan", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_unused_options_are_reported_and_the_scan_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The note is on the standard error, so that JSON stays readable."""
    out = ("--cluster", "none", "--out", tmp_path / "out")
    assert call(monkeypatch, "scan", "demo", *out, "--workers", 3, "--profile", "x.yaml") == 0
    assert capfd.readouterr().err.splitlines() == [
        "note: --profile has no effect with --cluster none",
        "note: --workers has no effect with --cluster none",
    ]
    assert call(monkeypatch, "scan", "demo", *out) == 0
    assert capfd.readouterr().err == ""


def test_reselect_into_the_run_itself_is_refused_without_advice_to_remove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also by another path to the same folder."""
    out, link = tmp_path / "out", tmp_path / "link"
    call(monkeypatch, "scan", "demo", "--cluster", "none", "--out", out)
    link.symlink_to(out)
    capfd.readouterr()
    for other in (out, link):
        assert call(monkeypatch, "reselect", out, "--cluster", "none", "--out", other) == 2
        message = capfd.readouterr().err
        assert message == f"error: {other}: is the run to choose from; choose another --out\n"
    assert (out / "events.parquet").exists()
