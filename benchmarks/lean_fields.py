"""Which form of ``fields`` costs pgstac and the client least, for what floodscan needs of an item.

What is needed: the scene's properties, and of twelve assets whether they are there and where. Each form is asked of the
same search in turn; printed are the bytes, bare and packed, the time until the answer is there (which is the server's
work, on loopback), the CPU of reading it, and what all that comes to over a network.

    uv run python -m benchmarks.lean_fields [--events 30]
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import requests

from benchmarks.generated_catalogue import generate_items, read_floods, regions_of, write_catalogue
from floodscan import Recipe, Sensor
from floodscan.catalogs.items import parse_items
from floodscan.catalogs.pages import EDGES, STAC_NAMES, decode_page
from tests.servers.launch import pgstac_server

ASSETS = Recipe().sensors[Sensor.S2L2A].assets
N_ITEMS, N_CHOSEN, REPEATS, MEGABITS = 200, 4, 5, 100

SHAPE = ["bbox", "geometry"]
SCENE = [*SHAPE, *(f"properties.{name}" for name in STAC_NAMES)]
HREFS = [*(f"assets.{key}.href" for key in ASSETS), f"assets.{ASSETS[0]}.{EDGES}"]
WHOLE_ASSETS = [f"assets.{key}" for key in ASSETS]
LINKS = ["links"]
OTHERS = ["links", "stac_extensions", "assets.preview", "assets.visual", "assets.tilejson", "assets.rendered_preview"]
FORMS = {
    "whole items": {},
    "whole items, no links": {"exclude": LINKS},
    "whole items, no links, no pictures": {"exclude": OTHERS},
    "each property, each asset's href": {"include": [*SCENE, *HREFS], "exclude": LINKS},
    "each property, each asset": {"include": [*SCENE, *WHOLE_ASSETS], "exclude": LINKS},
    "each property, all assets": {"include": [*SCENE, "assets"], "exclude": LINKS},
    "each property, no assets": {"include": SCENE, "exclude": LINKS},
    "all properties, each asset's href": {"include": [*SHAPE, "properties", *HREFS], "exclude": LINKS},
    "all properties, each asset": {"include": [*SHAPE, "properties", *WHOLE_ASSETS], "exclude": LINKS},
    "all properties, all assets": {"include": [*SHAPE, "properties", "assets"], "exclude": LINKS},
    "all properties, no assets": {"include": [*SHAPE, "properties"], "exclude": LINKS},
}


def main() -> None:
    """Ask in each form and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30)
    given = parser.parse_args()
    search = {"collections": ["sentinel-2-l2a"], "limit": N_ITEMS, "datetime": f"2014-01-01T00:00:00Z/{now()}"}
    forms = {label: {**search, "fields": fields} for label, fields in FORMS.items()}
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        floods = read_floods(200)[-given.events :]
        write_catalogue(folder, generate_items(regions_of(floods)))
        with pgstac_server(folder, landing_id="generated", log=folder / "log") as server, requests.Session() as http:
            ids = [
                each.id
                for each in decode_page(ask(http, server.url, forms["all properties, no assets"])[0]).features or []
            ]
            forms[f"hrefs of {N_CHOSEN} chosen, by ids"] = {
                "collections": ["sentinel-2-l2a"],
                "ids": ids[:N_CHOSEN],
                "fields": {"include": ["id", *HREFS], "exclude": ["links"]},
            }
            print(f"{len(ids)} items of pgstac, median of {REPEATS}; total over {MEGABITS} Mbit/s, packed")
            for label, body in forms.items():
                tell(label, [ask(http, server.url, body) for _ in range(REPEATS)])


def tell(label: str, answers: list[tuple[bytes, float]]) -> None:
    """Print what a form took."""
    content = answers[0][0]
    packed = len(gzip.compress(content, 6))
    read = median(cpu_of_reading(content) for _ in range(REPEATS))
    server = median(seconds for _, seconds in answers)
    total = server + read + packed * 8 / (MEGABITS * 1e6)
    sizes = f"{len(content) / 1024:8.0f} KB {packed / 1024:6.0f} KB packed"
    print(f"{label:42} {sizes} {server * 1e3:8.0f} ms {read * 1e3:7.1f} ms to read {total * 1e3:8.0f} ms in all")


def ask(http: requests.Session, url: str, body: dict[str, object]) -> tuple[bytes, float]:
    """Make a search, and time it."""
    started = time.perf_counter()
    answer = http.post(f"{url}/search", json=body, timeout=120, headers={"Accept-Encoding": "identity"})
    answer.raise_for_status()
    return answer.content, time.perf_counter() - started


def cpu_of_reading(content: bytes) -> float:
    """Measure what it takes to make a table of an answer."""
    started = time.process_time()
    parse_items(decode_page(content).features or [], collection="sentinel-2-l2a", assets=ASSETS)
    return time.process_time() - started


def now() -> str:
    """Tell the end of the window."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    main()
