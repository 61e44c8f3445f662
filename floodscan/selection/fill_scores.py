"""How well the slots of a sensor can be filled, whatever the passes cover.

Coverage and costs don't matter here, so far fewer ways to fill the slots are open at once than in
``joint``: the best score for each time at which the last pass ends.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from floodscan.selection.mosaics import PassOption

    Slots = Sequence[Sequence[PassOption]]
    Costs = tuple[int, int, int, int, int, int, int]  # the fields of FillScore
    # a way to fill the slots so far: its costs, its end, and the passes not to be taken once more
    # after their number
    Way = tuple[Costs, int, int, frozenset[int]]

BEFORE_ALL, AFTER_ALL = -(2**63), 2**63  # microseconds
_by_end = attrgetter("end")


class FillScore(NamedTuple):
    """How well slots are filled. Scores compare field by field in this order; smaller is better.

    Attributes:
        no_event: 1 if the slot ``event`` is empty, and must lead; else 0.
        empty: Number of slots without a pass.
        unknown: What is not known of the passes' clear ground, summed over the slots.
        peak_days: Days between the pass of ``event`` and the flood's peak, where they count.
        level: Highest level of the ladder that any of the passes needs.
        off_track: Number of passes off the main track.
        steps: Ladder steps that the passes need, summed over the slots.
    """

    no_event: int = 0
    empty: int = 0
    unknown: int = 0
    peak_days: int = 0
    level: int = 0
    off_track: int = 0
    steps: int = 0

    def plus(self, added: FillScore) -> FillScore:
        """Return the score with a pass more."""
        return FillScore(
            self.no_event + added.no_event,
            self.empty + added.empty,
            self.unknown + added.unknown,
            self.peak_days + added.peak_days,
            max(self.level, added.level),
            self.off_track + added.off_track,
            self.steps + added.steps,
        )

    def is_within(self, limit: FillScore) -> bool:
        """True if no field is larger than the limit's."""
        return (
            self.no_event <= limit.no_event
            and self.empty <= limit.empty
            and self.unknown <= limit.unknown
            and self.peak_days <= limit.peak_days
            and self.level <= limit.level
            and self.off_track <= limit.off_track
            and self.steps <= limit.steps
        )


PERFECT = FillScore()
"""Every slot is filled without any step of the ladder, and nearest to the peak."""

WORST = FillScore(no_event=2)
"""Worse than any way to fill the slots."""


class Tracks(NamedTuple):
    """The tracks that slots may take, and the slot that leads.

    Attributes:
        main: Main track.
        mixed_level: Level of the ladder that admits other tracks; None never admits them.
        lead: Number of the slot that is filled before all others; None if no slot leads.
    """

    main: int = 0
    mixed_level: int | None = None
    lead: int | None = None


class _Fill(NamedTuple):
    """What counts of a pass that may fill a slot.

    Attributes:
        pass_id: Number of the pass.
        start: Time of its first scene.
        end: Time of its last scene.
        unknown: What is not known of its clear ground.
        peak_days: Days between it and the flood's peak, where they count.
        level: Level of the ladder that it needs, for its track too.
        off_track: 1 if it is not on the main track.
        steps: Level that it needs but for its track.
    """

    pass_id: int
    start: int
    end: int
    unknown: int
    peak_days: int
    level: int
    off_track: int
    steps: int


class Later(NamedTuple):
    """What counts of the options in the slots after a slot.

    Attributes:
        first_start: When the first of them starts.
        last_starts: When the last one of each pass starts.
    """

    first_start: int
    last_starts: Mapping[int, int]

    def returns(self, taken: PassOption | _Fill) -> bool:
        """Return whether the pass that a slot takes could be taken once more."""
        return self.last_starts.get(taken.pass_id, BEFORE_ALL) > taken.end

    def cut(self, end: int) -> int:
        """Return the end of a pass; ``BEFORE_ALL`` if none of them starts before it.

        It leaves the same options, and fewer combinations differ.
        """
        return end if end >= self.first_start else BEFORE_ALL


class _Stage(NamedTuple):
    """A slot to fill: what may fill it, and what counts of the slots after it."""

    fills: Sequence[_Fill]
    later: Later


