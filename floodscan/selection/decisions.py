"""Decisions of persons: the candidates that they exclude, and whether a choice obeys them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.selection.columns import is_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from floodscan.model import Decision

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]


def exclude(
    candidates: pa.Table, passes: Indices, possible: Mask, decisions: Mapping[str, Decision]
) -> Mask:
    """Find the candidates that the decisions exclude, shape (n,).

    A decision for a pass counts for each target over which that pass can be chosen.

    Args:
        candidates: CANDIDATES table.
        passes: Number of each row's pass, shape (n,).
        possible: Whether a row can be chosen at all, shape (n,).
        decisions: The decisions, by event id.
    """
    excluded = np.zeros(len(candidates), dtype=bool)
    for event_id, decision in decisions.items():
        here = is_value(candidates["event_id"], event_id)
        if decision.track is not None:
            off = ~_equals(candidates["relative_orbit"], decision.track)
            excluded |= here & is_value(candidates["sensor"], Sensor.S1RTC) & off
        if decision.event_pass is not None:
            here &= _equals(candidates["phase"], Phase.EVENT)
            named = np.flatnonzero(
                here & possible & is_value(candidates["item_id"], decision.event_pass)
            )
            for row in named.tolist():
                slot = here.copy()
                for name in ("target_id", "sensor"):
                    slot &= is_value(candidates[name], candidates[name][row].as_py())
                excluded |= slot & (passes != passes[row])
    return excluded


def is_obeyed(chosen: pa.Table, decision: Decision) -> bool:
    """Return whether the choices for the AOI of an event obey a decision.

    Args:
        chosen: Ranked CANDIDATES of the event.
        decision: The decision.
    """
    chosen = chosen.filter(pc.equal(chosen["target_id"], AOI))
    during = pc.equal(chosen["phase"], Phase.EVENT)
    if decision.event_pass is not None:
        of_item = pc.and_(during, pc.equal(chosen["item_id"], decision.event_pass))
        wanted = chosen.filter(of_item)["pass_id"].to_pylist()
        taken = chosen.filter(pc.and_(during, chosen["selected"]))["pass_id"].to_pylist()
        return bool(set(wanted) & set(taken))
    radar = chosen.filter(pc.and_(chosen["selected"], pc.equal(chosen["sensor"], Sensor.S1RTC)))
    orbits = dict(zip(radar["phase"].to_pylist(), radar["relative_orbit"].to_pylist(), strict=True))
    return Phase.EVENT in orbits and set(orbits.values()) == {decision.track}


def _equals(values: pa.ChunkedArray, value: object) -> Mask:
    """True where a column, which may have nulls, has a value, shape (n,)."""
    return np.asarray(pc.fill_null(pc.equal(values, value), fill_value=False))
