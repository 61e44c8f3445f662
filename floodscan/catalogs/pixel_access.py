"""How a run may read the clouds of scenes: from where, how many, and from which hosts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_SCENES = 80
MAX_READS = 16


class CloudSource(StrEnum):
    """Where the classes of a scene come from."""

    OVERVIEW = "overview"
    """The small copy of the raster inside its own file."""

    STATISTICS = "statistics"
    """Counts of a server that reads the file; they have no place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelAccess:
    """Limits for the reading of scenes; a run without ``cloud = "area"`` reads none.

    Attributes:
        source: What is read first: the overview of each scene, or statistics of a server.
        fallback: Whether the other source is tried for scenes that the first can't read.
        data_api: Address of a server of statistics; None is that of Planetary Computer, for runs
            that search there.
        max_scenes: Most scenes that are read for one event, the nearest to its dates.
        max_in_flight: Most requests in progress, over all workers.
        private_hosts: Hosts that scenes may be read from although their addresses are not public.
    """

    source: CloudSource = CloudSource.OVERVIEW
    fallback: bool = True
    data_api: str | None = None
    max_scenes: int = MAX_SCENES
    max_in_flight: int = MAX_READS
    private_hosts: frozenset[str] = frozenset()