def best_fill_score(slots: Slots, tracks: Tracks, *, limit: FillScore = WORST) -> FillScore:
    """Find how well slots can be filled, whatever the passes cover.

    Args:
        slots: Options of each phase.
        tracks: The tracks that may be taken.
        limit: A score that is worse is found as ``WORST``, which is faster.
    """
    fills = [_list_fills(options, tracks) for options in slots]
    stages = list(map(_Stage, fills, look_ahead(fills)))
    return FillScore(*_least_costs(stages, tracks.lead, limit))


def _list_fills(options: Iterable[PassOption], tracks: Tracks) -> list[_Fill]:
    """List what counts of options; options that differ in nothing else become one."""
    found: dict[_Fill, None] = {}
    for option in options:
        off_track = option.track != tracks.main
        if off_track and tracks.mixed_level is None:
            continue
        level = max(option.level, tracks.mixed_level or 0) if off_track else option.level
        fill = _Fill(
            option.pass_id,
            option.start,
            option.end,
            option.unknown,
            option.peak_days,
            level,
            int(off_track),
            option.level,
        )
        found[fill] = None
    return list(found)


def _least_costs(stages: Sequence[_Stage], lead: int | None, limit: Costs) -> Costs:
    """Find the least costs of filling slots, one after the other; ``WORST`` beyond a limit.

    No costs become less from slot to slot, so a way beyond the limit stays beyond it.
    """
    ways: list[Way] = [(PERFECT, BEFORE_ALL, 0, frozenset())]
    for number, (fills, later) in enumerate(stages):
        grown: list[Way] = []
        for costs, end, n_used, used in ways:
            no_event, empty, unknown, peak_days, level, off_track, steps = costs
            skipped = (no_event + (number == lead), empty + 1, *costs[2:])
            if skipped <= limit:
                grown.append((skipped, end, n_used, used))
            for fill in fills:
                if fill.start <= end or fill.pass_id in used:
                    continue
                filled = (
                    no_event,
                    empty,
                    unknown + fill.unknown,
                    peak_days + fill.peak_days,
                    max(level, fill.level),
                    off_track + fill.off_track,
                    steps + fill.steps,
                )
                if filled > limit:
                    continue
                now_used = used | {fill.pass_id} if later.returns(fill) else used
                grown.append((filled, later.cut(fill.end), len(now_used), now_used))
        ways = _undominated(grown)
    return ways[0][0] if ways else WORST


def _undominated(ways: Sequence[Way]) -> list[Way]:
    """Keep the ways that no other one dominates, the least costs first.

    A later pass may need the higher level anyway. So a way with a lower level only dominates one
    with the same costs before the level if its costs after the level are no larger either.
    """
    kept: list[Way] = []
    for way in sorted(ways):
        costs, end, _, used = way
        for better, earlier, _, fewer in kept:
            if (
                earlier <= end
                and fewer <= used
                and (better[5:] <= costs[5:] or better[:4] < costs[:4])
            ):
                break
        else:
            kept.append(way)
    return kept


def fills_perfectly(slots: Slots, *, track: int) -> bool:
    """True if every slot can be filled on a track without any step of the ladder.

    The pass of ``event`` must be as near to the peak as any could be, where that counts.
    """
    usable = [
        [
            option
            for option in options
            if option.level == 0
            and option.track == track
            and option.peak_days == 0
            and option.unknown == 0
        ]
        for options in slots
    ]
    return all(usable) and _can_fill(usable, BEFORE_ALL, frozenset())


def _can_fill(slots: Slots, end: int, used: frozenset[int]) -> bool:
    """True if every slot can take an unused pass that begins after ``end`` and the slot before."""
    if not slots:
        return True
    current, *later = slots
    free = [option for option in current if option.start > end and option.pass_id not in used]
    while free:
        # the pass that ends first leaves the most to later slots, unless they need this very pass
        first = min(free, key=_by_end)
        if _can_fill(later, first.end, used | {first.pass_id}):
            return True
        if not any(option.pass_id == first.pass_id for options in later for option in options):
            return False
        free = [option for option in free if option.pass_id != first.pass_id]
    return False


def look_ahead(slots: Sequence[Sequence[PassOption | _Fill]]) -> list[Later]:
    """Find for each slot what counts of the options in the slots after it."""
    first_start, last_starts = AFTER_ALL, dict[int, int]()
    found = []
    for options in reversed(slots):
        found.append(Later(first_start, last_starts.copy()))
        first_start = min([first_start, *[option.start for option in options]])
        for option in options:
            if option.start > last_starts.get(option.pass_id, BEFORE_ALL):
                last_starts[option.pass_id] = option.start
    return found[::-1]
