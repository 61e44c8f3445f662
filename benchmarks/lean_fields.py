"""Which form of ``fields`` costs pgstac and the client least, for what floodscan needs of an item.

What is needed: the scene's properties, and of twelve assets whether they are there and where. Each
form is asked of the same search in turn; printed are the bytes, bare and packed, the time until the
answer is there (which is the server's work, on loopback), the CPU of reading it, and what all that
comes to over a network.

    uv run python -m benchmarks.lean_fields [--events 30]
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

from benchmarks.generated_catalog import generate_items, read_floods, regions_of, write_catalog
from floodscan import Recipe
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import EDGES, STAC_NAMES, decode_page
from floodscan.catalogs.stac_api import lean_fields
from floodscan.testing.servers.launch import pgstac_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.model import SensorRecipe

N_ITEMS, N_CHOSEN, REPEATS, MEGABITS = 200, 4, 7, 100

SHAPE = ["bbox", "geometry"]
SCENE = [*SHAPE, *(f"properties.{name}" for name in STAC_NAMES)]
LINKS = ["links"]
UNUSED = ["title", "type", "roles", "gsd", "proj:shape", "proj:transform"]


def hrefs_of(assets: Sequence[str]) -> list[str]:
    """Name a path for each href, and one for the edges of the raster."""
    return [*(f"assets.{key}.href" for key in assets), f"assets.{assets[0]}.{EDGES}"]


def forms_of(collection: str, assets: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Write all forms in which some assets can be asked for."""
    each = [f"assets.{key}" for key in assets]
    ours = lean_fields(collection, assets)
    unused = [f"{asset}.{name}" for asset in each for name in UNUSED]
    return {
        "whole items": {},
        "whole items, no links": {"exclude": LINKS},
        "as floodscan asks": ours,
        "as floodscan asks, less of each asset": {"exclude": [*ours["exclude"], *unused]},
        "each property, each asset's href": {
            "include": [*SCENE, *hrefs_of(assets)],
            "exclude": LINKS,
        },
        "each property, each asset": {"include": [*SCENE, *each], "exclude": LINKS},
        "each property, no assets": {"include": SCENE, "exclude": LINKS},
        "all properties, each asset's href": {
            "include": [*SHAPE, "properties", *hrefs_of(assets)],
            "exclude": LINKS,
        },
        "all properties, each asset": {"include": [*SHAPE, "properties", *each], "exclude": LINKS},
        "all properties, all assets": {
            "include": [*SHAPE, "properties", "assets"],
            "exclude": LINKS,
        },
        "all properties, no assets": {"include": [*SHAPE, "properties"], "exclude": LINKS},
    }


def main() -> None:
    """Ask in each form and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        floods = read_floods(200)[-given.events :]
        write_catalog(folder, generate_items(regions_of(floods)))
        with (
            pgstac_server(folder, landing_id="generated", log=folder / "log") as server,
            requests.Session() as http,
        ):
            print(
                f"up to {N_ITEMS} items of pgstac, median of {REPEATS}; total over {MEGABITS} Mbit/s, packed"
            )
            for asked in Recipe().sensors.values():
                compare(http, server.url, asked)


def compare(http: requests.Session, url: str, asked: SensorRecipe) -> None:
    """Ask for the items of a collection in every form."""
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
        {label: ask(http, url, body) for label, body in forms.items()} for _ in range(REPEATS)
    ]
    for label in forms:
        tell(label, [each[label] for each in rounds], asked)


def tell(label: str, answers: list[tuple[bytes, float]], asked: SensorRecipe) -> None:
    """Print what a form took."""
    content = answers[0][0]
    packed = len(gzip.compress(content, 6))
    read = median(cpu_of_reading(content, asked) for _ in range(REPEATS))
    server = median(seconds for _, seconds in answers)
    total = server + read + packed * 8 / (MEGABITS * 1e6)
    sizes = f"{len(content) / 1024:8.0f} KB {packed / 1024:6.0f} KB packed"
    print(
        f"{label:42} {sizes} {server * 1e3:8.0f} ms {read * 1e3:7.1f} ms to read {total * 1e3:8.0f} ms in all"
    )


def ask(http: requests.Session, url: str, body: dict[str, object]) -> tuple[bytes, float]:
    """Make a search, and time it."""
    started = time.perf_counter()
    answer = http.post(
        f"{url}/search", json=body, timeout=120, headers={"Accept-Encoding": "identity"}
    )
    answer.raise_for_status()
    return answer.content, time.perf_counter() - started


def cpu_of_reading(content: bytes, asked: SensorRecipe) -> float:
    """Measure what it takes to make a table of an answer."""
    started = time.process_time()
    parse_items(
        decode_page(content).features or [], collection=asked.collection, assets=asked.assets
    )
    return time.process_time() - started


if __name__ == "__main__":
    main()
