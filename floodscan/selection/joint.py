"""Passes for all slots of a target at once: the best combination, found phase by phase.

States are combinations for the phases so far. A state is dropped once another one is as good or better in everything
that can still count; what remains after the last phase holds the optimum. Nothing is dropped for its number until
``MAX_STATES`` remain, which takes thousands of passes that cover different parts of a target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from floodscan.selection.passes import Unit

    Slots = Sequence[Sequence[Unit]]

MAX_STATES = 512

_LONG_AGO = -(2**63)
_ALL = -1  # as a set of points: every one


class State(NamedTuple):
    """A combination for the phases so far.

    ``filled`` counts its slots, ``rung`` is the last step of the ladder that it needs, ``off`` counts
    scenes off the main track, ``relaxed`` sums up steps; ``joint`` are the points that all cover,
    ``least`` is the number of points of the scene that covers the fewest, ``cost`` and ``key`` are the
    sums of the units' own. ``end`` and ``used`` bind what may follow: later passes, and others.
    """

    filled: int = 0
    rung: int = 0
    off: int = 0
    relaxed: int = 0
    joint: int = _ALL
    least: int = 2**30
    cost: int = 0
    key: tuple[tuple[str, ...], ...] = ()
    end: int = _LONG_AGO
    used: frozenset[int] = frozenset()
    units: tuple[Unit | None, ...] = ()


class Fill(NamedTuple):
    """How well slots can be filled: compared in this order, smaller is better."""

    empty: int
    rung: int
    off: int
    relaxed: int


def fill_of(state: State) -> Fill:
    """Tell how well a finished state fills its slots."""
    return Fill(-state.filled, state.rung, state.off, state.relaxed)


def best_fill(slots: Slots, *, track: int | None = None, mixed_rung: int = 0) -> Fill:
    """Find how well slots can be filled, whatever the passes cover.

    Args:
        slots: Units of each phase.
        track: Main track; None where tracks don't count.
        mixed_rung: Step of the ladder that admits other tracks; 0 admits them never.
    """
    bare = [
        sorted({unit._replace(points=_ALL, cost=0, key=(), rows=(), track=_side(unit, track)) for unit in units})
        for units in slots
    ]
    here = None if track is None else 0
    return min(map(fill_of, combine([State()], bare, track=here, mixed_rung=mixed_rung)))


def _side(unit: Unit, track: int | None) -> int:
    return int(track is not None and unit.track != track)


def combine(
    states: Iterable[State],
    slots: Slots,
    *,
    track: int | None = None,
    mixed_rung: int = 0,
    limit: Fill | None = None,
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
    current = [state._replace(filled=0, rung=0, off=0, relaxed=0, end=_LONG_AGO, used=frozenset()) for state in states]
    for phase, units in enumerate(slots):
        later = {unit.pass_id for following in slots[phase + 1 :] for unit in following}
        left = len(slots) - phase - 1
        grown = [
            _forget(grown, later)
            for state in current
            for grown in _grow(state, units, track=track, mixed_rung=mixed_rung)
            if limit is None or _may_reach(grown, left, limit)
        ]
        current = undominated(grown)
    return current


def _grow(state: State, units: Sequence[Unit], *, track: int | None, mixed_rung: int) -> Iterable[State]:
    yield state._replace(key=(*state.key, ()), units=(*state.units, None))
    for unit in units:
        off = _side(unit, track)
        if unit.start <= state.end or unit.pass_id in state.used or (off and not mixed_rung):
            continue
        yield State(
            filled=state.filled + 1,
            rung=max(state.rung, unit.level, mixed_rung if off else 0),
            off=state.off + off,
            relaxed=state.relaxed + unit.level,
            joint=state.joint & unit.points,
            least=min(state.least, unit.points.bit_count()),
            cost=state.cost + unit.cost,
            key=(*state.key, unit.key),
            end=unit.end,
            used=state.used | {unit.pass_id},
            units=(*state.units, unit),
        )


def _forget(state: State, later: set[int]) -> State:
    """Drop used passes that can't come again: so more states are alike."""
    return state._replace(used=state.used & later) if state.used - later else state


def _may_reach(state: State, left: int, limit: Fill) -> bool:
    return state.filled + left >= -limit.empty and (state.rung, state.off, state.relaxed) <= limit[1:]


def undominated(states: Iterable[State]) -> list[State]:
    """Keep the states that no other one is as good as in everything."""
    kept: list[State] = []
    for state in sorted(states, key=_order):
        if not any(_dominates(better, state) for better in kept):
            kept.append(state)
    return kept[:MAX_STATES]


def _order(state: State) -> tuple[object, ...]:
    """Sort so that a state comes behind all that dominate it."""
    joint = state.joint.bit_count() if state.joint >= 0 else 2**30
    return (*fill_of(state), -joint, -state.least, state.cost, state.key, state.end, len(state.used))


def _dominates(one: State, other: State) -> bool:
    return (
        one.filled >= other.filled
        and one.rung <= other.rung
        and one.off <= other.off
        and one.relaxed <= other.relaxed
        and one.joint & other.joint == other.joint
        and one.least >= other.least
        and (one.cost, one.key) <= (other.cost, other.key)
        and one.end <= other.end
        and one.used <= other.used
    )


def best(states: Iterable[State], limit: Fill, value: Callable[[State], tuple[object, ...]]) -> State:
    """Take the finished state with the smallest value among those that fill as well as ``limit``."""
    return min((state for state in states if fill_of(state) == limit), key=value)
