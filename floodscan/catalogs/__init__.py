"""Catalogs of STAC items, opened by name, URL or path."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from floodscan.catalogs.access import Access, with_rate_limiter
from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.address import is_archive
from floodscan.catalogs.base import Answer, Catalog
from floodscan.catalogs.sources import Sources
from floodscan.catalogs.stac_api import StacApiCatalog
from floodscan.model import DEMO

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Access",
    "Answer",
    "ArchiveCatalog",
    "Catalog",
    "Sources",
    "StacApiCatalog",
    "open_catalog",
    "open_sources",
    "with_rate_limiter",
]

PLANETARY_COMPUTER = "planetary-computer"
PLANETARY_COMPUTER_URL = "https://planetarycomputer.microsoft.com/api/stac/v1"


def open_catalog(name: str) -> Catalog:
    """Return the catalog that a name stands for, without a request.

    Args:
        name: ``planetary-computer``, ``demo``, the URL of a STAC API, or the address of an
            archive: the path, the pattern or the URL of stac-geoparquet files.

    Raises:
        CatalogError: An address is invalid.
    """
    if name == PLANETARY_COMPUTER:
        return StacApiCatalog(PLANETARY_COMPUTER_URL)
    if name == DEMO:
        return ArchiveCatalog.at(str(files("floodscan.data") / "demo"), label=DEMO)
    return ArchiveCatalog.at(name) if is_archive(name) else StacApiCatalog(name)


def open_sources(
    main: str | Catalog,
    *,
    by_collection: Mapping[str, str] | None = None,
    fallback: str | Catalog | None = None,
) -> Catalog:
    """Open the catalogs of a run as one, without a request.

    Args:
        main: Catalog of all collections without a source of their own.
        by_collection: Names of the sources of other collections.
        fallback: Catalog for searches in time that an archive does not cover.

    Raises:
        CatalogError: An address is invalid.
    """
    opened = _open(main)
    if isinstance(opened, Sources) or not (by_collection or fallback):
        return opened
    own = {name: open_catalog(source) for name, source in (by_collection or {}).items()}
    return Sources(opened, own, None if fallback is None else _open(fallback))


def _open(catalog: str | Catalog) -> Catalog:
    return open_catalog(catalog) if isinstance(catalog, str) else catalog
