"""floodscan: scene choices for flood models, for many flood events at once, on Dask.

result = floodscan.scan("demo")
result.candidates   # a GeoDataFrame: every candidate scene of every slot
result.manifests    # the chosen scenes, by event id
"""

from __future__ import annotations

TYPE_CHECKING = False  # the import of typing takes longer than that of this module
if TYPE_CHECKING:
    from floodscan.assessment.manifest import Manifest
    from floodscan.assessment.manifest_files import read_manifest
    from floodscan.catalogs import Access, open_catalog, open_sources
    from floodscan.errors import (
        CatalogError,
        EventError,
        EventWarning,
        FloodscanError,
        InputError,
        ManifestError,
        MissingCollectionError,
        OutputError,
        RecipeError,
    )
    from floodscan.inputs.event_files import read_events
    from floodscan.inputs.recipe_files import load_recipe
    from floodscan.model import CloudScope, Event, Phase, Policy, Recipe, Sensor, SensorRecipe
    from floodscan.result import ScanResult
    from floodscan.scanning import reselect, scan

    __version__: str

__all__ = [
    "Access",
    "CatalogError",
    "CloudScope",
    "Event",
    "EventError",
    "EventWarning",
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
    "open_sources",
    "read_events",
    "read_manifest",
    "reselect",
    "scan",
]

_MODULES = {
    "floodscan.assessment.manifest": ("Manifest",),
    "floodscan.assessment.manifest_files": ("read_manifest",),
    "floodscan.catalogs": ("Access", "open_catalog", "open_sources"),
    "floodscan.errors": tuple(name for name in __all__ if name.endswith(("Error", "Warning"))),
    "floodscan.inputs.event_files": ("read_events",),
    "floodscan.inputs.recipe_files": ("load_recipe",),
    "floodscan.model": (
        "CloudScope",
        "Event",
        "Phase",
        "Policy",
        "Recipe",
        "Sensor",
        "SensorRecipe",
    ),
    "floodscan.result": ("ScanResult",),
    "floodscan.scanning": ("reselect", "scan"),
}
"""Where the names are defined. They are imported on use: pyarrow, shapely and Dask take a second.

The command line imports this module before it can handle Ctrl-C, so it imports nothing at once.
"""


if not TYPE_CHECKING:  # else type checkers would accept every name

    def __getattr__(name: str) -> object:
        """Import a name when it is used for the first time."""
        from importlib import import_module  # noqa: PLC0415 - see above

        if name == "__version__":
            return import_module("importlib.metadata").version("floodscan")
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(module), name)
        if name == "errors":
            return import_module("floodscan.errors")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
