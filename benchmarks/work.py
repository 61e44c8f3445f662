"""Count the work of each stage on fixed inputs, and compare it with the committed counts.

    uv run python -m benchmarks.work [--renew]

Three counts stand for the work of a stage, and none of them depends on the machine or its load:

- bytecode instructions of Python, those of the libraries included;
- vertices of the geometries that Python code hands to shapely;
- values of the arrays that Python code hands to ``pyarrow.compute``.

They depend on the version of Python and on the locked libraries. ``--renew`` writes the counts of
this version of Python to ``results/work.json``, beside those of the other versions.

Machine instructions would also see the inside of libraries. But numpy, Arrow and the C library pick
their code by the instruction sets of the processor: with AVX2 switched off for them, callgrind
counts 23 % fewer instructions for the same stages, imports included. These counts don't change at
all.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa

from benchmarks.count_work import TOLERANCE, count_work, find_differences
from benchmarks.parse_and_score import COLLECTION, OPTICAL, load_items, paginate, project
from floodscan import Policy, Recipe, open_catalog
from floodscan.assessment import assess_events
from floodscan.catalogs.archive.reading import join_row_groups
from floodscan.catalogs.archive.shards import cut_shards, group_searches
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_page
from floodscan.inputs.event_files import load_events
from floodscan.planning.slots import plan_event
from floodscan.selection import select_scenes
from floodscan.selection.candidates import score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.count_work import Counts
    from floodscan.catalogs import Catalog
    from floodscan.planning.slots import EventPlan


RESULTS = Path(__file__).parent / "results" / "work.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_N_ITEMS = 100


def list_stages() -> dict[str, Callable[[], object]]:
    """Prepare the stages on the demo, each on the results of the stage before."""
    catalog = open_catalog("demo")
    events = load_events("demo", phase_offset_days=Recipe().phase_offset_days)
    pages = paginate([project(item) for item in load_items(None, n_items=_N_ITEMS)])
    stages: dict[str, Callable[[], object]] = {"parse": lambda: parse(pages)}
    for policy in Policy:
        recipe = Recipe(policy=policy)
        plans = [plan_event(event, recipe) for event in events]
        answers = [{s: catalog.search(s) for s in plan.searches} for plan in plans]
        items = pa.concat_tables([each.items for found in answers for each in found.values()])
        slots = [slot for plan in plans for slot in plan.slots]
        scored = score(items, slots, recipe)
        selection = select_scenes(scored, plans, recipe)
        stages |= {
            f"score, {policy}": lambda i=items, s=slots, r=recipe: score(i, s, r),
            f"select, {policy}": lambda c=scored, p=plans, r=recipe: select_scenes(c, p, r),
            f"assess, {policy}": lambda p=plans, s=selection, a=answers, r=recipe: assess_events(
                p, s, a, recipe=r, catalog_id="demo"
            ),
        }
    stages["join"] = lambda: join(catalog, plans)
    return stages


def parse(pages: Iterable[bytes]) -> None:
    """Read pages of Sentinel-2 items."""
    for page in pages:
        features = decode_page(page, OPTICAL.assets).features or []
        parse_items(features, collection=COLLECTION, assets=OPTICAL.assets)


def join(archive: Catalog, plans: Iterable[EventPlan]) -> None:
    """Join the demo's archive with the slot searches of events."""
    searches = dict.fromkeys(search for plan in plans for search in plan.searches)
    asked = group_searches([(search, number) for number, search in enumerate(searches)])
    for shard in cut_shards(archive.index, asked):
        list(join_row_groups(archive.address, shard.row_groups, shard.asked))


def count_stages() -> dict[str, Counts]:
    """Count the work of each stage, in its second run: the first one fills caches."""
    counted = {}
    for name, stage in list_stages().items():
        stage()
        counted[name] = count_work(stage)
    return counted


def main() -> None:
    """Print the counts, and compare or renew the committed ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--renew", action="store_true", help="write the counts to results/")
    given = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets must not change a count
        os.environ["PYTHONHASHSEED"] = "0"
        again = [sys.executable, "-m", "benchmarks.work", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 - our own
    counted = count_stages()
    print(f"{'stage':28}{'instructions':>14}{'vertices':>12}{'values':>12}")
    for name, counts in counted.items():
        instructions, vertices, values = counts.values()
        print(f"{name:28}{instructions:14,}{vertices:12,}{values:12,}")
    known = orjson.loads(RESULTS.read_bytes()) if RESULTS.exists() else {}
    if given.renew:
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        RESULTS.write_bytes(orjson.dumps({**known, PYTHON: counted}, option=options))
    elif differences := find_differences(counted, known.get(PYTHON, {})):
        sys.exit("\n".join([*differences, "if that is meant, renew the counts with --renew"]))
    else:
        print(f"all within {TOLERANCE:.0%} of the committed counts")


if __name__ == "__main__":
    main()
