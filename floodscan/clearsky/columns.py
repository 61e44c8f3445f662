"""The columns of CANDIDATES that say how clear the ground of a target is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from floodscan.model import Phase
from floodscan.schemas import CANDIDATES, check_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from floodscan.clearsky.base import Ground, Reading

FRACTIONS: Mapping[str, tuple[int, ...]] = {
    "clear_frac": (4, 5, 7),
    "cloud_frac": (8, 9, 10),
    "shadow_frac": (3,),
    "dark_frac": (2,),
    "snow_frac": (11,),
    "water_frac": (6,),
    "nodata_frac": (0, 1),
}
"""The classes of each fraction: every class once, so that the fractions sum to 1."""

COLUMNS = (*FRACTIONS, "clear_source", "clear_resolution_m", "clear_points", "unread")
"""The columns that are filled here."""

_CLEAR = (4, 5, 6, 7)
_LIKE_FLOOD = (2, 3)
_FLOODED = frozenset({Phase.EVENT, Phase.POST_EVENT})


class RowReading(NamedTuple):
    """What is known about a row: its reading, and the number of its area in it.

    Attributes:
        reading: The reading of its scene.
        area: Number of its target among the areas of the reading.
    """

    reading: Reading
    area: int


def fill_columns(candidates: pa.Table, readings: Mapping[int, RowReading]) -> pa.Table:
    """Fill the columns of rows whose scenes were read, or should have been.

    Args:
        candidates: CANDIDATES, n rows.
        readings: By number of the row.

    Returns:
        CANDIDATES in the same order.
    """
    if not readings:
        return candidates
    phases = candidates["phase"].to_pylist()
    found = {row: _describe(readings[row], phases[row]) for row in readings}
    empty: Mapping[str, Any] = {}
    for name in COLUMNS:
        field = CANDIDATES.field(name)
        values = [found.get(row, empty).get(name) for row in range(len(candidates))]
        place = CANDIDATES.get_field_index(name)
        candidates = candidates.set_column(place, field, pa.array(values, field.type))
    return check_table(candidates, CANDIDATES)


def _describe(known: RowReading, phase: str | None) -> dict[str, Any]:
    reading = known.reading
    if reading.unread is not None:
        return {"unread": reading.unread}
    ground = reading.grounds[known.area]
    return {
        **{name: float(ground.shares[[*classes]].sum()) for name, classes in FRACTIONS.items()},
        "clear_source": reading.source,
        "clear_resolution_m": reading.resolution_m,
        "clear_points": _pack_points(ground, phase),
    }


def _pack_points(ground: Ground, phase: str | None) -> bytes | None:
    """Pack the set of points that are clear: bit i stands for point i.

    The classifier takes turbid or dark flood water for shadow or dark ground. So these two count as
    clear in the phases in which the flood may be there.
    """
    if ground.at_points is None:
        return None
    clear = _CLEAR + _LIKE_FLOOD if phase in _FLOODED else _CLEAR
    return np.packbits(np.isin(ground.at_points, clear), bitorder="little").tobytes()
