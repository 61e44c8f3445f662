"""floodscan: scene choices for flood models, for many flood events at once, on Dask.

result = floodscan.scan("demo")
result.candidates   # a GeoDataFrame, every candidate of every slot
result.manifests    # what was chosen, by event
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.assessment.manifest import Manifest
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
from floodscan.inputs.event_files import read_events
from floodscan.inputs.recipe_files import load_recipe
from floodscan.model import Event, Phase, Policy, Recipe, Sensor, SensorRecipe
from floodscan.result import ScanResult, read_manifest

if TYPE_CHECKING:
    from floodscan.scanning import scan

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
        from floodscan.scanning import scan  # noqa: PLC0415

        return scan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
