"""floodscan: scene choices for flood models, for many flood events at once, on Dask.

result = floodscan.scan("demo")
result.candidates   # a GeoDataFrame: every candidate scene of every slot
result.manifests    # the chosen scenes, by event id
"""

from __future__ import annotations

from importlib import import_module
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
from floodscan.model import Event, Phase, Policy, Recipe, Sensor, SensorRecipe

if TYPE_CHECKING:
    from floodscan.assessment.manifest import Manifest
    from floodscan.assessment.manifest_files import read_manifest
    from floodscan.catalogs import Access, open_catalog
    from floodscan.inputs.event_files import read_events
    from floodscan.inputs.recipe_files import load_recipe
    from floodscan.result import ScanResult
    from floodscan.scanning import reselect, scan

    __version__: str

__all__ = [
    "Access",
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
    "__version__",
    "load_recipe",
    "open_catalog",
    "read_events",
    "read_manifest",
    "reselect",
    "scan",
]

_MODULES = {
    "Access": "floodscan.catalogs",
    "Manifest": "floodscan.assessment.manifest",
    "ScanResult": "floodscan.result",
    "load_recipe": "floodscan.inputs.recipe_files",
    "open_catalog": "floodscan.catalogs",
    "read_events": "floodscan.inputs.event_files",
    "read_manifest": "floodscan.assessment.manifest_files",
    "reselect": "floodscan.scanning",
    "scan": "floodscan.scanning",
}
"""Where names are defined whose import takes long: pyarrow, shapely and Dask take a second."""


if not TYPE_CHECKING:  # else type checkers would accept every name

    def __getattr__(name: str) -> object:
        """Import a name when it is used for the first time."""
        if name == "__version__":
            return import_module("importlib.metadata").version("floodscan")
        if name in _MODULES:
            return getattr(import_module(_MODULES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
