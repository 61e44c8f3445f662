"""The options of a slot: passes, each with the mosaic of scenes that would fill the slot.

An *option* is a pass as one slot may take it at one level of the ladder: the scenes of the pass
that the ladder's first steps admit. If the option is chosen, its *mosaic* fills the slot: the
scenes that together cover what the option covers. ``cover`` picks them greedily: next comes the
scene that adds the most points, then the less cloudy one, then the smaller id. At last come scenes
that fill gaps between the points and are clear wherever that is known. A scene that adds less than
``SLIVER`` is left out: it is a gigabyte to read, for a strip at the edge.

Scenes of one tile with different footprints are parts of a granule that was split. They are taken
together or not at all, whatever their footprints claim.

If clear ground counts (see ``clearness``), a pass of which only some scenes were read makes two
options: one of the scenes whose clear ground is known, and one of all its scenes, which is worth
less. In a mosaic of the second one, the scenes of which more is known come first.

Under a recipe without mosaics each option is a single scene, for readers that take one scene of a
slot.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import shapely

from floodscan.model import Sensor
from floodscan.selection.attributes import NEVER
from floodscan.selection.sample_points import N_POINTS, count_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapely.geometry.base import BaseGeometry

    LeastPoints = Sequence[tuple[int, int]]

MILLI = 1000
"""Days and percents are counted in thousandths, so that sums are exact."""

CLOUD_PERCENT_PER_DAY = 5
"""Percent of cloud that weigh as much as a day's distance from the phase's date."""

SLIVER = 1e-3
"""A scene that adds less than this share of a target joins no mosaic."""

WIDE_SHARE = 0.7
"""A pass that covers less of the target counts as a day further from the peak."""

_DAY = 86_400_000_000  # microseconds
_by_id = attrgetter("item_id")
_SLIVER_POINTS = ceil(SLIVER * N_POINTS)


class Scene(NamedTuple):
    """A candidate that some level of the ladder admits.

    This and ``PassOption`` are NamedTuples, not dataclasses: a batch makes tens of thousands, and a
    frozen dataclass takes four times as long to make.

    Attributes:
        row: Its row in the table of candidates.
        item_id: STAC id.
        pass_id: Number of its pass.
        unknown: What is known of its clear ground, see ``clearness``; 0 is all that counts.
        track: Number of its track; 0 for sensors without tracks.
        level: Ladder steps that it needs.
        start: Acquisition time, microseconds since 1970.
        days: Days between its date and the date of the phase.
        cloud: Its cloud that counts, in thousandths of a percent.
        tile: MGRS tile; None for sensors without tiles.
        outline: Footprint, WKB.
        overlap: Share of the target that it covers.
        points: Set of the target's sample points that it covers.
        size: Number of these points.
        ground: Number of the points inside its footprint, clear or not.
    """

    row: int
    item_id: str
    pass_id: int
    unknown: int
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
    ground: int


class PassOption(NamedTuple):
    """A pass as a slot may take it at one level of the ladder.

    Attributes:
        pass_id: Number of the pass.
        unknown: What is known of the clear ground of the scene of which the least is known.
        track: Number of its track; 0 for sensors without tracks.
        level: Ladder steps that it needs.
        coverage_level: Those of them that its coverage needs.
        peak_days: Days between it and the flood's peak, see ``count_peak_days``; 0 where they don't
            count.
        start: Time of its first scene, microseconds since 1970.
        end: Time of its last scene, microseconds since 1970.
        points: Set of the target's sample points that its scenes cover.
        cost: Distance from the phase's date in thousandths of a day; with cloud for optical scenes,
            in thousandths of a percent.
        key: Item ids of its scenes, for ties.
        size: Number of the points.
        scenes: Its scenes by item id; the mosaic is picked from them.
    """

    pass_id: int
    unknown: int
    track: int
    level: int
    coverage_level: int
    peak_days: int
    start: int
    end: int
    points: int
    cost: int
    key: tuple[str, ...]
    size: int
    scenes: tuple[Scene, ...]


def make_pass_options(
    scenes: Sequence[Scene],
    sensor: str,
    *,
    least_points: LeastPoints = ((0, 1),),
    peak: int | None = None,
    mosaics: bool = True,
) -> list[PassOption]:
    """Make the options of a slot, in order of time.

    A pass is an option once for each level at which the ladder admits more of its scenes, and at
    the level from which its coverage is enough.

    Args:
        scenes: The slot's candidates that some level admits.
        sensor: The slot's; an optical option's cost includes its cloud.
        least_points: Each level that sets the number of points that an option must cover, and this
            number, the highest level first.
        peak: When the flood was largest, microseconds since 1970; None if it doesn't count.
        mosaics: False makes an option of each scene instead.
    """
    groups: dict[tuple[int, ...], list[Scene]] = {}
    for scene in sorted(scenes, key=_by_id):
        key = (scene.pass_id, scene.track) if mosaics else (scene.row,)
        groups.setdefault(key, []).append(scene)
    weigh_cloud = sensor == Sensor.S2L2A
    options = [
        _make_option(admitted, weigh_cloud=weigh_cloud, peak=peak)
        for members in groups.values()
        for told in _by_knowledge(members)
        for admitted in _admit(told, least_points)
    ]
    return sorted(options, key=lambda option: (option.start, option.key))


def _by_knowledge(members: Sequence[Scene]) -> Iterator[Sequence[Scene]]:
    """Yield the scenes of a pass, and before them those of which more is known, if not all are."""
    for rank in sorted({scene.unknown for scene in members}):
        yield [scene for scene in members if scene.unknown <= rank]


class _Admitted(NamedTuple):
    """The scenes of a pass that a level of the ladder admits.

    Attributes:
        scenes: The scenes.
        points: Set of the points that they cover.
        size: Number of these points.
        level: Ladder steps that the scenes and their coverage need.
        coverage_level: Those of them that their coverage needs.
    """

    scenes: Sequence[Scene]
    points: int
    size: int
    level: int
    coverage_level: int


def _admit(members: Sequence[Scene], least_points: LeastPoints) -> Iterator[_Admitted]:
    """Yield the scenes of a pass at each level that adds to them, if they cover enough there."""
    levels = sorted({scene.level for scene in members})
    for level, next_level in pairwise([*levels, NEVER]):
        scenes = [scene for scene in members if scene.level <= level]
        points = _points_of(scenes)
        size = scenes[0].size if len(scenes) == 1 else count_points(points)
        coverage_level = _coverage_level(size, least_points)
        if coverage_level is not None and max(level, coverage_level) < next_level:
            yield _Admitted(scenes, points, size, max(level, coverage_level), coverage_level)


def _coverage_level(n_points: int, least_points: LeastPoints) -> int | None:
    """Find the lowest level at which a number of points is enough; None if it never is."""
    for level, least in reversed(least_points):
        if n_points >= least and n_points:
            return level
    return None


def count_peak_days(start: int, n_points: int, peak: int) -> int:
    """Count the whole days between a pass and the peak, and one more if it covers too little."""
    return abs(start - peak) // _DAY + (n_points < WIDE_SHARE * N_POINTS)


def _points_of(scenes: Iterable[Scene]) -> int:
    points = 0
    for scene in scenes:
        points |= scene.points
    return points


def _make_option(admitted: _Admitted, *, weigh_cloud: bool, peak: int | None) -> PassOption:
    scenes, points, size, level, coverage_level = admitted
    starts = [scene.start for scene in scenes]
    start = min(starts)
    cost = min([scene.days for scene in scenes]) * MILLI
    if weigh_cloud:
        cost = cost * CLOUD_PERCENT_PER_DAY + _mean_cloud(scenes)
    return PassOption(  # named fields would take twice as long
        scenes[0].pass_id,
        max([scene.unknown for scene in scenes]),
        scenes[0].track,
        level,
        coverage_level,
        0 if peak is None else count_peak_days(start, size, peak),
        start,
        max(starts),
        points,
        cost,
        tuple([scene.item_id for scene in scenes]),
        size,
        tuple(scenes),
    )


def _mean_cloud(scenes: Sequence[Scene]) -> int:
    """Average the cloud of scenes by the ground of each, in thousandths of a percent."""
    weighted = sum([scene.cloud * scene.ground for scene in scenes])
    return weighted // sum([scene.ground for scene in scenes])


def cover(scenes: Sequence[Scene], area: BaseGeometry) -> list[Scene]:
    """Pick the mosaic of a pass: scenes that cover what any scene covers of an area, but slivers.

    Args:
        scenes: Of one pass.
        area: The target's area.

    Returns:
        The members, in the order in which they add the most points; those of which more is known
        of the clear ground come first.
    """
    if len(scenes) == 1:
        return list(scenes)
    chosen: list[Scene] = []
    covered = 0
    left = _group_by_granule(scenes)
    points = [_points_of(parts) for parts in left]
    while left:
        added = [count_points(own & ~covered) for own in points]
        least = _SLIVER_POINTS if chosen else 1
        useful = [
            (parts[0].unknown, -n, number)
            for number, (parts, n) in enumerate(zip(left, added, strict=True))
            if n >= least
        ]
        if not useful:
            break
        _, _, number = min(useful)
        chosen += left.pop(number)
        covered |= points.pop(number)
    left = [parts for parts in left if all(part.size == part.ground for part in parts)]
    if left and all(scene.overlap < 1 for scene in chosen):
        chosen += _fill_gaps(chosen, left, area)
    return _sort_by_added_points(chosen)


def _fill_gaps(chosen: Sequence[Scene], left: list[list[Scene]], area: BaseGeometry) -> list[Scene]:
    """Pick the scenes that cover parts of an area that lie between the points."""
    found: list[Scene] = []
    min_area = SLIVER * area.area
    gap = shapely.difference(area, _join_outlines(chosen))
    if gap.area < min_area:
        return found
    outlines = [_join_outlines(parts) for parts in left]
    while left and gap.area >= min_area:
        added = shapely.area(shapely.intersection(outlines, gap)).tolist()
        if max(added) < min_area:
            break
        number = added.index(max(added))
        found += left.pop(number)
        gap = shapely.difference(gap, outlines.pop(number))
    return found


def _join_outlines(scenes: Sequence[Scene]) -> BaseGeometry:
    outlines = shapely.from_wkb([scene.outline for scene in scenes])
    joined: BaseGeometry = outlines[0] if len(outlines) == 1 else shapely.union_all(outlines)
    return joined


def _group_by_granule(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Group the parts of each split granule, the least cloudy granule first.

    Of the scenes of a tile with the same outline, only the first is kept. A scene without a tile is
    a granule by itself.
    """
    granules: dict[object, dict[bytes, Scene]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.unknown, scene.cloud, scene.item_id)):
        if scene.overlap:
            parts = granules.setdefault(scene.row if scene.tile is None else scene.tile, {})
            parts.setdefault(scene.outline, scene)
    return [list(parts.values()) for parts in granules.values()]


def _sort_by_added_points(scenes: Sequence[Scene]) -> list[Scene]:
    left, ordered, covered = list(scenes), [], 0
    while left:
        added = [(-scene.unknown, count_points(scene.points & ~covered)) for scene in left]
        scene = left.pop(added.index(max(added)))
        ordered.append(scene)
        covered |= scene.points
    return ordered
