"""Clear sky: which ground of each target is clear in the scenes that could be chosen.

The cloud cover of a scene is a mean over 110 × 110 km, and says little about an area of 20 km. So
the scene classification is read, once for each scene, and looked at where the targets are::

    candidates = score(…)                                  scored CANDIDATES
    clearness = read_clearness(candidates, targets, …)     the columns of clear ground are filled
        find_wanted(candidates, recipe, max_scenes)        → scenes, nearest to their dates first
        reader.read(scene, areas)                          → classes at the sample points
        fill_columns(candidates, readings)                 → CANDIDATES

A scene that can't be read keeps the cloud cover of the whole scene, and ``unread`` has the reason.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from floodscan.clearsky.base import Area, Reader, Reading
from floodscan.clearsky.columns import RowReading, fill_columns
from floodscan.clearsky.wanted import find_wanted
from floodscan.schemas import READS, make_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from floodscan.clearsky.wanted import TargetKey, WantedScene
    from floodscan.model import Recipe
    from floodscan.planning.targets import Target

__all__ = ["Clearness", "Reader", "Reading", "read_clearness"]

_log = logging.getLogger(__name__)


class Clearness(NamedTuple):
    """The clear ground of candidates.

    Attributes:
        candidates: CANDIDATES with the columns of clear ground.
        reads: READS: what was read; ``batch`` is empty.
    """

    candidates: pa.Table
    reads: pa.Table


def read_clearness(
    candidates: pa.Table,
    targets: Mapping[TargetKey, Target],
    recipe: Recipe,
    reader: Reader,
) -> Clearness:
    """Read the scenes that could still be chosen, and fill the columns of clear ground.

    Args:
        candidates: Scored CANDIDATES, not ranked yet.
        targets: By event id and target id.
        recipe: The rules; sensors with ``cloud = "area"`` are read.
        reader: Reads the scenes.
    """
    wanted = find_wanted(candidates, recipe, reader.max_scenes)
    keys = dict.fromkeys(key for each in wanted.scenes for key in each.targets)
    areas = {key: Area.of(targets[key]) for key in keys}

    def read(each: WantedScene) -> Reading:
        return reader.read(each.scene, [areas[key] for key in each.targets])

    with ThreadPoolExecutor(max(min(reader.n_at_once, len(wanted.scenes)), 1)) as threads:
        readings = list(threads.map(read, wanted.scenes))
    reason = f"more than {reader.max_scenes} scenes of the event are nearer to a phase's date"
    known = dict.fromkeys(wanted.skipped, RowReading(Reading(unread=reason), 0))
    for each, reading in zip(wanted.scenes, readings, strict=True):
        _log_reading(each, reading)
        numbers = {key: number for number, key in enumerate(each.targets)}
        known |= {row: RowReading(reading, numbers[key]) for row, key in each.rows}
    return Clearness(fill_columns(candidates, known), _tabulate(wanted.scenes, readings))


def _log_reading(wanted: WantedScene, reading: Reading) -> None:
    scene = wanted.scene
    if reading.unread is not None:
        _log.info("scene %s is not read: %s", scene.item_id, reading.unread)
        return
    _log.info(
        "scene %s: %s read for %d areas, %d requests, %d retries, %d bytes, %.2f s%s",
        scene.item_id,
        reading.source,
        len(reading.grounds),
        reading.n_requests,
        reading.n_retries,
        reading.n_bytes,
        reading.seconds,
        ", from the cache" if reading.cached else "",
    )


_COPIED = (*("resolution_m", "unread", "n_requests", "n_retries", "n_bytes", "cached", "seconds"),)


def _tabulate(wanted: Sequence[WantedScene], readings: Sequence[Reading]) -> pa.Table:
    rows = [
        {
            "batch": "",
            "collection": each.scene.collection,
            "item_id": each.scene.item_id,
            "n_areas": len(each.targets),
            "source": reading.source,
            **{name: getattr(reading, name) for name in _COPIED},
        }
        for each, reading in zip(wanted, readings, strict=True)
    ]
    return make_table(rows, READS)
