"""Policy ``reference``: the published procedure, which fills each slot by itself.

The eligible candidates of a slot are ordered by

- Sentinel-1: larger overlap, fewer days from the phase's date, then the texts of time, relative
  orbit, orbit state;
- Sentinel-2: larger overlap, lower cloud cover, fewer days, then the text of time;
- DEM: larger overlap;

and remaining ties by item id, so that no choice depends on the order of a server's answer. The
first candidate is selected, and all tiles of the DEM.

If clouds count over the target (see ``clearness``), the scenes whose clear ground is known come
before the scenes of which only shares are known, and unread scenes come last. Then the share of the
target that a scene shows clear takes the place of its overlap, and the target's cloud that of the
scene's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.model import Sensor
from floodscan.schemas import CANDIDATES, SLOT
from floodscan.selection.clearness import clear_sets, counted_clouds, rank_knowledge, reads_area
from floodscan.selection.columns import (
    code_texts,
    dense_ranks,
    encode,
    group_starts,
    is_value,
    microseconds,
)
from floodscan.selection.labels import Verdict
from floodscan.selection.sample_points import N_POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from floodscan.model import Recipe


def slot_numbers(candidates: pa.Table) -> NDArray[np.int64]:
    """Number the slots of a table, in which the rows of each slot are next to each other."""
    return np.cumsum(group_starts([encode(candidates[name]) for name in SLOT])) - 1


def select_reference(candidates: pa.Table, slots: NDArray[np.int64], recipe: Recipe) -> pa.Table:
    """Order the candidates of each slot by the published rules and select the first.

    Args:
        candidates: CANDIDATES table, the rows of each slot next to each other.
        slots: Number of each row's slot, shape (n,).
        recipe: The rules.

    Returns:
        The same rows with ``rank``, ``selected`` and ``verdict``. The slots keep their order.
        Within a slot the ranked rows come first, then the rejected rows by item id.
    """
    eligible = is_value(candidates["verdict"], Verdict.ELIGIBLE)
    order = np.lexsort([*reversed(_reference_keys(candidates, eligible, recipe)), ~eligible, slots])
    candidates, slots, eligible = candidates.take(pa.array(order)), slots[order], eligible[order]
    position = np.arange(len(slots)) - np.searchsorted(slots, slots) + 1
    is_dem = is_value(candidates["sensor"], Sensor.DEM)
    selected = eligible & ((position == 1) | is_dem)
    verdicts = pc.if_else(pa.array(selected), Verdict.SELECTED, candidates["verdict"])
    results = {
        "rank": pa.array(position, pa.int32(), mask=~eligible),
        "selected": pa.array(selected),
        "verdict": verdicts,
    }
    columns = [results.get(name, candidates[name]) for name in CANDIDATES.names]
    return pa.table(columns, schema=CANDIDATES)


def _reference_keys(
    candidates: pa.Table, eligible: NDArray[np.bool_], recipe: Recipe
) -> list[NDArray[np.float64]]:
    """List the sort keys, the first one first, shape (n,) each.

    A key that a sensor does not use is 0 for its rows.
    """
    sensor = {name: is_value(candidates["sensor"], name) for name in Sensor}
    imagery = eligible & ~sensor[Sensor.DEM]
    radar = eligible & sensor[Sensor.S1RTC]
    optical = eligible & sensor[Sensor.S2L2A]
    cloud = counted_clouds(candidates, recipe)
    days = pc.fill_null(candidates["days_from_phase"], 0).to_numpy()
    orbit_text = candidates["relative_orbit"].cast(pa.string())
    return [
        np.where(eligible, rank_knowledge(candidates, recipe), 0),
        np.where(eligible, -_covered_fracs(candidates, recipe), 0),
        np.where(optical, cloud, 0),
        np.where(imagery, days, 0),
        # a time is in the order of its UTC text of fixed width
        np.where(imagery, microseconds(candidates["datetime"]), 0),
        np.where(radar, code_texts(pc.fill_null(orbit_text, "")), 0),
        np.where(radar, code_texts(pc.fill_null(candidates["orbit_state"], "")), 0),
        dense_ranks(candidates["item_id"]),
    ]


def _covered_fracs(candidates: pa.Table, recipe: Recipe) -> NDArray[np.float64]:
    """Return the share of the target that each scene covers, or that it shows clear, if known."""
    overlaps: NDArray[np.float64] = candidates["overlap_frac"].to_numpy()
    if not reads_area(recipe):
        return overlaps
    clear = [
        np.nan if points is None else points.bit_count() / N_POINTS
        for points in clear_sets(candidates, recipe)
    ]
    return np.where(np.isnan(clear), overlaps, clear)
