"""Archives: items as stac-geoparquet files on disk, in object storage, or on a web server."""

from floodscan.catalogs.archive.catalog import ArchiveCatalog
from floodscan.catalogs.archive.footers import CATALOG_KEY

__all__ = ["CATALOG_KEY", "ArchiveCatalog"]
