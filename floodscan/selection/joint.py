"""The best combination of passes for all slots of a target, found phase by phase.

This is dynamic programming. A state is a combination for the phases so far. Each phase extends
every state by each of its passes, or by none. Then a state is dropped if another state is at least
as good in everything that can still count (it dominates it). So the states after the last phase
include the optimum.

States are never dropped for their number up to ``MAX_STATES``. More remain only if very many passes
cover different parts of a target. Then the optimum may be missed, but no slot that can be filled
stays empty.

Sets of points are integers with a bit for each point, see ``sample_points``. States and options are
NamedTuples, not dataclasses: a batch makes tens of thousands, and a frozen dataclass takes four
times as long to make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from floodscan.selection.fill_scores import (
    BEFORE_ALL,
    PERFECT,
    FillScore,
    Later,
    look_ahead,
)
from floodscan.selection.sample_points import ALL_POINTS, N_POINTS, count_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from floodscan.selection.fill_scores import Tracks
    from floodscan.selection.mosaics import PassOption

    Slots = Sequence[Sequence[PassOption]]

MAX_STATES = 512


class State(NamedTuple):
    """A combination for the phases so far.

    Attributes:
        fill: How well the current sensor's slots are filled.
        joint: Points that all passes cover.
        smallest: Number of points of the pass that covers the fewest.
        cost: Sum of the options' costs.
        key: The options' keys, for ties.
        end: Time of the current sensor's last scene; later phases need later passes. ``BEFORE_ALL``
            if they have no earlier ones.
        used: Passes that a later phase could take once more, but must not.
        options: Option of each slot; None if the slot stays empty.
    """

    fill: FillScore = PERFECT
    joint: int = ALL_POINTS
    smallest: int = N_POINTS
    cost: int = 0
    key: tuple[tuple[str, ...], ...] = ()
    end: int = BEFORE_ALL
    used: frozenset[int] = frozenset()
    options: tuple[PassOption | None, ...] = ()


class _Stage(NamedTuple):
    """A slot to extend states by.

    Attributes:
        options: The options that may be taken, and what each adds to a fill score.
        later: What counts of the later slots.
        leads: Whether it is the slot that leads.
    """

    options: Sequence[tuple[PassOption, FillScore]]
    later: Later
    leads: bool


def combine(
    states: Iterable[State], slots: Slots, tracks: Tracks, *, limit: FillScore | None = None
) -> list[State]:
    """Extend states by the slots of one sensor.

    Args:
        states: Combinations of the sensors before.
        slots: Options of each phase, in order.
        tracks: The tracks that may be taken.
        limit: Leave out states that fill the slots worse than this.

    Returns:
        The states that no other one dominates.
    """
    current = [state._replace(fill=PERFECT, end=BEFORE_ALL, used=frozenset()) for state in states]
    usable = [
        [option for option in options if _is_usable(option, tracks, limit)] for options in slots
    ]
    for number, (options, later) in enumerate(zip(usable, look_ahead(usable), strict=True)):
        added = [(option, _score(option, tracks)) for option in options]
        stage = _Stage(added, later, leads=number == tracks.lead)
        current = undominated(grown for state in current for grown in _grow(state, stage, limit))
    return current


def _is_usable(option: PassOption, tracks: Tracks, limit: FillScore | None) -> bool:
    off_track = option.track != tracks.main
    if off_track and tracks.mixed_level is None:
        return False
    if limit is None:
        return True
    return (
        option.unknown <= limit.unknown
        and option.peak_days <= limit.peak_days
        and option.level <= limit.level
        and option.level <= limit.steps
        and off_track <= limit.off_track
    )


def _score(option: PassOption, tracks: Tracks) -> FillScore:
    """Return what an option adds to a fill score."""
    off_track = option.track != tracks.main
    level = max(option.level, tracks.mixed_level or 0) if off_track else option.level
    return FillScore(0, 0, option.unknown, option.peak_days, level, int(off_track), option.level)


def _grow(state: State, stage: _Stage, limit: FillScore | None) -> Iterable[State]:
    """Extend a state by no pass, and by each option."""
    fill = state.fill
    no_event, empty = fill.no_event + stage.leads, fill.empty + 1
    if limit is None or (empty <= limit.empty and no_event <= limit.no_event):
        yield State(
            fill._replace(no_event=no_event, empty=empty),
            state.joint,
            state.smallest,
            state.cost,
            (*state.key, ()),
            state.end,
            state.used,
            (*state.options, None),
        )
    for option, added in stage.options:
        if option.start <= state.end or option.pass_id in state.used:
            continue
        grown = fill if added == PERFECT else fill.plus(added)
        if limit is None or grown.is_within(limit):
            yield _take(state, option, grown, stage.later)


def _take(state: State, option: PassOption, fill: FillScore, later: Later) -> State:
    # a later start keeps most passes from being taken twice; only the others must be remembered
    return State(
        fill,
        state.joint & option.points,
        min(state.smallest, option.size),
        state.cost + option.cost,
        (*state.key, option.key),
        later.cut(option.end),
        state.used | {option.pass_id} if later.returns(option) else state.used,
        (*state.options, option),
    )


def undominated(states: Iterable[State]) -> list[State]:
    """Keep the states that no other one dominates; of equal states, one."""
    kept: list[State] = []
    for state in sorted(states, key=_order):
        for better in kept:
            if _dominates(better, state):
                break
        else:
            kept.append(state)
    return kept if len(kept) <= MAX_STATES else _thin_out(kept)


def _thin_out(states: list[State]) -> list[State]:
    """Keep the first states, and of each way to fill the slots the state that ends first.

    The state that ends first leaves the most passes to later phases, so no slot is lost.
    """
    first = states[:MAX_STATES]
    earliest: dict[object, State] = {}
    for state in states:
        way = (state.fill, state.used)
        if way not in earliest or state.end < earliest[way].end:
            earliest[way] = state
    return first + [state for state in earliest.values() if state not in first]


def _order(state: State) -> tuple[object, ...]:
    """Sort key by which a state comes after all states that dominate it."""
    return (
        state.fill,
        -count_points(state.joint),
        -state.smallest,
        state.cost,
        state.key,
        state.end,
        len(state.used),
    )


def _dominates(one: State, other: State) -> bool:
    return (
        one.end <= other.end
        and one.cost <= other.cost
        and one.smallest >= other.smallest
        and one.fill.is_within(other.fill)
        and (one.cost < other.cost or one.key <= other.key)
        and one.used <= other.used
        and one.joint & other.joint == other.joint
    )


def best(
    states: Iterable[State], limit: FillScore, value: Callable[[State], tuple[object, ...]]
) -> State:
    """Return the state with the smallest value, among the states with a fill score of ``limit``."""
    return min((state for state in states if state.fill == limit), key=value)
