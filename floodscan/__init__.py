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
from floodscan.manifest import Manifest
from floodscan.recipe import Policy, Recipe, Sensor, SensorRecipe, load_recipe
from floodscan.results import ScanResult
from floodscan.store import read_manifest

if TYPE_CHECKING:
    from floodscan.sweep import scan

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
    if name == "scan":
        from floodscan.sweep import scan  # noqa: PLC0415

        return scan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
