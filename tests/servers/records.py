"""What the servers serve: the demo's items and, where they are at hand, real ones of others."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.parquet as pq
from stac_geoparquet.arrow import stac_table_to_items

from tests.servers.process import REPO_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.servers.catalog import Json

SHARED_DATA = REPO_ROOT.parent / "shared" / "data"
_SENTINEL_2 = "sentinel-2-l2a"


def demo_items() -> list[Json]:
    """The items of the demo, of all its collections."""
    # Imported late, so that the servers' own modules load without the package's.
    from floodscan.testing.build_demo import build_items  # noqa: PLC0415

    return list(itertools.chain.from_iterable(build_items().values()))


def demo_collections() -> list[Json]:
    """The collections of the demo."""
    from floodscan.testing.build_demo import build_collections  # noqa: PLC0415

    return build_collections()


def real_items(folder: Path = SHARED_DATA) -> list[Json]:
    """Real items of Planetary Computer and of the antimeridian, none where there is no folder.

    Args:
        folder: Where the records are.

    Returns:
        Items as plain JSON, each with its collection.
    """
    source = folder / "planetary-computer"
    if not source.is_dir():
        return []
    files = sorted([*source.glob("*-pc.json"), *source.glob("site?-*.geojson")])
    files += sorted((source / "antimeridian").glob("*.json"))
    items = [item for file in files for item in _items_of(orjson.loads(file.read_bytes()))]
    for table in sorted(source.glob("*.parquet")):
        items += [_plain(item) for item in stac_table_to_items(pq.read_table(table))]
    return [{"collection": _SENTINEL_2, **item} for item in items]


def unique(items: Iterable[Json]) -> list[Json]:
    """The first item of each collection and id; the recorded sets overlap."""
    return list({(item["collection"], item["id"]): item for item in reversed([*items])}.values())


def collections_for(items: Iterable[Json], known: Iterable[Json]) -> list[Json]:
    """The known collections, and a bare one for every other collection that an item names."""
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
    """Turn what Arrow gives, arrays and tuples included, into what JSON would have given."""
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
