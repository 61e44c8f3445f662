"""A list of events on a screen: counts by year and continent, sizes, and a map."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from floodscan.geometry.areas import area_km2
from floodscan.model import Phase
from floodscan.report.character_map import draw_characters
from floodscan.report.continents import name_continents
from floodscan.report.screen import print_line, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from pathlib import Path

    from rich.console import Console

    from floodscan.model import Event

_MOST_COLUMNS = 100
_SIZES = ((100.0, "below 100"), (10_000.0, "100 to 10,000"), (1_000_000.0, "10,000 to 1,000,000"))
_HUGE = "1,000,000 and more"


@dataclass(frozen=True, slots=True)
class ListSummary:
    """Where and when the events of a list are.

    Attributes:
        days: The date of each event.
        points: Longitude and latitude of the centre of each event's bbox, degrees.
        sizes_km2: Size of each event's area.
        continents: Continent of each event.
    """

    days: Sequence[date]
    points: Sequence[tuple[float, float]]
    sizes_km2: Sequence[float]
    continents: Sequence[str]

    def count_years(self) -> dict[int, Counter[str]]:
        """Count the events of each year by continent, the first year first."""
        years: dict[int, Counter[str]] = {}
        for day, continent in sorted(zip(self.days, self.continents, strict=True)):
            years.setdefault(day.year, Counter())[continent] += 1
        return years

    def count_sizes(self) -> Counter[str]:
        """Count the events of each class of sizes."""
        return Counter(
            next((name for limit, name in _SIZES if size < limit), _HUGE) for size in self.sizes_km2
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON types."""
        return {
            "events": len(self.days),
            "first": min(self.days).isoformat(),
            "last": max(self.days).isoformat(),
            "continents": dict(sorted(Counter(self.continents).items())),
            "years": {str(year): dict(sorted(n.items())) for year, n in self.count_years().items()},
            "area_km2": {
                "smallest": round(min(self.sizes_km2), 3),
                "median": round(median(self.sizes_km2), 3),
                "largest": round(max(self.sizes_km2), 3),
            },
        }


def summarise(events: Iterable[Event]) -> ListSummary:
    """Sum up events, taking them one at a time; there is at least one."""
    days, points, sizes = [], [], []
    for event in events:
        west, south, east, north = event.bbox
        lon = west + (east - west) % 360 / 2
        days.append(event.phase_dates[Phase.EVENT])
        points.append(((lon + 180) % 360 - 180, (south + north) / 2))
        sizes.append(area_km2(event.aoi))
    return ListSummary(days, points, sizes, name_continents(points))


def show_summary(console: Console, summary: ListSummary, source: str | Path) -> None:
    """Print a summary, at most 100 columns wide."""
    n_events, first, last = len(summary.days), min(summary.days), max(summary.days)
    noun = "event" if n_events == 1 else "events"
    print_line(console, f"{n_events:,} {noun} in {source}, {first} to {last}", style="bold")
    low, middle, high = (f(summary.sizes_km2) for f in (min, median, max))
    sizes = f"smallest {_size(low)}, median {_size(middle)}, largest {_size(high)}"
    print_line(console, f"area in km²: {sizes}")
    console.print()
    counts = summary.count_sizes()
    rows = [(name, counts[name]) for name in (*(n for _, n in _SIZES), _HUGE) if counts[name]]
    show(console, "By size", ["km²", "events"], rows)
    _show_years(console, summary)
    width = min(console.width, _MOST_COLUMNS)
    *lines, legend = draw_characters(summary.points, width, ascii_only=console.options.ascii_only)
    for line in lines:
        print_line(console, line, whole=True)
    print_line(console, legend)


def _show_years(console: Console, summary: ListSummary) -> None:
    continents = sorted(set(summary.continents))
    years: list[list[object]] = [
        [year, *(counts[name] or None for name in continents), counts.total()]
        for year, counts in summary.count_years().items()
    ]
    totals = Counter(summary.continents)
    years.append(["all", *(totals[name] for name in continents), totals.total()])
    show(console, "By year and continent", ["year", *continents, "events"], years)


def _size(km2: float) -> str:
    return f"{km2:,.0f}" if km2 >= 1 else f"{km2:.3g}"
