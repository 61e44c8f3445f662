"""A browser, and reports of runs of one, 300 and 5,000 events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import floodscan
from floodscan import Recipe, read_events
from floodscan.report.html import write_report
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.made_up_items import MadeUpItems
from tests.report.html.browser import open_browser
from tests.report.html.replicas import replicate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from floodscan.store import RunFolder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of reports."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A scan of the demo."""
    return floodscan.scan("demo", out=tmp_path_factory.mktemp("demo") / "run").folder


@pytest.fixture(scope="session")
def flood_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A scan of 300 real floods with made-up items."""
    folder = tmp_path_factory.mktemp("floods")
    write_events(folder / "events.csv", read_floods()[-300:])
    events = read_events(folder / "events.csv", phase_offset_days=Recipe().phase_offset_days)
    return floodscan.scan(
        events, catalog=MadeUpItems(lean=True), out=folder / "run", pack_manifests=True
    ).folder


@pytest.fixture(scope="session")
def demo_report(demo_run: RunFolder) -> Path:
    """The report of the demo."""
    return write_report(demo_run)


@pytest.fixture(scope="session")
def flood_report(flood_run: RunFolder) -> Path:
    """The report of 300 floods."""
    return write_report(flood_run)


@pytest.fixture(scope="session")
def large_report(flood_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 5,000 events."""
    return write_report(replicate(flood_run, tmp_path_factory.mktemp("large") / "run", 5000))
