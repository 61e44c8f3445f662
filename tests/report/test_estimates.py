"""The estimate at the end of a plan: it names what a sweep takes, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from floodscan import Policy
from floodscan.planning.estimate import SweepSize
from floodscan.report.plans import show_estimate

if TYPE_CHECKING:
    import pytest

NOTHING = SweepSize(n_events=9, n_requests=0, n_items=0, n_candidates=0, n_choices=0)
ARCHIVE = replace(
    NOTHING, n_joined_items=10**6, n_row_groups=1434, n_bytes=1_100_000_000, n_candidates=10**6
)
API = replace(NOTHING, n_requests=97, n_items=5000, n_candidates=5000)
BOTH = replace(ARCHIVE, n_requests=97, n_items=5000)


def show(size: SweepSize, capsys: pytest.CaptureFixture[str], *, is_remote: bool = False) -> str:
    """Return the printed lines."""
    console = Console(width=100)
    show_estimate(console, size, Policy.REFERENCE, in_one_process=True, is_remote=is_remote)
    return capsys.readouterr().out


def test_an_archive_has_no_requests(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is read is named, and the cores that do it."""
    first, second = show(ARCHIVE, capsys).splitlines()
    assert first == "estimate: about 1,434 row groups, 1.1 GB"
    assert "cores: " in second
    assert " s, limited by " in second
    one = show(replace(ARCHIVE, n_row_groups=1, n_bytes=4000, n_joined_items=0), capsys)
    assert "about 1 row group, 4.0 kB\n" in one


def test_an_api_has_no_row_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests at once, and the time of each, are named."""
    first, second = show(API, capsys).splitlines()
    assert first == "estimate: about 97 requests, 5,000 items and 14.0 MB"
    assert "requests at once of 1.7 s: 9 s, limited by requests at once" in second


def test_both_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, and the time is that of both."""
    first, second = show(BOTH, capsys).splitlines()
    assert first.endswith("97 requests, 5,000 items and 14.0 MB; 1,434 row groups, 1.1 GB")
    assert "requests at once" in second


def test_the_network_is_left_out_of_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has measured how long a store takes; the estimate says that it leaves this out."""
    left_out = "the time to fetch the row groups is not in the estimate\n"
    assert left_out in show(ARCHIVE, capsys, is_remote=True)
    assert left_out not in show(ARCHIVE, capsys)
    assert left_out not in show(API, capsys, is_remote=True)


def test_a_sweep_that_takes_nothing_has_no_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is printed."""
    assert show(NOTHING, capsys) == ""
