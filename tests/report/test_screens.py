"""Screens at four widths: text files that show what a user sees, and what holds for all of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.report.render_screens import FOLDER, SCREENS, WIDTHS, Runs, render

if TYPE_CHECKING:
    from pathlib import Path

SCENE = re.compile(r"\S*(?:_rtc|_T\d\d[A-Z]{3}_\w+|_DEM)\b")
NUMBER = re.compile(r"(?<![\w.,-])[+-]?\d+(?:[.,]\d+)*(?![\w.-])")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Scan the demo for all screens."""
    return Runs(tmp_path_factory.mktemp("screens"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SCREENS)
def test_screen_is_the_stored_one(runs: Runs, name: str, width: int) -> None:
    """``uv run poe screens`` renews the files."""
    assert render(runs, name, width) == (FOLDER / f"{name}-{width}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", SCREENS)
def test_narrow_screen_has_every_id_and_number_of_the_wide_one(name: str) -> None:
    """Nothing is dropped or cut, and no line is longer than the screen."""
    wide = stored(name, WIDTHS[-1])
    for width in WIDTHS:
        text = stored(name, width)
        assert max(map(len, text.splitlines())) <= width
        assert sorted(SCENE.findall(text)) == sorted(SCENE.findall(wide))
        assert sorted(NUMBER.findall(text)) == sorted(NUMBER.findall(wide))


def test_screens_of_the_demo_hold_ids() -> None:
    """The comparison of widths would pass without any."""
    for name, number in {"scan": 12, "scan-mosaics": 12, "explain": 60, "compare": 14}.items():
        assert len(SCENE.findall(stored(name, 80))) >= number


@pytest.mark.parametrize("name", ["scan-tiles", "scan-many", "compare-many", "plan-many"])
def test_long_lists_end_after_20_rows(name: str) -> None:
    """The title counts all of them and names where the rest is."""
    assert re.search(r"the(?:se are| first) 20", stored(name, 200))
    assert len(stored(name, 80).splitlines()) < 130


def test_no_screen_is_left_over() -> None:
    """Each file belongs to a screen."""
    names: set[Path] = {FOLDER / f"{name}-{width}.txt" for name in SCREENS for width in WIDTHS}
    assert set(FOLDER.glob("*")) == names


def stored(name: str, width: int) -> str:
    """Read a screen."""
    return (FOLDER / f"{name}-{width}.txt").read_text("utf-8")
