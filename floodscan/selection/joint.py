"""Passes for all slots of a target at once: the best combination, found phase by phase.

States are combinations for the phases so far. A state is dropped once another one is as good or
better in everything that can still count; what remains after the last phase holds the optimum.
Nothing is dropped for its number until ``MAX_STATES`` remain, which takes very many passes that
cover different parts of a target; no slot is lost then either.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from floodscan.selection.mosaics import PassOption

    Slots = Sequence[Sequence[PassOption]]

MAX_STATES = 512

_LONG_AGO = -(2**63)
_by_end = attrgetter("end")
ALL_POINTS = -1
"""As a set of points: every one there is."""


class State(NamedTuple):
    """A combination for the phases so far.

    ``filled`` counts its slots, ``rung`` is the last step of the ladder that it needs, ``off``
    counts scenes off the main track, ``relaxed`` sums up steps; ``joint`` are the points that all
    cover, ``least`` is the number of points of the scene that covers the fewest, ``cost`` and
    ``key`` are the sums of the options' own. ``end`` and ``used`` bind what may follow: later passes,
    and others.
    """

    filled: int = 0
    rung: int = 0
    off: int = 0
    relaxed: int = 0
    joint: int = ALL_POINTS
    least: int = 2**30
    cost: int = 0
    key: tuple[tuple[str, ...], ...] = ()
    end: int = _LONG_AGO
    used: frozenset[int] = frozenset()
    options: tuple[PassOption | None, ...] = ()


class FillScore(NamedTuple):
    """How well slots can be filled: compared in this order, smaller is better."""

    empty: int
    rung: int
    off: int
    relaxed: int


def fill_score_of(state: State) -> FillScore:
    """Tell how well a finished state fills its slots."""
    return FillScore(-state.filled, state.rung, state.off, state.relaxed)


def best_fill_score(slots: Slots, *, track: int | None = None, mixed_rung: int = 0) -> FillScore:
    """Find how well slots can be filled, whatever the passes cover.

    Args:
        slots: Units of each phase.
        track: Main track; None where tracks don't count.
        mixed_rung: Step of the ladder that admits other tracks; 0 admits them never.
    """
    if fills_perfectly(slots, track=track):
        return FillScore(-len(slots), 0, 0, 0)
    bare = [
        sorted(
            {
                option._replace(
                    points=ALL_POINTS, cost=0, key=(), scenes=(), track=_side(option, track)
                )
                for option in options
            }
        )
        for options in slots
    ]
    here = None if track is None else 0
    return min(map(fill_score_of, combine([State()], bare, track=here, mixed_rung=mixed_rung)))


def fills_perfectly(slots: Slots, *, track: int | None) -> bool:
    """Tell whether every slot can be filled without any step."""
    free = [
        [option for option in options if option.level == 0 and not _side(option, track)]
        for options in slots
    ]
    return all(free) and _fits(free, _LONG_AGO, frozenset())


def _fits(slots: Slots, end: int, used: frozenset[int]) -> bool:
    """Tell whether passes that begin after an end, and weren't used, can fill slots that all have some."""
    if not slots:
        return True
    here, *later = slots
    free = [option for option in here if option.start > end and option.pass_id not in used]
    while free:
        # the pass that ends first leaves most to later slots, unless they need this very pass
        first = min(free, key=_by_end)
        if _fits(later, first.end, used | {first.pass_id}):
            return True
        if not any(option.pass_id == first.pass_id for options in later for option in options):
            return False
        free = [option for option in free if option.pass_id != first.pass_id]
    return False


def _side(option: PassOption, track: int | None) -> int:
    return int(track is not None and option.track != track)


