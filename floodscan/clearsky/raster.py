"""The raster of classes: an overview inside a cloud-optimised GeoTIFF, decoded from its bytes.

GDAL gets bytes that were already read, and opens nothing itself: no other format, no other file and
no address that is named in the bytes. All sizes are checked before anything is unpacked, because a
few bytes of a header can promise any number of pixels.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log
from typing import TYPE_CHECKING, Any

import numpy as np

from floodscan.clearsky.base import Ground
from floodscan.extras import needs_extra
from floodscan.geometry.projections import WGS84, open_transformer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from floodscan.clearsky.base import Area, Classes, Scene

    Numbers = NDArray[np.float64]

RESOLUTION_M = 160.0
"""Edge length of the pixels that are read: an eighth of the classification's 20 m."""

_FINEST_M, _COARSEST_M = 60.0, 400.0
_MOST_PIXELS = 2048 * 2048
_MOST_BLOCKS = 256
_MOST_BYTES = 2**20
_LAST_BYTE = 2**24
_SAME_EDGE_M = 100.0
_PACKINGS = {None, "deflate", "lzw", "zstd", "packbits", "lerc_deflate", "lerc_zstd"}
_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no side-car files
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
}


class UnreadableRasterError(ValueError):
    """A file that is not the raster of a scene's classes; its text is the reason."""


@dataclass(frozen=True, slots=True)
class OverviewPlace:
    """Where an overview is in its file.

    Attributes:
        level: Its number, from 0; None is the raster itself.
        first: First byte of its blocks.
        end: The byte behind them.
    """

    level: int | None
    first: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """The classes of a scene.

    Attributes:
        classes: Shape (rows, columns), the north-western pixel first.
        epsg: Code of the coordinate system, in metres.
        edges: West, south, east and north of the raster.
    """

    classes: Classes
    epsg: int
    edges: tuple[float, float, float, float]

    @property
    def resolution_m(self) -> float:
        """Edge length of a pixel, from west to east."""
        west, _, east, _ = self.edges
        return (east - west) / len(self.classes[0])

    def look_at(self, area: Area) -> Ground:
        """Find the class at each sample point of an area; class 0 outside the raster."""
        rows, columns = self.classes.shape
        west, south, east, north = self.edges
        xs, ys = _project(area, self.epsg)
        inside = (xs >= west) & (xs < east) & (ys > south) & (ys <= north)
        found = np.zeros(len(xs), dtype=np.uint8)
        across = ((xs[inside] - west) * (columns / (east - west))).astype(np.int64)
        down = ((north - ys[inside]) * (rows / (north - south))).astype(np.int64)
        found[inside] = self.classes[down.clip(max=rows - 1), across.clip(max=columns - 1)]
        return Ground.at(found)


@lru_cache(maxsize=512)
def _project(area: Area, epsg: int) -> tuple[Numbers, Numbers]:
    """Project sample points; those too far away for the system become infinite."""
    xs, ys = open_transformer(WGS84, f"EPSG:{epsg}").transform(area.lons, area.lats)
    return xs, ys


def check_installed() -> None:
    """Check that the package that decodes GeoTIFFs is there.

    Raises:
        InputError: It is not; the message has the pip command.
    """
    with needs_extra("clearsky", 'cloud = "area"'):
        import rasterio  # noqa: F401, PLC0415 - takes a while to import, and few need it


