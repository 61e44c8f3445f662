"""The items of the test servers: the demo's and generated ones, or real ones of others."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.parquet as pq
from stac_geoparquet.arrow import stac_table_to_items

from floodscan.testing.build_demo import build_collections, build_items
from floodscan.testing.floods import read_floods
from floodscan.testing.synthetic import generate_items, regions_of
from tests.paths import REPO_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.testing.servers.catalog import Json

FOREIGN_VARIABLE = "FLOODSCAN_FOREIGN_DATA"
_SENTINEL_2 = "sentinel-2-l2a"


def foreign_folder() -> Path:
    """The folder of other people's records, which may not exist.

    Tests and fixtures get it from the fixture `foreign_data`, which skips a test without it.
    """
    default = REPO_ROOT.parent / "shared" / "data"
    return Path(os.environ.get(FOREIGN_VARIABLE, default))


def demo_items() -> list[Json]:
    """Make the items of the demo, of all collections."""
    return list(itertools.chain.from_iterable(build_items().values()))


def demo_collections() -> list[Json]:
    """Make the collections of the demo."""
    return build_collections()


def generated_items() -> list[Json]:
    """Generate some hundred items over four of the latest floods."""
    return list(generate_items(regions_of(read_floods()[-40::10])))


def real_items(folder: Path) -> list[Json]:
    """Read real items of Planetary Computer and of the antimeridian.

    Args:
        folder: Folder of the records.

    Returns:
        Items as plain JSON, each with its collection.
    """
    source = folder / "planetary-computer"
    files = sorted([*source.glob("*-pc.json"), *source.glob("site?-*.geojson")])
    files += sorted((source / "antimeridian").glob("*.json"))
    items = [item for file in files for item in _items_of(orjson.loads(file.read_bytes()))]
    for table in sorted(source.glob("*.parquet")):
        items += [_plain(item) for item in stac_table_to_items(pq.read_table(table))]
    return [{"collection": _SENTINEL_2, **item} for item in items]


def unique(items: Iterable[Json]) -> list[Json]:
    """Keep the first item of each collection and id; the recorded sets overlap."""
    return list({(item["collection"], item["id"]): item for item in reversed([*items])}.values())


def collections_for(items: Iterable[Json], known: Iterable[Json]) -> list[Json]:
    """Return the known collections, and a bare one for each other collection of an item."""
    collections = {collection["id"]: collection for collection in known}
    for name in sorted({item["collection"] for item in items} - collections.keys()):
        collections[name] = _bare_collection(name)
    return list(collections.values())


def _items_of(document: Json | list[Json]) -> Iterator[Json]:
    if isinstance(document, list):
        yield from document
    elif document["type"] == "FeatureCollection":
        yield from document["features"]
    else:
        yield document


def _plain(item: Json) -> Json:
    """Turn an item from Arrow, with its arrays and tuples, into plain JSON."""
    text = orjson.dumps(item, default=_listed, option=orjson.OPT_SERIALIZE_NUMPY)
    plain: Json = orjson.loads(text)
    return plain


def _listed(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(type(value).__name__)


def _bare_collection(name: str) -> Json:
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": name,
        "description": name,
        "license": "other",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
            "temporal": {"interval": [["2014-10-03T00:00:00Z", None]]},
        },
    }
