"""Which form of ``fields`` costs pgstac and the client least, for what floodscan needs of an item.

What is needed: the scene's properties, and of twelve assets whether they are there and where. Each form is asked of the
same search in turn; printed are the bytes, the time until the answer is there (which is the server's work, on loopback)
and the CPU of reading it.

    uv run python -m benchmarks.lean_fields [--events 30]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import requests

from benchmarks.generated_catalogue import generate_items, read_floods, regions_of, write_catalogue
from floodscan import Recipe, Sensor
from floodscan.catalogs.api import lean_fields
from floodscan.catalogs.items import parse_items
from floodscan.catalogs.pages import decode_page
from tests.servers.launch import pgstac_server

ASSETS = Recipe().sensors[Sensor.S2L2A].assets
N_ITEMS, N_CHOSEN, REPEATS = 200, 4, 3


def main() -> None:
    """Ask in each form and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30)
    given = parser.parse_args()
    lean = lean_fields(ASSETS)
    scene = [name for name in lean["include"] if not name.startswith("assets")]
    search = {"collections": ["sentinel-2-l2a"], "limit": N_ITEMS, "datetime": f"2014-01-01T00:00:00Z/{now()}"}
    forms = {
        "whole items": search,
        "each asset's href": {**search, "fields": lean},
        "each asset": {**search, "fields": {**lean, "include": scene + [f"assets.{key}" for key in ASSETS]}},
        "all assets": {**search, "fields": {**lean, "include": [*scene, "assets"]}},
        "no assets": {**search, "fields": {**lean, "include": scene}},
        "whole properties, no assets": {**search, "fields": {**lean, "include": ["geometry", "bbox", "properties"]}},
    }
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        floods = read_floods(200)[-given.events :]
        write_catalogue(folder, generate_items(regions_of(floods)))
        with pgstac_server(folder, landing_id="generated", log=folder / "log") as server, requests.Session() as http:
            ids = [each.id for each in decode_page(ask(http, server.url, forms["no assets"])[0]).features or []]
            forms[f"hrefs of {N_CHOSEN} chosen, by ids"] = {
                "collections": ["sentinel-2-l2a"],
                "ids": ids[:N_CHOSEN],
                "fields": {"include": ["id", *(f"assets.{key}.href" for key in ASSETS)], "exclude": ["links"]},
            }
            print(f"{len(ids)} items of pgstac, best of {REPEATS}")
            for label, body in forms.items():
                answers = [ask(http, server.url, body) for _ in range(REPEATS)]
                read = min(cpu_of_reading(answer) for answer, _ in answers)
                best = min(seconds for _, seconds in answers)
                print(
                    f"{label:30} {len(answers[0][0]) / 1024:8.0f} KB {best * 1e3:8.0f} ms {read * 1e3:8.1f} ms to read"
                )


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
