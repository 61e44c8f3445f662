"""Count the requests of a sweep at the server: one search per slot, against merged searches.

The sweep goes over real floods; the catalog is generated and has items wherever and whenever a
search looks, merged or not. The results must be the same in every way, also where answers are
longer than a page.

    uv run python -m benchmarks.count_requests [--events 200] [--api pgstac|lean|none]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import floodscan
from benchmarks.sweeps import latest_events, plan_searches, write_catalog
from floodscan import Recipe
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.limits import Limits
from floodscan.clusters import open_client
from floodscan.model import SearchPrices
from floodscan.testing.servers.launch import lean_server, pgstac_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client

    from floodscan import Event
    from floodscan.testing.servers.process import Server

APART, MERGED = Recipe(searches=SearchPrices(request_items=0)), Recipe()
SERVERS = {"pgstac": pgstac_server, "lean": lean_server}


def count_plan(events: Sequence[Event]) -> None:
    """Print the searches that are planned."""
    apart, merged = (len(plan_searches(events, recipe)) / len(events) for recipe in (APART, MERGED))
    print(f"planned: {apart:.3f} searches an event, merged {merged:.3f}")


def count_requests(
    server: Server, client: Client, events: Sequence[Event], folder: Path, *, page_items: int
) -> None:
    """Scan in three ways, print what the server counted, and compare the results."""
    ways = {
        "one search per slot": (APART, Limits()),
        "merged": (MERGED, Limits()),
        f"merged, {page_items} items a page": (MERGED, Limits(page_items=page_items)),
    }
    found = []
    for label, (recipe, limits) in ways.items():
        out, before = folder / label.replace(" ", "-"), server.requests()
        catalog = StacApiCatalog(server.url, limits)
        access = Access(max_in_flight=8)
        floodscan.scan(
            events, catalog=catalog, recipe=recipe, client=client, access=access, out=out
        )
        asked = server.requests() - before
        n_searches, n_requests = asked["POST /search"] / len(events), asked.total() / len(events)
        print(
            f"{label}: {n_searches:.3f} searches an event, {n_requests:.3f} requests an event "
            f"with the landing page and collections; {describe_answers(out)}"
        )
        found.append(result_bytes(out))
    same = all(each == found[0] for each in found)
    print(f"same candidates and manifests, byte for byte: {same}")


def describe_answers(out: Path) -> str:
    """Summarize the answers of a run in words."""
    searches = pq.read_table(out / "searches.parquet").to_pylist()
    n_items = [search["n_items"] for search in searches]
    complete = all(search["complete"] for search in searches)
    return f"{sum(n_items)} items, at most {max(n_items)} in a search, all complete: {complete}"


def result_bytes(out: Path) -> dict[str, bytes]:
    """Read the files that must be the same in every way."""
    files = [*out.glob("candidates/*.parquet"), *out.glob("manifests/*.json")]
    return {file.name: file.read_bytes() for file in files}


def main() -> None:
    """Count requests, planned and made."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument(
        "--api", choices=[*SERVERS, "none"], default="pgstac", help="none: plan only"
    )
    parser.add_argument("--page-items", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        events = latest_events(given.events, folder)
        count_plan(events)
        if given.api == "none":
            return
        n_items = write_catalog(events, MERGED, folder)
        print(f"{len(events)} events, {n_items} items on {given.api}")
        log = folder / "server.log"
        with (
            SERVERS[given.api](folder, landing_id="generated", log=log) as server,
            open_client("local") as client,
        ):
            count_requests(server, client, events, folder, page_items=given.page_items)


if __name__ == "__main__":
    main()
