"""What is read of a scene: the classes of the ground below it, at the sample points of areas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from floodscan.selection.sample_points import N_POINTS, place_sample_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.catalogs.pixel_access import CloudSource
    from floodscan.catalogs.rate_limiter import RateLimiter
    from floodscan.planning.targets import Target

    Numbers = NDArray[np.float64]
    Classes = NDArray[np.uint8]

N_CLASSES = 12
"""Number of classes; class 0 has no data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A scene to read.

    Attributes:
        collection: STAC collection id.
        item_id: Id of the item.
        href: Unsigned address of the raster of classes; None if the item has none.
        epsg: Code of the raster's coordinate system; None if the item does not say.
        bounds: West, south, east, north edges of the raster in this system; None likewise.
        footprint: Ground of the scene, WGS 84.
    """

    collection: str
    item_id: str
    href: str | None
    epsg: int | None
    bounds: tuple[float, float, float, float] | None
    footprint: BaseGeometry


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A target whose ground is looked at.

    Attributes:
        target: The target.
        lons: Longitudes of its sample points in degrees, shape (4096,).
        lats: Their latitudes, shape (4096,).
    """

    target: Target
    lons: Numbers
    lats: Numbers

    @classmethod
    def of(cls, target: Target) -> Area:
        """TilePlace the sample points of a target."""
        return cls(target, *place_sample_points(target).locate())


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The classes of an area in a scene.

    Attributes:
        shares: Share of the area's ground in each class, shape (12,); they sum to 1.
        at_points: The class at each sample point, shape (4096,); None if only shares are known.
    """

    shares: Numbers
    at_points: Classes | None = None

    @classmethod
    def at(cls, classes: Classes) -> Ground:
        """Count the classes at the sample points, which lie evenly by area."""
        known = np.where(classes < N_CLASSES, classes, 0).astype(np.uint8)
        return cls(np.bincount(known, minlength=N_CLASSES) / N_POINTS, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading a scene gave, and what it cost.

    Attributes:
        grounds: The classes of each area; empty if the scene can't be read.
        source: Where they come from; None if the scene can't be read.
        resolution_m: Edge length of the pixels in metres; None if it is not known.
        unread: Why the scene can't be read; None if it was read.
        n_requests: Number of requests, with every retry counted.
        n_retries: Number of repeated requests.
        n_bytes: Bytes of the answers.
        cached: True if all of it came from the cache.
        seconds: Time that it took.
    """

    grounds: tuple[Ground, ...] = ()
    source: CloudSource | None = None
    resolution_m: float | None = None
    unread: str | None = None
    n_requests: int = 0
    n_retries: int = 0
    n_bytes: int = 0
    cached: bool = False
    seconds: float = field(default=0.0, compare=False)


class Reader(Protocol):
    """Reads scenes. Implementations are small values that travel to workers."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The settings that can change results, in JSON types."""
        ...

    @property
    def max_scenes(self) -> int:
        """Most scenes that are read for one event."""
        ...

    def limited_by(self, rate_limiter: RateLimiter) -> Reader:
        """Return a reader for workers, with the rate limiter of the cluster."""
        ...

    @property
    def n_at_once(self) -> int:
        """Most requests in progress, over all workers."""
        ...

    def read(self, scene: Scene, areas: Sequence[Area]) -> Reading:
        """Read the classes of some areas; the result says so if it can't."""
        ...