def find_overview(head: bytes) -> OverviewPlace:
    """Find the overview with pixels of about 160 m.

    Args:
        head: The beginning of the file, with the headers of all overviews.

    Raises:
        UnreadableRasterError: There is none, or it is too large.
    """
    with _opened(head) as raster:
        _check_kind(raster)
        size = raster.transform.a
        sizes = {None: size} | {n: size * f for n, f in enumerate(raster.overviews(1))}
    level = min(sizes, key=lambda n: abs(log(sizes[n] / RESOLUTION_M)) if sizes[n] > 0 else inf)
    if not _FINEST_M <= sizes[level] <= _COARSEST_M:
        raise UnreadableRasterError(f"has no overview with pixels of {RESOLUTION_M:g} m")
    with _opened(head, level) as raster:
        blocks = _list_blocks(raster)
    with _opened(head) as raster:
        spans = [span for block in blocks if (span := _find_block(raster, level, *block))]
    first = min((start for start, _ in spans), default=0)
    end = max((start + size for start, size in spans), default=0)
    if end - first > _MOST_BYTES or end > _LAST_BYTE:
        raise UnreadableRasterError("has an overview of too many bytes")
    return OverviewPlace(level, first, end)


def decode(content: bytes, place: OverviewPlace, scene: Scene) -> Raster:
    """Decode an overview, and check that it is of the scene.

    Args:
        content: The file, with zeros where it was not read.
        place: Where the overview is.
        scene: What the item says of the raster.

    Raises:
        UnreadableRasterError: It can't be decoded, or belongs to another scene.
    """
    with _opened(content, place.level) as raster:
        epsg = raster.crs.to_epsg()
        edges = tuple(raster.bounds)
        if epsg is None or (scene.epsg is not None and epsg != scene.epsg):
            raise UnreadableRasterError("has another coordinate system than its item says")
        if scene.bounds is not None and not np.allclose(
            edges, scene.bounds, rtol=0, atol=_SAME_EDGE_M
        ):
            raise UnreadableRasterError("covers other ground than its item says")
        return Raster(raster.read(1), epsg, edges)


@contextmanager
def _opened(content: bytes, level: int | None = None) -> Iterator[Any]:
    check_installed()  # a worker may lack it
    import rasterio  # noqa: PLC0415 - takes a while to import, and few need it
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    options = {} if level is None else {"overview_level": level}
    try:
        with (
            rasterio.Env(**_SETTINGS),
            rasterio.MemoryFile(content) as file,
            file.open(driver="GTiff", **options) as raster,
        ):
            yield raster
    except NotGeoreferencedWarning:
        raise UnreadableRasterError("has no place on the ground") from None
    except RasterioError:  # its text has the name of a temporary file
        raise UnreadableRasterError("is not a GeoTIFF, or is damaged") from None


def _check_kind(raster: Any) -> None:  # noqa: ANN401 - rasterio has no types
    """Check that it is a raster of classes, north up, in metres."""
    packing = raster.compression and raster.compression.value.lower()
    if raster.count != 1 or raster.dtypes[0] != "uint8" or packing not in _PACKINGS:
        raise UnreadableRasterError("is not a raster of classes")
    grid = raster.transform
    if raster.crs is None or not raster.crs.is_projected or grid.b or grid.d or grid.e >= 0:
        raise UnreadableRasterError("has no place on the ground")


def _list_blocks(raster: Any) -> list[tuple[int, int]]:  # noqa: ANN401 - rasterio has no types
    """List columns and rows of an overview's blocks, if they are not too large to be unpacked."""
    height, width = raster.block_shapes[0]
    if max(height * width, raster.height * raster.width) > _MOST_PIXELS:
        raise UnreadableRasterError("has an overview of too many pixels")
    columns, rows = -(-raster.width // width), -(-raster.height // height)
    if columns * rows > _MOST_BLOCKS:
        raise UnreadableRasterError("has an overview of too many blocks")
    return [(column, row) for row in range(rows) for column in range(columns)]


def _find_block(
    raster: Any,  # noqa: ANN401 - rasterio has no types
    level: int | None,
    column: int,
    row: int,
) -> tuple[int, int] | None:
    """Return first byte and size of a block; None if the file leaves it out."""
    options = {} if level is None else {"ovr": level}
    first, size = (
        raster.get_tag_item(f"BLOCK_{fact}_{column}_{row}", "TIFF", bidx=1, **options)
        for fact in ("OFFSET", "SIZE")
    )
    return None if not first or not size else (int(first), int(size))
