"""Reads how many pixels of each class an area has, from a server that runs titiler.

Planetary Computer's data API is one. It reads the file itself, so this helps where the files can't
be reached. A request is for one scene and one area. Its answer has no places: only the shares are
known, and not which sample points are clear.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import msgspec
import numpy as np
import orjson
import shapely

from floodscan.catalogs.limits import RequestError
from floodscan.catalogs.transport import Request
from floodscan.clearsky.base import N_CLASSES, Ground
from floodscan.clearsky.files import UnreadError
from floodscan.geometry.footprints import overlap_fractions
from floodscan.geometry.projections import WGS84, open_transformer
from floodscan.planning.slot_searches import SCENE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.clearsky.base import Area, Scene
    from floodscan.clearsky.cache import ReadCache
    from floodscan.clearsky.files import Cost, Line

    Numbers = NDArray[np.float64]

_MAX_SIZE = 512
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_EDGE_DEGREES = 0.05


class Counted(NamedTuple):
    """The classes of an area.

    Attributes:
        ground: Their shares.
        resolution_m: Edge length of the pixels in metres.
    """

    ground: Ground
    resolution_m: float


class _Band(msgspec.Struct):
    histogram: tuple[list[float], list[float]]
    valid_pixels: float
    masked_pixels: float


class _Properties(msgspec.Struct):
    statistics: dict[str, _Band]


class _Answer(msgspec.Struct):
    properties: _Properties


def count_classes(
    scene: Scene, area: Area, url: str, line: Line, cost: Cost, cache: ReadCache | None
) -> Counted:
    """Count the classes of an area in a scene, or take the counts from the cache.

    Args:
        scene: The scene.
        area: The area.
        url: Address of the data API.
        line: How requests are sent.
        cost: Pays for them.
        cache: Keeps the counts.

    Raises:
        UnreadError: They can't be read.
    """
    if scene.epsg is None:
        raise UnreadError("its item has no coordinate system")
    facts = {
        "data_api": url,
        "scene": [scene.collection, scene.item_id],
        "area": shapely.to_wkb(area.target.area, hex=True),
        "footprint": shapely.to_wkb(scene.footprint, hex=True),
    }
    if cache and (held := cache.find_counts(facts)):
        return Counted(*held)
    covered = shapely.intersection(area.target.area, scene.footprint)
    shares, resolution_m = np.zeros(N_CLASSES), 0.0
    for part in _split_at_antimeridian(covered):
        band = _ask(_request(scene, part, url), line, cost)
        found, pixel_m = _read_band(band, part, scene.epsg)
        shares += found * part.area / covered.area
        resolution_m = max(resolution_m, pixel_m)
    shares *= float(overlap_fractions(np.array([scene.footprint]), area.target.area)[0])
    shares[0] += 1 - shares.sum()
    counted = Counted(Ground(shares), resolution_m)
    if cache:
        cache.keep_counts(facts, *counted)
    return counted


def _split_at_antimeridian(area: BaseGeometry) -> Iterator[BaseGeometry]:
    """Yield the polygons of an area, those on each side of 180° as one."""
    west, south, east, north = _WORLD
    for half in (shapely.box(west, south, 0, north), shapely.box(0, south, east, north)):
        crosses = shapely.bounds(area)[2] - shapely.bounds(area)[0] > east
        part = shapely.intersection(area, half) if crosses else area
        if part.area > 0:
            yield part
        if not crosses:
            return


def _request(scene: Scene, area: BaseGeometry, url: str) -> Request:
    query = {
        "collection": scene.collection,
        "item": scene.item_id,
        "assets": SCENE_CLASSES,
        "categorical": "true",
        "max_size": str(_MAX_SIZE),
    }
    geometry = orjson.loads(shapely.to_geojson(area))
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    return Request("POST", f"{url}/item/statistics?{urlencode(query)}", body=feature)


def _ask(request: Request, line: Line, cost: Cost) -> _Band:
    try:
        content = line.ask(request, cost)
        statistics = msgspec.json.decode(content, type=_Answer).properties.statistics
        (band,) = statistics.values()
    except RequestError as err:
        raise UnreadError(f"the data API {err.reason}") from None
    except (msgspec.MsgspecError, ValueError):
        raise UnreadError("the data API answered with something that can't be read") from None
    return band


def _read_band(band: _Band, area: BaseGeometry, epsg: int) -> tuple[Numbers, float]:
    """Return the shares of the classes, and the edge length of the pixels.

    The server counts the pixels inside the area that have data, and those of the area's bounds in
    the system of the raster. Pixels without data are what is missing to the area's own pixels.
    """
    n_bounds = band.valid_pixels + band.masked_pixels
    outline = _project(area, epsg)
    west, south, east, north = shapely.bounds(outline)
    bounds_m2 = (east - west) * (north - south)
    counts = np.zeros(N_CLASSES)
    for count, value in zip(*band.histogram, strict=True):
        counts[int(value) if value in range(N_CLASSES) else 0] += count
    n_area = max(n_bounds * outline.area / bounds_m2, counts.sum())
    if not n_area > 0:
        raise UnreadError("the data API found no pixel in the area")
    counts[0] += n_area - counts.sum()
    return counts / n_area, sqrt(bounds_m2 / n_bounds)


def _project(area: BaseGeometry, epsg: int) -> BaseGeometry:
    transformer = open_transformer(WGS84, f"EPSG:{epsg}")
    return shapely.transform(
        shapely.segmentize(area, _EDGE_DEGREES),
        lambda points: np.column_stack(transformer.transform(*points.T)),
    )
