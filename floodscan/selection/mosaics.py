"""Candidates as passes: which scenes one overflight made, when each may be chosen, and what a pass covers.

A *pass* is the scenes of one overflight over a target: those of one datatake, and those of one
satellite on one relative orbit of which none is later than ten minutes after the one before, for an
overflight may be cut into several datatakes. A *option* is a pass as one slot may take it: those of
its scenes that the first steps of the ladder admit, and of these the mosaic, the fewest that cover
what all of them cover (greedily: what adds most points comes first, then the less cloudy, then the
smaller id; last what fills gaps between the points). Scenes of one tile with different footprints
are parts of one granule that was split, whatever their footprints claim: they are taken together or
not at all.
"""

from __future__ import annotations

from functools import reduce
from itertools import chain
from operator import attrgetter, or_
from typing import TYPE_CHECKING, NamedTuple

import shapely

from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapely.geometry.base import BaseGeometry

MILLI = 1000
"""Days and percents are counted in thousandths, so that sums are exact."""

CLOUD_PERCENT_PER_DAY = 5
"""Cloud that weighs as much as a day's distance from the phase's date."""

_by_id = attrgetter("item_id")
_SLIVER = 1e-6  # of a target; less is where the edges of two scenes meet


class Scene(NamedTuple):
    """A candidate that some step admits: its row, and what choosing needs of it.

    ``overlap`` is the part of the target that it covers; ``size`` is its number of points.
    """

    row: int
    item_id: str
    pass_id: int
    track: int
    level: int
    start: int
    days: int
    cloud: int
    tile: str | None
    outline: bytes
    overlap: float
    points: int
    size: int


class PassOption(NamedTuple):
    """A pass as a slot may take it.

    ``level`` is the last step needed; ``start`` and ``end`` are the times of its first and last
    scene, in microseconds; ``points`` is a set of points; ``cost`` grows with distance from the
    phase's date and with cloud; ``size`` is the number of points; ``scenes`` are those that may be
    in the mosaic, by id, and ``key`` their ids.
    """

    pass_id: int
    track: int
    level: int
    start: int
    end: int
    points: int
    cost: int
    key: tuple[str, ...]
    size: int
    scenes: tuple[Scene, ...]


def make_pass_options(scenes: Sequence[Scene], sensor: str, *, least: int = 1) -> list[PassOption]:
    """Make the options of a slot: a pass once for each level at which it has more scenes, in order of time.

    Args:
        scenes: The slot's candidates that some step admits, by pass, then id.
        sensor: Of the slot; days weigh against cloud for those that see clouds.
        least: Points that a pass must cover.
    """
    by_pass: dict[tuple[int, int], list[Scene]] = {}
    for scene in sorted(scenes, key=_by_id):
        by_pass.setdefault((scene.pass_id, scene.track), []).append(scene)
    options = []
    for members in by_pass.values():
        for level in sorted({scene.level for scene in members}):
            admitted = [scene for scene in members if scene.level <= level]
            points = 0
            for scene in admitted:
                points |= scene.points
            size = points.bit_count()
            if size >= max(least, 1):
                options.append(
                    _make_pass_option(
                        tuple(admitted),
                        level,
                        points,
                        size=size,
                        weigh_cloud=sensor == Sensor.S2L2A,
                    )
                )
    return sorted(options, key=lambda option: (option.start, option.key))


def _make_pass_option(
    scenes: tuple[Scene, ...], level: int, points: int, *, size: int, weigh_cloud: bool
) -> PassOption:
    starts = [scene.start for scene in scenes]
    cost = min([scene.days for scene in scenes]) * MILLI
    if weigh_cloud:
        cloud = sum([scene.cloud * scene.size for scene in scenes]) // sum(
            [scene.size for scene in scenes]
        )
        cost = cost * CLOUD_PERCENT_PER_DAY + cloud
    key = tuple([scene.item_id for scene in scenes])
    return PassOption(
        scenes[0].pass_id,
        scenes[0].track,
        level,
        min(starts),
        max(starts),
        points,
        cost,
        key,
        size,
        scenes,
    )


def cover(scenes: Sequence[Scene], area: BaseGeometry) -> list[Scene]:
    """Choose scenes of a pass until all of an area that any covers is covered: always what adds most; that comes first.

    Args:
        scenes: Of one pass.
        area: The target's.
    """
    if len(scenes) == 1:
        return list(scenes)
    chosen: list[Scene] = []
    covered = 0
    left = _granules(scenes)
    while left:
        added = [
            (reduce(or_, (part.points for part in parts)) & ~covered).bit_count() for parts in left
        ]
        most = max(added)
        if most == 0:
            break
        parts = left.pop(added.index(most))
        chosen += parts
        covered = reduce(or_, (part.points for part in parts), covered)
    if left and all(scene.overlap < 1 for scene in chosen):
        chosen += _fill_gaps(chosen, left, area)
    return _order(chosen)


def _fill_gaps(chosen: Sequence[Scene], left: list[list[Scene]], area: BaseGeometry) -> list[Scene]:
    """Choose what covers ground of an area that lies between the points."""
    found: list[Scene] = []
    least = _SLIVER * area.area
    bare = shapely.difference(area, _join(chosen))
    # one look at all that is left together tells nearly always that nothing is to be had
    while (
        left
        and bare.area >= least
        and shapely.intersection(_join(chain(*left)), bare).area >= least
    ):
        added = shapely.area(shapely.intersection([_join(parts) for parts in left], bare)).tolist()
        parts = left.pop(added.index(max(added)))
        found += parts
        bare = shapely.difference(bare, _join(parts))
    return found


def _join(scenes: Iterable[Scene]) -> BaseGeometry:
    joined: BaseGeometry = shapely.union_all(shapely.from_wkb([scene.outline for scene in scenes]))
    return joined


def _granules(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Put the parts of a split granule together; of scenes with one outline keep the first."""
    granules: dict[object, dict[bytes, Scene]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.cloud, scene.item_id)):
        if scene.overlap:
            parts = granules.setdefault(scene.row if scene.tile is None else scene.tile, {})
            parts.setdefault(scene.outline, scene)
    return [list(parts.values()) for parts in granules.values()]


def _order(scenes: Sequence[Scene]) -> list[Scene]:
    left, ordered, covered = list(scenes), [], 0
    while left:
        added = [(scene.points & ~covered).bit_count() for scene in left]
        scene = left.pop(added.index(max(added)))
        ordered.append(scene)
        covered |= scene.points
    return ordered
