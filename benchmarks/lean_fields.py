"""Compare the forms of ``fields``: which one costs pgstac and the client least.

floodscan needs the scene's properties and, of up to twelve assets, presence and href. Each form is
sent with the same search, in turn. For each it prints the bytes, plain and packed, the time until
the answer is there (on loopback this is the server's work), the CPU time to read it, and the sum
over a network.

    uv run python -m benchmarks.lean_fields [--events 12]
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import requests

from benchmarks.sweeps import latest_events, write_catalog
from floodscan import Recipe
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.lean_fields import lean_fields
from floodscan.catalogs.page_json import GRID_FIELDS, STAC_NAMES, decode_page
from floodscan.testing.servers.launch import pgstac_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.model import SensorRecipe

N_ITEMS, N_CHOSEN, MEGABITS = 200, 4, 100

SHAPE = ["bbox", "geometry"]
SCENE = [*SHAPE, *(f"properties.{name}" for name in STAC_NAMES)]
LINKS = ["links"]
UNUSED = ["title", "type", "roles", "gsd"]


def hrefs_of(assets: Sequence[str]) -> list[str]:
    """List the paths of each href and of each grid."""
    return [f"assets.{key}.{name}" for key in assets for name in ("href", *GRID_FIELDS)]


def forms_of(collection: str, assets: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """List all forms of a search for some assets, by name."""
    each, hrefs = [f"assets.{key}" for key in assets], hrefs_of(assets)
    ours = lean_fields({collection: assets})
    unused = [f"{asset}.{name}" for asset in each for name in UNUSED]
    everything = [*SHAPE, "properties"]
    included = {
        "each property, each asset's href": [*SCENE, *hrefs],
        "each property, each asset": [*SCENE, *each],
        "each property, no assets": SCENE,
        "all properties, each asset's href": [*everything, *hrefs],
        "all properties, each asset": [*everything, *each],
        "all properties, all assets": [*everything, "assets"],
        "all properties, no assets": everything,
    }
    return {
        "whole items": {},
        "whole items, no links": {"exclude": LINKS},
        "as floodscan asks": ours,
        "as floodscan asks, less of each asset": {"exclude": [*ours["exclude"], *unused]},
        **{name: {"include": paths, "exclude": LINKS} for name, paths in included.items()},
    }


def compare(http: requests.Session, url: str, asked: SensorRecipe, *, repeats: int) -> None:
    """Search for the items of a collection in every form."""
    search = {"collections": [asked.collection], "limit": N_ITEMS}
    forms = {
        label: {**search, "fields": fields}
        for label, fields in forms_of(asked.collection, asked.assets).items()
    }
    items = decode_page(ask(http, url, forms["all properties, no assets"])[0]).features or []
    forms[f"hrefs of {N_CHOSEN} chosen, by ids"] = {
        **search,
        "ids": [item.id for item in items[:N_CHOSEN]],
        "fields": {"include": ["id", *hrefs_of(asked.assets)], "exclude": LINKS},
    }
    print(f"{asked.collection}: {len(items)} items, {len(asked.assets)} assets")
    rounds = [
        {label: ask(http, url, body) for label, body in forms.items()} for _ in range(repeats)
    ]
    for label in forms:
        report(label, [each[label] for each in rounds], asked)


def report(label: str, answers: list[tuple[bytes, float]], asked: SensorRecipe) -> None:
    """Print the cost of a form."""
    content = answers[0][0]
    packed = len(gzip.compress(content, 6))
    read = median(cpu_of_reading(content, asked) for _ in answers)
    server = median(seconds for _, seconds in answers)
    total = server + read + packed * 8 / (MEGABITS * 1e6)
    print(
        f"{label:42} {len(content) / 1024:8.0f} KB {packed / 1024:6.0f} KB packed "
        f"{server * 1e3:8.0f} ms {read * 1e3:7.1f} ms to read {total * 1e3:8.0f} ms in total"
    )


def ask(http: requests.Session, url: str, body: dict[str, object]) -> tuple[bytes, float]:
    """Search, and measure the time until the answer is there."""
    started = time.perf_counter()
    answer = http.post(
        f"{url}/search", json=body, timeout=120, headers={"Accept-Encoding": "identity"}
    )
    answer.raise_for_status()
    return answer.content, time.perf_counter() - started


def cpu_of_reading(content: bytes, asked: SensorRecipe) -> float:
    """Measure the CPU seconds to make a table of an answer."""
    started = time.process_time()
    features = decode_page(content, asked.assets).features or []
    parse_items(features, collection=asked.collection, assets=asked.assets)
    return time.process_time() - started


def main() -> None:
    """Search in each form, and print its cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        write_catalog(latest_events(given.events, folder), Recipe(), folder)
        with (
            pgstac_server(folder, landing_id="generated", log=folder / "log") as server,
            requests.Session() as http,
        ):
            print(
                f"up to {N_ITEMS} items of pgstac, median of {given.repeats}; "
                f"the total is over {MEGABITS} Mbit/s, packed"
            )
            for asked in Recipe().sensors.values():
                compare(http, server.url, asked, repeats=given.repeats)


if __name__ == "__main__":
    main()
