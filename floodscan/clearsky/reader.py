"""The reader of a run: reads a scene from one source, or else from the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from floodscan.catalogs.limits import Budget
from floodscan.catalogs.pixel_access import CloudSource
from floodscan.catalogs.rate_limiter import LocalRateLimiter
from floodscan.clearsky.base import Reader, Reading
from floodscan.clearsky.files import Cost, Line, UnreadError
from floodscan.clearsky.overviews import read_overview
from floodscan.clearsky.statistics import count_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.catalogs.rate_limiter import RateLimiter
    from floodscan.clearsky.base import Area, Scene
    from floodscan.clearsky.cache import ReadCache


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudReader:
    """Reads the classes of scenes over the network.

    Attributes:
        sources: The sources to try, the first one first.
        data_api: Address of the server of statistics; None if there is none.
        max_scenes: Most scenes that are read for one event.
        n_at_once: Most requests in progress, over all workers.
        line: How requests are sent.
        cache: What was read before; None keeps nothing.
    """

    sources: tuple[CloudSource, ...] = (CloudSource.OVERVIEW,)
    data_api: str | None = None
    max_scenes: int
    n_at_once: int
    line: Line = field(default_factory=lambda: Line(LocalRateLimiter()))
    cache: ReadCache | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """The settings that can change results, in JSON types."""
        return {
            "sources": [str(source) for source in self.sources],
            "data_api": self.data_api,
            "max_scenes": self.max_scenes,
        }

    def limited_by(self, rate_limiter: RateLimiter) -> CloudReader:
        """Return a reader for workers, with the rate limiter of the cluster."""
        return replace(self, line=replace(self.line, rate_limiter=rate_limiter))

    def read(self, scene: Scene, areas: Sequence[Area]) -> Reading:
        """Read the classes of some areas; the result says so if it can't."""
        started = time.perf_counter()
        cost = Cost(Budget(self.line.limits))
        reading, reasons = Reading(), []
        for source in self.sources:
            try:
                reading = self._read_from(source, scene, areas, cost)
                break
            except UnreadError as err:
                reasons.append(str(err))
        unread = "; ".join(reasons) if reading.source is None else None
        budget = cost.budget
        return replace(
            reading,
            unread=unread,
            n_requests=budget.n_requests,
            n_retries=budget.n_retries,
            n_bytes=cost.n_bytes,
            cached=unread is None and budget.n_requests == 0,
            seconds=time.perf_counter() - started,
        )

    def _read_from(
        self, source: CloudSource, scene: Scene, areas: Sequence[Area], cost: Cost
    ) -> Reading:
        if source is CloudSource.OVERVIEW:
            raster = read_overview(scene, self.line, cost, self.cache)
            grounds = tuple(raster.look_at(area) for area in areas)
            return Reading(grounds=grounds, source=source, resolution_m=raster.resolution_m)
        if self.data_api is None:
            raise UnreadError("no data API is known for its catalog")
        line = replace(self.line, guard=None)  # the user named this host, and not a catalog
        counted = [
            count_classes(scene, area, self.data_api, line, cost, self.cache) for area in areas
        ]
        resolution_m = max(each.resolution_m for each in counted)
        grounds = tuple(each.ground for each in counted)
        return Reading(grounds=grounds, source=source, resolution_m=resolution_m)


_: type[Reader] = CloudReader
