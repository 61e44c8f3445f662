"""The report of many events: table, filters, map and charts, on screens of all kinds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.report.html.browser import open_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from floodscan.store import RunFolder
    from tests.report.html.browser import OpenReport

    Rows = list[dict[str, object]]


@pytest.fixture
def overview(browser: Browser, flood_report: Path) -> Iterator[OpenReport]:
    """The report of 300 floods."""
    with open_report(browser, flood_report) as report:
        yield report


def first_ids(report: OpenReport, n: int = 5) -> list[str]:
    """Return the ids of the first rows of the table."""
    return report.texts("#table .tabulator-row a")[:n]


def test_counts_are_those_of_the_run(overview: OpenReport, flood_run: RunFolder) -> None:
    """Tiles count what ``run.json`` counts."""
    counts = flood_run.read_run()["counts"]
    told = "\n".join(overview.texts("#tiles .tile"))
    for name, label in (
        *(("events", "events"), ("complete", "complete"), ("partial", "partial")),
        *(("filled", "slots filled"), ("candidates", "candidates"), ("requests", "requests")),
    ):
        assert f"{counts[name]:,}\n{label}" in told
    assert "58 %" in overview.texts("#filled")[0]
    assert "28 %" in overview.texts("#filled")[0]


def test_table_sorts_by_mouse_and_by_keyboard(overview: OpenReport, flood_run: RunFolder) -> None:
    """A header sorts in both directions; the keyboard reaches it."""
    rows = flood_run.read_events().sort_by(
        [("n_candidates", "descending"), ("event_id", "ascending")]
    )
    most = rows["n_candidates"][0].as_py()
    header = overview.page.locator(".tabulator-col[tabulator-field=n_candidates]")
    header.focus()
    overview.page.keyboard.press("Enter")
    least = overview.page.locator(".tabulator-row [tabulator-field=n_candidates]").first
    assert int(least.inner_text()) == rows["n_candidates"][-1].as_py()
    overview.page.keyboard.press("Enter")
    assert int(least.inner_text()) == most
    overview.page.locator(".tabulator-col[tabulator-field=event_id]").click()
    assert first_ids(overview) == sorted(rows["event_id"].to_pylist())[:5]


def test_search_and_filters(overview: OpenReport, flood_run: RunFolder) -> None:
    """Text, status, reason and warning limit the table, the map and the charts together."""
    events = flood_run.read_events().to_pylist()
    ids = [event["event_id"] for event in events]
    overview.page.fill("#search", "47")
    wanted = [name for name in ids if "47" in name]
    assert overview.texts("#shown") == [f"{len(wanted)} of 300 events"]
    assert set(first_ids(overview)) <= set(wanted)
    overview.page.fill("#search", "")
    overview.page.check("[name=status][value=partial]")
    partial = [event for event in events if event["status"] == "partial"]
    assert overview.texts("#shown") == [f"{len(partial)} of 300 events"]
    shown = overview.run(
        "document.querySelector('#world .mark.partial[d]').getAttribute('d').split('z').length - 1"
    )
    assert shown == len(partial)
    codes = Counter(reason["code"] for event in partial for reason in event["reasons"])
    bars = "\n".join(overview.texts("#charts .card:first-child li"))
    assert all(f"{code.replace('_', ' ')}, " in bars for code in codes)
    overview.page.click("#filters [type=reset]")
    overview.page.wait_for_function(
        "() => document.getElementById('shown').textContent.startsWith('all')"
    )
    overview.page.select_option("#filter-warning", "low_coverage")
    low = sum("low_coverage" in {w["code"] for w in event["choice_warnings"]} for event in events)
    assert overview.texts("#shown") == [f"{low} of 300 events"]


def test_bar_of_a_reason_filters(overview: OpenReport, flood_run: RunFolder) -> None:
    """A click shows the events with this reason, and a second click all."""
    n_partial = sum(event["status"] == "partial" for event in flood_run.read_events().to_pylist())
    overview.page.locator("#charts .bars button").first.click()
    assert overview.texts("#shown") == [f"{n_partial} of 300 events"]
    overview.page.locator("#charts .bars button").first.click()
    assert overview.texts("#shown") == ["all 300 events"]


def test_map_shows_and_opens_the_nearest_event(overview: OpenReport) -> None:
    """A pointer near a mark names its event; a click opens it."""
    x, y = overview.run(
        """(() => { const svg = document.querySelector('#world svg');
        const d = svg.querySelector('.mark[d]').getAttribute('d');
        const [, x, y] = /^M([\\d.]+),([\\d.]+)/.exec(d);
        const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
        return [at.x, at.y] })()"""
    )
    overview.page.mouse.move(x, y)
    name = overview.page.locator("#tooltip strong").inner_text()
    overview.page.mouse.click(x, y)
    overview.page.wait_for_selector("#timeline svg")
    assert overview.texts("#event h2")[0].startswith(name)
    overview.page.click("button[aria-label='Zoom in']")
    assert overview.page.locator("#world svg").first.get_attribute("viewBox") != "0 0 960 470"


def test_next_event_follows_the_filter(overview: OpenReport, flood_run: RunFolder) -> None:
    """The event view steps through the events that are shown."""
    partial = sorted(
        event["event_id"]
        for event in flood_run.read_events().to_pylist()
        if event["status"] == "partial"
    )
    overview.page.check("[name=status][value=partial]")
    overview.open_event(partial[0])
    overview.page.locator("#event nav a:text-is('next →')").click()
    overview.page.wait_for_function(
        "id => document.querySelector('#event h2')?.textContent.startsWith(id)", arg=partial[1]
    )
    assert "floodscan manifest RUN" in overview.texts("#event .facts")[0]  # manifests are packed


def test_print_has_every_shown_row(overview: OpenReport) -> None:
    """The table on the screen holds the rows in view; the printed one holds all."""
    assert overview.count("#table .tabulator-row") < 100
    overview.page.emulate_media(media="print")
    overview.page.wait_for_selector("#print-table tbody tr")
    assert overview.count("#print-table tbody tr") == 300
    assert not overview.page.locator("#table").is_visible()
    assert overview.page.pdf().startswith(b"%PDF")
    overview.page.emulate_media(media="screen")
    overview.page.wait_for_selector("#print-table tbody tr", state="detached")


def test_dark_and_narrow_screens(browser: Browser, flood_report: Path) -> None:
    """Colours follow the reader's preference and the button; 360 pixels need no sideways scroll."""
    background = "getComputedStyle(document.body).backgroundColor"
    with open_report(browser, flood_report, width=360, dark=True) as report:
        report.open_event(first_ids(report)[0])
        report.page.wait_for_selector("#timeline svg")
        assert report.run("document.documentElement.scrollWidth") <= 360
        dark = report.run(background)
        report.page.click("#theme")
        assert report.run(background) == "rgb(255, 255, 255)" != dark


def test_five_thousand_events_stay_small(browser: Browser, large_report: Path) -> None:
    """The file, and the memory that it takes in a browser, are bounded."""
    assert large_report.stat().st_size <= 15_000_000
    with open_report(browser, large_report) as report:
        assert report.texts("#shown") == ["all 5,000 events"]
        assert report.count("#table .tabulator-row") < 100
        report.open_event(first_ids(report)[2])
        report.page.wait_for_selector("#timeline svg")
        assert report.count("#timeline .candidate") > 20
        assert report.heap_bytes() <= 200_000_000
