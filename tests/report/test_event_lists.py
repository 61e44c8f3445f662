"""A list of events on a screen and as a picture: counts, sizes, continents, and a map."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from floodscan.errors import OutputError
from floodscan.inputs.event_files import read_events
from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS
from floodscan.report.character_map import draw_characters
from floodscan.report.continents import name_continents
from floodscan.report.event_lists import show_summary, summarise
from floodscan.report.event_map import draw_events

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.report.event_lists import ListSummary

ROWS = """event_id,west,south,east,north,event_date
togo,0,9,1,10,2016-01-02
kenya,36,-1,36.1,-0.9,2017-05-01
fiji,179,-18,-179,-17,2017-06-01
luxembourg,5.73,49.44,6.53,50.18,2017-07-15
"""


@pytest.fixture
def summary(tmp_path: Path) -> ListSummary:
    """A summary of four events on three continents."""
    path = tmp_path / "events.csv"
    path.write_text(ROWS)
    return summarise(read_events(path, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS))


@pytest.mark.parametrize(
    ("lon", "lat", "continent"),
    [
        (6.1, 49.6, "Europe"),
        (-155.5, 19.6, "North America"),  # Hawaii
        (90, 24, "Asia"),
        (1, 9, "Africa"),
        (180, -17.5, "Oceania"),
        (-60, -30, "South America"),
        (0, -80, "Antarctica"),
        (37.6, 55.8, "Europe"),
    ],
)
def test_continent_of_a_place(lon: float, lat: float, continent: str) -> None:
    """At sea and on small islands the nearest."""
    assert name_continents([(lon, lat)]) == [continent]


def test_counts_by_year_continent_and_size(summary: ListSummary) -> None:
    """An area across 180° is where it is."""
    assert summary.count_years() == {
        2016: Counter({"Africa": 1}),
        2017: Counter({"Africa": 1, "Oceania": 1, "Europe": 1}),
    }
    assert summary.points[2] == (-180, -17.5)
    found = summary.to_dict()
    assert (found["events"], found["first"], found["last"]) == (4, "2016-01-02", "2017-07-15")
    assert found["area_km2"]["smallest"] == pytest.approx(123, rel=0.01)


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_a_summary_fits_the_screen(width: int, summary: ListSummary) -> None:
    """At most 100 columns wide; a name with control characters is harmless."""
    out = StringIO()
    console = Console(file=out, width=width, highlight=False)
    show_summary(console, summary, "x\x1b[2J.csv")
    text = out.getvalue()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= min(width, 100)
    assert "4 events in x\\x1b[2J.csv, 2016-01-02 to 2017-07-15" in text.replace("\n", " ")


def test_a_map_in_characters_marks_places_by_their_number_of_events() -> None:
    """The west is left, and the south is below."""
    points = [(-60.0, -30.0), *[(6.0, 49.0)] * 10, *[(90.0, 24.0)] * 100, (0.0, 89.0)]
    *lines, legend = draw_characters(points, 72)
    places = {
        mark: (row, line.index(mark))
        for row, line in enumerate(lines)
        for mark in "●█"
        if mark in line
    }
    assert places == {"●": (3, 37), "█": (5, 54)}
    assert lines[0][36] == "○"
    assert sum("\u2800" < letter <= "\u28ff" for letter in "".join(lines)) > 200
    assert legend == "○ 1 to 9 events   ● 10 to 99   █ 100 and more"


def test_a_map_for_a_terminal_without_other_characters_is_ascii() -> None:
    """Coasts are full stops."""
    text = "\n".join(draw_characters([(6.0, 49.0)], 60, ascii_only=True))
    assert text.isascii()
    assert text.count(".") > 100
    assert "o" in text.splitlines()[2]


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_the_same_events_give_the_same_picture(
    ending: str, summary: ListSummary, tmp_path: Path
) -> None:
    """Byte by byte."""
    paths = [tmp_path / f"{name}{ending}" for name in "ab"]
    for path in paths:
        draw_events(summary, path)
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 20_000
    assert first == second


def test_a_picture_of_another_type_is_refused(summary: ListSummary, tmp_path: Path) -> None:
    """Before anything is drawn."""
    with pytest.raises(OutputError, match=r"must end in \.png or \.svg"):
        draw_events(summary, tmp_path / "a.pdf")
