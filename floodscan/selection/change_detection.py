"""Policy ``change-detection``: all slots of a target are chosen together, so that phases compare.

**What may be chosen.** A slot takes a pass (see ``passes``) or stays empty. Of a sensor's slots,

- ``pre_month`` and ``pre_event`` take scenes from before the onset less the guard, ``event`` and
  ``post_event`` take scenes from the onset on;
- each phase's scenes are later than the scenes of all phases before it, and no pass fills two
  slots;
- SAR scenes are of one track: the same relative orbit, orbit state and polarisations. Only the
  ladder's step ``mixed_track`` allows others beside a main track;
- a pass covers at least the recipe's ``min_coverage`` of the target: a sliver of a scene fills no
  slot;
- a scene obeys the recipe's window and cloud limit.

The steps of the ladder that are taken loosen window, cloud limit and coverage.

Of scenes that were processed again, only the newest baseline counts. If a person decided for a pass
of ``event``, or for a track, the other ones are out. All tiles of the DEM are
chosen. With ``mosaics = false`` in the recipe, a slot takes a single scene instead of a pass: what
is said of passes below then holds for each scene.

**What is best**, in this order. For each sensor alone:

1. the slot ``event`` filled, then the most slots filled. If the event has a peak, next are the
   fewest days between the pass of ``event`` and the peak: whole days of 24 hours from the pass's
   first scene, and one day more if the pass covers less than 0.7 of the target. Next are the lowest
   level of the sensor's ladder on which that can be reached, then the fewest passes off the main
   track, then the fewest steps of the ladder, summed over its slots;
2. the main track: among the tracks that reach this, the one whose smallest pass covers the most
   points, then the one nearest to the phases' dates, then the first by relative orbit, orbit state
   and polarisations. A track's smallest pass is the pass that covers the fewest points.

For all sensors together, among the combinations that reach 1 on the track of 2:

3. the most points that all chosen passes and the DEM cover together;
4. the most points that the smallest chosen pass covers;
5. the least cost: days between a pass and the date of its phase, summed over the slots. An optical
   pass's days count five times, and its cloud cover in percent is added: the mean over its scenes,
   weighted by the points inside the footprint of each;
6. the first by item ids, Sentinel-1's phases before Sentinel-2's.

**With** ``cloud = "area"`` in the recipe (see ``clearness``), an optical pass covers the points
that are inside the footprint of one of its scenes and clear in that scene. So
``min_coverage``, the day more of a pass that covers little, and the points 3 and 4 of the objective
are about clear ground: point 3 is the most points that are clear in all chosen optical passes and
covered by all chosen radar passes and the DEM. Limits and cost count the cloud over the target. In
point 1, right after the number of filled slots, come the fewest passes with an unread scene, then
the fewest passes with a scene of which only shares are known. Such a scene counts with its
footprint, so it competes with its like alone. The other options of its pass leave it out.

With ``event_first = false`` the slot ``event`` counts as any other slot, and the peak does not
count.

Coverage is counted in sample points (see ``sample_points``): sets that compare exactly. So the
optimum is exact and the same for any order of the candidates, unless more combinations are open at
once than ``joint`` keeps. The coverage that a manifest reports is measured on the footprints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.model import PHASES, Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.selection.alternatives import find_alternatives
from floodscan.selection.attributes import derive_attributes
from floodscan.selection.fill_scores import (
    PERFECT,
    WORST,
    FillScore,
    Tracks,
    best_fill_score,
    fills_perfectly,
)
from floodscan.selection.hours import to_microseconds
from floodscan.selection.joint import State, best, combine
from floodscan.selection.sample_points import count_points
from floodscan.selection.scenes import list_scenes
from floodscan.selection.target_options import gather_options
from floodscan.selection.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from floodscan.model import Event, Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target
    from floodscan.selection.alternatives import Alternatives
    from floodscan.selection.mosaics import PassOption
    from floodscan.selection.target_options import Slots, TargetOptions

    Indices = NDArray[np.int64]
    Combination = tuple[PassOption | None, ...]


def select_change_detection(
    candidates: pa.Table, slots: Indices, plans: Sequence[EventPlan], recipe: Recipe
) -> tuple[pa.Table, dict[str, Alternatives]]:
    """Choose for all slots of each target together.

    Args:
        candidates: CANDIDATES table, the rows of each slot next to each other.
        slots: Number of each row's slot, shape (n,).
        plans: The events of the candidates.
        recipe: The rules, with the ladder.

    Returns:
        The same rows with ``rank``, ``selected``, ``verdict``, ``relaxed`` and ``superseded_by``.
        The slots keep their order. Within a slot the ranked rows come first, then the rejected rows
        by item id. All members of a mosaic are selected, in the order in which they add the most
        points. And by event id, the alternatives of each sensor for the AOI.
    """
    events = {plan.event.event_id: plan.event for plan in plans}
    decisions = {
        plan.event.event_id: plan.decision
        for plan in plans
        if plan.decision is not None and plan.decision.kept
    }
    attributes = derive_attributes(candidates, slots, events, recipe, decisions=decisions)
    verdicts = Verdicts(candidates, slots, attributes)
    alternatives: dict[str, Alternatives] = {}
    targets = {
        (plan.event.event_id, target.target_id): target for plan in plans for target in plan.targets
    }
    for key, scenes in list_scenes(candidates, slots, attributes, targets, recipe).items():
        options = gather_options(scenes, recipe, peak=_peak_of(events[key[0]]))
        chosen = _choose(targets[key], options, verdicts, recipe)
        if key[1] == AOI:
            alternatives[key[0]] = find_alternatives(options, chosen, recipe, _value)
    return verdicts.table(recipe), alternatives


def _peak_of(event: Event) -> int | None:
    return None if event.peak is None else to_microseconds(event.peak)


def _choose(
    target: Target, options: TargetOptions, verdicts: Verdicts, recipe: Recipe
) -> dict[Sensor, Combination]:
    """Choose for a target, and note the choices; return them by sensor and phase."""
    verdicts.choose_dem(options.dem)
    chosen = find_optimum(options.options, options.dem_points, recipe)
    for sensor, (combination, track) in chosen.items():
        used = {option.pass_id for option in combination if option}
        slots = zip(options.scenes[sensor], options.options[sensor], combination, strict=True)
        for scenes, possible, option in slots:
            verdicts.choose(scenes, possible, option, track=track, used=used, area=target.area)
    return {sensor: combination for sensor, (combination, _) in chosen.items()}


def find_optimum(
    options: Mapping[Sensor, Slots], dem_points: int, recipe: Recipe
) -> dict[Sensor, tuple[Combination, int]]:
    """Find the best combination of options for all slots of a target.

    Args:
        options: Of each sensor, by phase.
        dem_points: Points that the DEM covers.
        recipe: The rules.

    Returns:
        Of each sensor the option of each phase, None for an empty slot, and the main track.
    """
    states = [State(joint=dem_points)]
    tracks: dict[Sensor, int] = {}
    fill = PERFECT
    lead = PHASES.index(Phase.EVENT) if recipe.event_first else None
    for sensor, slots in options.items():
        allowed = Tracks(mixed_level=recipe.rules[sensor].mixed_track_level, lead=lead)
        tracks[sensor], fill = _choose_track(slots, allowed)
        states = combine(states, slots, allowed._replace(main=tracks[sensor]), limit=fill)
    found = best(states, fill, _value).options
    n = len(PHASES)
    return {
        sensor: (found[number * n : (number + 1) * n], track)
        for number, (sensor, track) in enumerate(tracks.items())
    }


def _value(state: State) -> tuple[object, ...]:
    """Value a combination by the points 3 to 6 of the objective; smaller is better."""
    return -count_points(state.joint), -state.smallest, state.cost, state.key


def _choose_track(slots: Slots, allowed: Tracks) -> tuple[int, FillScore]:
    """Choose a sensor's main track, and find how well its slots can be filled."""
    tracks = sorted({option.track for options in slots for option in options}) or [0]
    best_tracks = [track for track in tracks if fills_perfectly(slots, track=track)]
    limit = PERFECT
    if not best_tracks:
        fills: dict[int, FillScore] = {}
        limit = WORST
        # a good score of the first track saves most of the search on the others
        for track in sorted(tracks, key=lambda track: _count_on(slots, track), reverse=True):
            on_track = allowed._replace(main=track)
            fills[track] = best_fill_score(_on_track(slots, on_track), on_track, limit=limit)
            limit = min(limit, fills[track])
        best_tracks = [track for track in tracks if fills[track] == limit]
    if len(best_tracks) == 1:
        return best_tracks[0], limit
    return _choose_widest_track(slots, best_tracks, limit, allowed), limit


def _count_on(slots: Slots, track: int) -> tuple[int, int]:
    """Count the slots that have options on a track, and these options."""
    counts = [sum([option.track == track for option in options]) for options in slots]
    return sum(map(bool, counts)), sum(counts)


def _choose_widest_track(
    slots: Slots, best_tracks: Sequence[int], limit: FillScore, allowed: Tracks
) -> int:
    """Choose between tracks that fill the slots alike, by point 2 of the objective."""

    def value(track: int) -> tuple[int, int, int]:
        tracks = allowed._replace(main=track)
        # the places of the points don't matter here, and without any point far fewer states differ
        states = combine([State(joint=0)], _on_track(slots, tracks), tracks, limit=limit)
        state = best(states, limit, lambda state: (-state.smallest, state.cost))
        return -state.smallest, state.cost, track

    return min(best_tracks, key=value)


def _on_track(slots: Slots, tracks: Tracks) -> Slots:
    """Leave out the options of other tracks, if no step of the ladder admits them."""
    if tracks.mixed_level is not None:
        return slots
    return [[option for option in options if option.track == tracks.main] for options in slots]
