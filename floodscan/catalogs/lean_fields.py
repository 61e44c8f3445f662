"""The parts of items that a search leaves out, for APIs with the ``fields`` extension."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = dict[str, Any]

_SCHEMAS = ("product", "calibration", "noise")
_CHANNELS = ("vv", "vh", "hh", "hv")
_OTHER_ASSETS = {
    "sentinel-2-l2a": (
        *("AOT", "SCL", "WVP", "visual", "preview", "tilejson", "rendered_preview"),
        *("product-metadata", "granule-metadata", "inspire-metadata", "datastrip-metadata"),
        "safe-manifest",
    ),
    "sentinel-1-grd": (
        *("thumbnail", "safe-manifest", "tilejson", "rendered_preview"),
        *(f"schema-{kind}-{channel}" for kind in _SCHEMAS for channel in _CHANNELS),
    ),
}
"""Assets beside the bands, for collections where these make up much of an item.

A name that an item does not have does no harm.
"""


def lean_fields(wanted: Mapping[str, Sequence[str]]) -> Json:
    """Name the unused parts of an item, for APIs that conform to the ``fields`` extension.

    To name the used parts instead would halve the bytes again, but costs pgstac more than the whole
    item does: it walks the item once for each included path
    (``benchmarks/results/lean_fields.md``).

    Args:
        wanted: The wanted assets of each collection.
    """
    used = {key for assets in wanted.values() for key in assets}
    others = {
        name: [f"assets.{key}" for key in _OTHER_ASSETS.get(name, ()) if key not in used]
        for name in wanted
    }
    large = [name for name in wanted if others[name]]
    bands = [f"assets.{key}.eo:bands" for name in large for key in wanted[name]]
    return {"exclude": ["links", *chain.from_iterable(others.values()), *bands]}
