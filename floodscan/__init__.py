"""floodscan: scene choices for flood models, for many flood events at once, on Dask.

result = floodscan.scan("demo")
result.candidates   # a GeoDataFrame, every candidate of every slot
result.manifests    # what was chosen, by event
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.errors import (
    CatalogError,
    EventError,
    FloodscanError,
    InputError,
    ManifestError,
    MissingCollectionError,
    OutputError,
    RecipeError,
)
from floodscan.events import Event, Phase, read_events
from floodscan.manifest import Manifest, read_manifest
from floodscan.recipe import Policy, Recipe, Sensor, SensorRecipe, load_recipe

if TYPE_CHECKING:
    from floodscan.sweep import ScanResult, scan

__all__ = [
    "CatalogError",
    "Event",
    "EventError",
    "FloodscanError",
    "InputError",
    "Manifest",
    "ManifestError",
    "MissingCollectionError",
    "OutputError",
    "Phase",
    "Policy",
    "Recipe",
    "RecipeError",
    "ScanResult",
    "Sensor",
    "SensorRecipe",
    "load_recipe",
    "read_events",
    "read_manifest",
    "scan",
]


def __getattr__(name: str) -> object:
    """Import what needs Dask when it is asked for: that takes a second."""
    if name in {"ScanResult", "scan"}:
        from floodscan import sweep  # noqa: PLC0415

        return getattr(sweep, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
