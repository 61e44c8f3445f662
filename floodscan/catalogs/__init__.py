"""Catalogs of STAC items, opened by name, URL or path."""

from __future__ import annotations

from importlib.resources import files

from floodscan.catalogs.access import Access, with_rate_limiter
from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.address import is_archive
from floodscan.catalogs.base import Answer, Catalog
from floodscan.catalogs.stac_api import StacApiCatalog
from floodscan.model import DEMO

__all__ = [
    "Access",
    "Answer",
    "ArchiveCatalog",
    "Catalog",
    "StacApiCatalog",
    "open_catalog",
    "with_rate_limiter",
]

PLANETARY_COMPUTER = "planetary-computer"
_PLANETARY_COMPUTER_URL = "https://planetarycomputer.microsoft.com/api/stac/v1"


def open_catalog(name: str) -> Catalog:
    """Return the catalog that a name stands for, without a request.

    Args:
        name: ``planetary-computer``, ``demo``, the URL of a STAC API, or the address of an
            archive: the path, the pattern or the URL of stac-geoparquet files.

    Raises:
        CatalogError: An address is invalid.
    """
    if name == PLANETARY_COMPUTER:
        return StacApiCatalog(_PLANETARY_COMPUTER_URL)
    if name == DEMO:
        return ArchiveCatalog.at(str(files("floodscan.data") / "demo"), label=DEMO)
    return ArchiveCatalog.at(name) if is_archive(name) else StacApiCatalog(name)
