"""Write the demo: the Luxembourg flood of July 2021 and an archive of a catalog over it.

Run as ``python -m floodscan.testing.build_demo [FOLDER]``; this needs the development dependencies.
The items are made from facts, not downloaded, and the same code writes the same bytes each time.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from floodscan.catalogs.archive_build.file_metadata import describe_items
from floodscan.testing.luxembourg_2021 import FIRST, LAST, sentinel_1_frames, sentinel_2_scenes
from floodscan.testing.synthetic import COLLECTIONS, make_collection, make_items

if TYPE_CHECKING:
    import pyarrow as pa

    from floodscan.testing.stac_items import Item

DEMO_FOLDER = Path(__file__).parents[1] / "data" / "demo"
CATALOG = {
    "id": "floodscan-demo",
    # spelled as in the bundled files, whose bytes are part of the identity of stored runs
    "title": "Luxembourg, June and July 2021: a catalog made from public facts",
}
EVENT_TOML = """\
# The Luxembourg flood of July 2021.

[[event]]
event_id = "luxembourg_flood_2021_multimodal"
bbox = [5.7333, 49.4426, 6.5282, 50.1830]      # west, south, east, north, WGS 84
target_crs = "EPSG:32632"

[event.phase_dates]
pre_month = 2021-06-15
pre_event = 2021-07-11
event = 2021-07-15
post_event = 2021-07-18
"""
_DESCRIPTION = (
    "Made for the floodscan demo, with published ids, times and figures where there are any and "
    "modelled ones elsewhere: see floodscan:published and floodscan:modelled of each item. "
    "No address of an asset leads anywhere."
)
# The four tiles over the area, and the ring of tiles around them.
_DEM_LATS = range(48, 52)
_DEM_LONS = range(4, 8)
_COMPRESSION_LEVEL = 19


def build_items() -> dict[str, list[Item]]:
    """Make all items: collection id to items, by time, then id."""
    items: dict[str, list[Item]] = {name: [] for name in COLLECTIONS}
    for item in make_items(
        frames=sentinel_1_frames(),
        scenes=sentinel_2_scenes(),
        dem_cells=itertools.product(_DEM_LATS, _DEM_LONS),
    ):
        items[item["collection"]].append(item)
    return {name: sorted(members, key=_by_time) for name, members in items.items()}


def build_collections() -> list[dict[str, Any]]:
    """Make the STAC collection of each of the three kinds of item."""
    return [_collection(name, members) for name, members in build_items().items()]


def write_demo(folder: Path) -> list[Path]:
    """Write ``event.toml`` and one stac-geoparquet file per collection into ``folder``.

    Args:
        folder: Folder for the files; it is created if it is missing.

    Returns:
        The written files, the event first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    event = folder / "event.toml"
    event.write_text(EVENT_TOML, encoding="utf-8", newline="\n")
    paths = [event]
    for name, items in build_items().items():
        paths.append(folder / f"{name}.parquet")
        table = _table(items, _collection(name, items))
        pq.write_table(table, paths[-1], compression="zstd", compression_level=_COMPRESSION_LEVEL)
    return paths


def main() -> None:
    """Write the demo into the package, or into the folder named on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_FOLDER
    for path in write_demo(folder):
        sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


def _by_time(item: Item) -> tuple[str, str]:
    return item["properties"]["datetime"], item["id"]


def _collection(name: str, items: list[Item]) -> dict[str, Any]:
    return make_collection(
        name, description=_DESCRIPTION, bbox=_bbox_of(items), interval=_interval(name)
    )


def _bbox_of(items: list[Item]) -> list[float]:
    wests, souths, easts, norths = zip(*(item["bbox"] for item in items), strict=True)
    return [min(wests), min(souths), max(easts), max(norths)]


def _interval(name: str) -> list[str]:
    if name == "cop-dem-glo-30":
        return ["2021-04-22T00:00:00Z", "2021-04-22T00:00:00Z"]
    return [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (FIRST, LAST)]


def _table(items: list[Item], collection: dict[str, Any]) -> pa.Table:
    table = parse_stac_items_to_arrow(items).read_all()
    return table.replace_schema_metadata(
        describe_items(collection, _bbox_of(items), catalog=CATALOG)
    )


if __name__ == "__main__":
    main()