def combine(
    states: Iterable[State],
    slots: Slots,
    *,
    track: int | None = None,
    mixed_rung: int = 0,
    limit: FillScore | None = None,
) -> list[State]:
    """Extend states by one sensor's phases.

    Args:
        states: What was combined before, of other sensors.
        slots: Units of each phase, in order.
        track: Main track; None where tracks don't count.
        mixed_rung: Step of the ladder that admits other tracks; 0 admits them never.
        limit: Keep only states that fill the slots as well as this.

    Returns:
        The states that no other one is better than, or as good as, in everything.
    """
    current = [
        state._replace(filled=0, rung=0, off=0, relaxed=0, end=_LONG_AGO, used=frozenset())
        for state in states
    ]
    usable = [
        [option for option in options if _is_usable(option, track, mixed_rung, limit)]
        for options in slots
    ]
    for left, options, later in zip(
        reversed(range(len(slots))), usable, _last_starts(usable), strict=True
    ):
        least = 0 if limit is None else -limit.empty - left
        grown = [
            grown
            for state in current
            for grown in _grow(
                state, options, later, track=track, mixed_rung=mixed_rung, least=least
            )
            if limit is None or grown[1:4] <= limit[1:]
        ]
        current = undominated(grown)
    return current


def _is_usable(
    option: PassOption, track: int | None, mixed_rung: int, limit: FillScore | None
) -> bool:
    if (
        option.track != track
        and track is not None
        and (not mixed_rung or (limit is not None and limit.off == 0))
    ):
        return False
    return limit is None or (option.level <= limit.rung and option.level <= limit.relaxed)


def _last_starts(slots: Slots) -> list[dict[int, int]]:
    """Tell of each slot when the last option of each pass in the slots after it starts."""
    last: dict[int, int] = {}
    found = []
    for options in reversed(slots):
        found.append(last.copy())
        for option in options:
            last[option.pass_id] = max(option.start, last.get(option.pass_id, _LONG_AGO))
    return found[::-1]


def _grow(
    state: State,
    options: Sequence[PassOption],
    later: dict[int, int],
    *,
    track: int | None,
    mixed_rung: int,
    least: int,
) -> Iterable[State]:
    """Extend a state by each option, or by none where that leaves at least so many slots filled."""
    if state.filled >= least:
        yield state._replace(key=(*state.key, ()), options=(*state.options, None))
    for option in options:
        if option.start <= state.end or option.pass_id in state.used:
            continue
        off = _side(option, track)
        yield State(
            state.filled + 1,
            max(state.rung, option.level, mixed_rung if off else 0),
            state.off + off,
            state.relaxed + option.level,
            state.joint & option.points,
            min(state.least, option.size),
            state.cost + option.cost,
            (*state.key, option.key),
            option.end,
            # order alone keeps most passes from coming again; only the others are worth remembering
            state.used | {option.pass_id}
            if later.get(option.pass_id, _LONG_AGO) > option.end
            else state.used,
            (*state.options, option),
        )


def undominated(states: Iterable[State]) -> list[State]:
    """Keep the states that no other one is as good as in everything."""
    kept: list[State] = []
    for state in sorted(states, key=_order):
        for better in kept:
            if _dominates(better, state):
                break
        else:
            kept.append(state)
    return kept if len(kept) <= MAX_STATES else _thin_out(kept)


def _thin_out(states: list[State]) -> list[State]:
    """Keep the first, and of the others those that leave most to later phases: so that no slot is lost."""
    first = states[:MAX_STATES]
    earliest: dict[object, State] = {}
    for state in states:
        key = (fill_score_of(state), state.used)
        if key not in earliest or state.end < earliest[key].end:
            earliest[key] = state
    return first + [state for state in earliest.values() if state not in first]


def _order(state: State) -> tuple[object, ...]:
    """Sort so that a state comes behind all that dominate it."""
    joint = state.joint.bit_count() if state.joint >= 0 else 2**30
    return (
        *fill_score_of(state),
        -joint,
        -state.least,
        state.cost,
        state.key,
        state.end,
        len(state.used),
    )


def _dominates(one: State, other: State) -> bool:
    return (
        one.end <= other.end
        and one.cost <= other.cost
        and one.least >= other.least
        and one.filled >= other.filled
        and one.rung <= other.rung
        and one.off <= other.off
        and one.relaxed <= other.relaxed
        and (one.cost < other.cost or one.key <= other.key)
        and one.used <= other.used
        and one.joint & other.joint == other.joint
    )


def best(
    states: Iterable[State], limit: FillScore, value: Callable[[State], tuple[object, ...]]
) -> State:
    """Take the finished state with the smallest value among those that fill as well as ``limit``."""
    return min((state for state in states if fill_score_of(state) == limit), key=value)
