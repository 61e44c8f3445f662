"""What both policies choose for real floods: violations, coverage and chips, on the demo and a generated catalog.

    python benchmarks/policies.py [--events N] [--out FILE]

The catalog is that of ``generated_catalog.py``, over floods of the Global Flood Database, on
their own days. Few of them (129 of 913) are from the time of the satellites. So there are two
sweeps: over all of them, from 2000 on, as if all four satellites had flown all along; and over
those from 2015 on, with each satellite from its launch. Both policies choose from the same
candidates: one scan by ``change-detection``, chosen from again by ``reference``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import shapely
from generated_catalog import COLLECTIONS, generate_items, read_database, regions_of, write_events

import floodscan
from floodscan import Policy, Recipe, scanning
from floodscan.assessment.outcomes import count_warnings
from floodscan.catalogs.base import Answer
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.model import DEFAULT_SENSORS
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from generated_catalog import Flood

    from floodscan import ScanResult
    from floodscan.model import Search

LADDER_DAYS = 5  # that the widest window of the default ladder is wider than the recipe's
VIOLATIONS = ("wrong_side_of_onset", "reused_scene", "reused_pass", "out_of_order", "mixed_tracks")
COVERAGE = ("low_coverage", "low_joint_coverage")


@dataclass(frozen=True)
class Memory:
    """Items in memory as a catalog.

    Attributes:
        items: ITEMS by collection.
        trees: Of their footprints.
    """

    items: dict[str, pa.Table]
    trees: dict[str, shapely.STRtree]

    @property
    def location(self) -> str:
        """Say that it is no place."""
        return "generated"

    def describe(self, _: Iterable[str]) -> str:
        """Name the catalog."""
        return "generated"

    def search(self, search: Search) -> Answer:
        """Find what touches the box; windows are applied by the scoring."""
        if search.collection not in self.items:
            return Answer(items=ITEMS.empty_table())
        found = self.trees[search.collection].query(shapely.box(*search.bbox))
        return Answer(items=self.items[search.collection].take(np.sort(found)), n_requests=1)


def generate(floods: Sequence[Flood], path: Path, *, before_launch: bool) -> Memory:
    """Write the events, and make the catalog over them, wide enough for the ladder."""
    write_events(path, floods)
    margin = timedelta(days=LADDER_DAYS)
    regions = [
        region._replace(
            start=region.start - margin, end=region.end + margin, before_launch=before_launch
        )
        for region in regions_of(floods)
    ]
    made: dict[str, list[object]] = {name: [] for name in COLLECTIONS}
    for item in generate_items(regions):
        made[item["collection"]].append(item)
    assets = {asked.collection: asked.assets for asked in DEFAULT_SENSORS.values()}
    tables = {
        name: parse_items(decode_items(items), collection=name, assets=assets[name])
        for name, items in made.items()
    }
    trees = {
        name: shapely.STRtree(shapely.from_wkb(table["geometry"].to_numpy()))
        for name, table in tables.items()
    }
    return Memory(tables, trees)


def summarise(result: ScanResult) -> list[str]:
    """Put the figures of one policy in words, a cell each."""
    counts, outcomes = (
        count_warnings(result.folder.read_events()["choice_warnings"]),
        result.outcomes,
    )
    covered = [outcome.joint_frac or 0.0 for outcome in outcomes]
    valid = [outcome.valid_pixel_frac or 0.0 for outcome in outcomes]
    chips, total = sum(o.chips or 0 for o in outcomes), sum(o.chips_total or 0 for o in outcomes)
    violated = sum(any(w.code in VIOLATIONS for w in o.choice_warnings) for o in outcomes)
    return [
        f"{sum(o.n_filled for o in outcomes):,} of {sum(o.n_slots for o in outcomes):,}",
        f"{violated} of {len(outcomes)}",
        *(f"{counts.get(code, 0):,}" for code in (*VIOLATIONS, *COVERAGE)),
        f"{sum(covered) / len(covered):.3f}",
        f"{sum(valid) / len(valid):.1%}",
        f"{chips:,} of {total:,}",
    ]


def run(label: str, listed: str, catalog: str | Memory, folder: Path) -> dict[str, list[str]]:
    """Choose by both policies from the same candidates; a column of the table each."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    scanned = floodscan.scan(listed, catalog=catalog, out=folder / f"{label}-1", recipe=recipe)
    started = perf_counter()
    again = scanning.reselect(
        folder / f"{label}-1", out=folder / f"{label}-2", policy=Policy.REFERENCE
    )
    print(f"{label}: {len(again.outcomes)} events chosen again in {perf_counter() - started:.1f} s")
    return {
        f"{label}, reference": summarise(again),
        f"{label}, change-detection": summarise(scanned),
    }


def main() -> None:
    """Run both policies over the demo and the sweeps, and write a table."""
    parser = argparse.ArgumentParser(description="Compare the policies.")
    parser.add_argument("--events", type=int, help="the first so many of each sweep; else all")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "policies.md"
    )
    given = parser.parse_args()
    columns: dict[str, list[str]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        columns |= run("demo", "demo", "demo", folder)
        floods = read_database()
        for since, before_launch in (("2000", True), ("2015", False)):
            label, path = f"{since} to 2018", folder / f"{since}.csv"
            asked = [flood for flood in floods if flood.event_date >= since][: given.events]
            catalog = generate(asked, path, before_launch=before_launch)
            columns |= run(label, str(path), catalog, folder)
    rows = ("slots filled", "events with a violation", *VIOLATIONS, *COVERAGE, "mean joint coverage",
            "mean valid pixels", "chips")  # fmt: skip
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines += [
        f"| {row} | {' | '.join(cells)} |"
        for row, *cells in zip(rows, *columns.values(), strict=True)
    ]
    text = "\n".join(lines) + "\n"
    given.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
