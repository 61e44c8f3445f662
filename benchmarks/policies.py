"""Compare the choices of both policies for real floods: violations, coverage and chips.

    uv run python -m benchmarks.policies [--events N] [--out FILE]

The floods are the demo and the ones of the Global Flood Database, on their own days, with generated
catalogs. Few floods (129 of 913) are from the time of the satellites. So there are two sweeps: over
all floods, from 2000 on, as if all four satellites had flown all along; and over the floods from
2015 on, with each satellite from its first day. All choices are from the same candidates: one
scan by ``change-detection``, and two more choices from it, by ``reference``, and by
``change-detection`` as it was before the slot ``event`` came first and the ladder ended with small
coverage.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import pyarrow.compute as pc

import floodscan
from floodscan import Policy, Recipe
from floodscan.assessment.outcomes import count_warnings
from floodscan.model import DEFAULT_SENSORS
from floodscan.testing.fake_catalog import ItemsInMemory
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.synthetic import generate_items, regions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan import ScanResult
    from floodscan.catalogs import Catalog
    from floodscan.testing.floods import Flood

LADDER_DAYS = 5  # the widest window of the default ladder is wider by this than the recipe's
VIOLATIONS = ("wrong_side_of_onset", "reused_scene", "reused_pass", "out_of_order", "mixed_tracks")
COVERAGE = ("low_coverage", "low_joint_coverage")


def generate(floods: Sequence[Flood], *, from_first: bool) -> ItemsInMemory:
    """Make the catalog over floods, wide enough for the ladder."""
    margin = timedelta(days=LADDER_DAYS)
    regions = [
        region._replace(start=region.start - margin, end=region.end + margin)
        for region in regions_of(floods)
    ]
    assets = {asked.collection: asked.assets for asked in DEFAULT_SENSORS.values()}
    return ItemsInMemory.read(generate_items(regions, from_first=from_first), assets)


def summarize(result: ScanResult) -> list[str]:
    """Write the figures of one policy, a cell each."""
    counts = count_warnings(result.folder.read_events()["choice_warnings"])
    outcomes = result.outcomes
    covered = [outcome.filled_frac or 0.0 for outcome in outcomes]
    promised = [outcome for outcome in outcomes if outcome.chips is not None]
    total = sum(outcome.chips_total or 0 for outcome in outcomes)
    violated = sum(any(w.code in VIOLATIONS for w in o.choice_warnings) for o in outcomes)
    return [
        f"{sum(o.n_filled for o in outcomes):,} of {sum(o.n_slots for o in outcomes):,}",
        f"{violated} of {len(outcomes)}",
        *(f"{counts.get(code, 0):,}" for code in (*VIOLATIONS, *COVERAGE)),
        f"{sum(covered) / len(covered):.3f}",
        _hours_from_onset(result),
        f"{len(promised)} of {len(outcomes)}",
        *(
            f"{sum(found):,} of {total:,}"
            for found in (
                [outcome.chips or 0 for outcome in promised],
                [outcome.single_chips or 0 for outcome in promised],
            )
        ),
    ]


def _hours_from_onset(result: ScanResult) -> str:
    """Return the median hours from the onset to the SAR scene of the flood, and how many it has."""
    rows = result.folder.read_candidates()
    during = (pc.field("phase") == "event") & (pc.field("sensor") == "S1RTC")
    chosen = rows.filter(during & pc.field("selected")).group_by("event_id")
    hours = chosen.aggregate([("hours_from_onset", "min")])["hours_from_onset_min"].to_pylist()
    return f"{median(hours):.0f} h of {len(hours)}" if hours else "none"


def compare(label: str, events: str, catalog: str | Catalog, folder: Path) -> dict[str, list[str]]:
    """Choose by both policies from the same candidates; return a column of the table each."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    scanned = floodscan.scan(events, catalog=catalog, out=folder / f"{label}-1", recipe=recipe)
    started = perf_counter()
    out = folder / f"{label}-2"
    again = floodscan.reselect(folder / f"{label}-1", out=out, policy=Policy.REFERENCE)
    print(f"{label}: {len(again.outcomes)} events reselected in {perf_counter() - started:.1f} s")
    before = replace(recipe, event_first=False, relax=recipe.relax[:-1])
    old = floodscan.reselect(folder / f"{label}-1", out=folder / f"{label}-3", recipe=before)
    return {
        f"{label}, reference": summarize(again),
        f"{label}, without event first": summarize(old),
        f"{label}, change-detection": summarize(scanned),
    }


def compare_floods(n_events: int | None, folder: Path) -> dict[str, list[str]]:
    """Compare on both sweeps over floods."""
    columns: dict[str, list[str]] = {}
    for since, from_first in (("2000", False), ("2015", True)):
        label, path = f"{since} to 2018", folder / f"{since}.csv"
        floods = [flood for flood in read_floods() if flood.event_date >= since][:n_events]
        write_events(path, floods)
        catalog = generate(floods, from_first=from_first)
        columns |= compare(label, str(path), catalog, folder)
    return columns


def to_markdown(columns: dict[str, list[str]]) -> str:
    """Write the table."""
    rows = (
        "slots filled", "events with a violation", *VIOLATIONS, *COVERAGE,
        "mean joint coverage", "hours from onset, median", "events with a forecast",
        "chips of all items", "chips of id alone",
    )  # fmt: skip
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines += [
        f"| {row} | {' | '.join(cells)} |"
        for row, *cells in zip(rows, *columns.values(), strict=True)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare the policies on the demo and on both sweeps, and write a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, help="only the first N floods of each sweep")
    default = Path(__file__).parent / "results" / "policies.md"
    parser.add_argument("--out", type=Path, default=default)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        columns = compare("demo", "demo", "demo", folder) | compare_floods(given.events, folder)
    text = to_markdown(columns)
    given.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
