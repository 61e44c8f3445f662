"""The hours between each candidate and the onset and the peak of its event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from floodscan.model import Sensor
from floodscan.schemas import CANDIDATES
from floodscan.selection.columns import NO_INSTANT, is_value, microseconds, one_array

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from floodscan.model import Event, Recipe

    Events = Mapping[str, Event]

_HOUR = 3_600_000_000  # microseconds
_DECIMALS = 4  # a third of a second


def measure_hours(candidates: pa.Table, events: Events, recipe: Recipe) -> pa.Table:
    """Fill the columns ``hours_from_onset`` and ``hours_from_peak``.

    Args:
        candidates: CANDIDATES table.
        events: The events of the candidates, by id.
        recipe: The rules; they may assume the hour of an onset.
    """
    times = microseconds(candidates["datetime"])
    timeless = (times == NO_INSTANT) | is_value(candidates["sensor"], Sensor.DEM)
    moments = {
        "hours_from_onset": instants(candidates, events, recipe.onset_of),
        "hours_from_peak": instants(candidates, events, lambda event: event.peak),
    }
    hours = {
        name: pa.array(
            np.round((times - moment) / _HOUR, _DECIMALS), mask=timeless | (moment == NO_INSTANT)
        )
        for name, moment in moments.items()
    }
    columns = [hours.get(name, candidates[name]) for name in CANDIDATES.names]
    return pa.table(columns, schema=CANDIDATES)


def instants(
    candidates: pa.Table, events: Events, moment_of: Callable[[Event], datetime | None]
) -> NDArray[np.int64]:
    """Find a moment of each candidate's event, in microseconds since 1970, shape (n,).

    An unknown moment is ``NO_INSTANT``.
    """
    encoded = one_array(candidates["event_id"]).dictionary_encode()
    moments = [moment_of(events[event_id]) for event_id in encoded.dictionary.to_pylist()]
    instants_of = [NO_INSTANT if each is None else to_microseconds(each) for each in moments]
    found: NDArray[np.int64] = np.array(instants_of, dtype=np.int64)[np.asarray(encoded.indices)]
    return found


def to_microseconds(moment: datetime) -> int:
    """Count microseconds since 1970."""
    return round(moment.timestamp() * 1e6)
