"""Flags of candidates: what their metadata alone says against their use."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.model import Phase, Sensor
from floodscan.schemas import CANDIDATES
from floodscan.selection.columns import (
    NO_INSTANT,
    encode,
    group_starts,
    is_value,
    microseconds,
    one_array,
)
from floodscan.selection.hours import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Event

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Numbers = NDArray[np.float64]


class Flag(StrEnum):
    """The words of the column ``flags``."""

    UNCALIBRATED = "uncalibrated"
    """Sentinel-1C was not yet calibrated."""

    NO_VV_OR_VH = "no_vv_or_vh"
    """A SAR scene has neither VV nor VH, but HH or HV."""

    LOW_SUN = "low_sun"
    """The sun was less than 20° above the horizon."""

    LATE_EVENT = "late_event"
    """A scene of ``event`` is from later than 96 hours after the onset."""

    TWIN = "twin"
    """The catalog has this scene more than once, with different ids."""


CALIBRATED_1C = datetime(2025, 5, 20, tzinfo=UTC)
"""Sentinel-1C is calibrated from this day on."""

LOW_SUN_DEGREES = 20.0
LATE_HOURS = 96.0
_SECOND = 1_000_000  # microseconds
_DAY_SECONDS = 86_400


def flag_candidates(candidates: pa.Table, slots: Indices, events: Mapping[str, Event]) -> pa.Table:
    """Fill the column ``flags``.

    Args:
        candidates: CANDIDATES table with its hours.
        slots: Number of each row's slot, shape (n,).
        events: The events of the candidates, by id.
    """
    times = microseconds(candidates["datetime"])
    radar = is_value(candidates["sensor"], Sensor.S1RTC)
    optical = is_value(candidates["sensor"], Sensor.S2L2A) & (times != NO_INSTANT)
    is_dem = is_value(candidates["sensor"], Sensor.DEM)
    marks = {
        Flag.UNCALIBRATED: radar & _before_calibration(candidates, times),
        Flag.NO_VV_OR_VH: radar & _lacks_vertical(candidates),
        Flag.LOW_SUN: _has_low_sun(candidates, events, times, optical),
        Flag.LATE_EVENT: _is_late(candidates),
        Flag.TWIN: _has_twin(candidates, slots, times) & ~is_dem,
    }
    marked = np.column_stack([*marks.values()])
    ends = np.append(0, np.cumsum(marked.sum(axis=1)))
    words = pa.array([str(flag) for flag in marks], pa.string())
    flags = pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), words.take(pa.array(np.nonzero(marked)[1]))
    )
    at = candidates.schema.get_field_index("flags")
    return candidates.set_column(at, CANDIDATES.field("flags"), flags)


def _before_calibration(candidates: pa.Table, times: NDArray[np.int64]) -> Mask:
    names = one_array(candidates["platform"]).dictionary_encode()
    of_1c = pc.ends_with(pc.utf8_upper(names.dictionary), "1C").take(names.indices)
    found: Mask = np.array(pc.fill_null(of_1c, fill_value=False))
    found &= (times < to_microseconds(CALIBRATED_1C)) & (times != NO_INSTANT)
    return found


def _lacks_vertical(candidates: pa.Table) -> Mask:
    joined = pc.binary_join(one_array(candidates["polarizations"]), " ")
    horizontal = pc.match_substring_regex(joined, "HH|HV")
    vertical = pc.match_substring_regex(joined, "VV|VH")
    found = pc.and_not(horizontal, vertical)
    return np.asarray(pc.fill_null(found, fill_value=False))


def _is_late(candidates: pa.Table) -> Mask:
    late = pc.greater(candidates["hours_from_onset"], LATE_HOURS)
    found = pc.and_(pc.equal(candidates["phase"], Phase.EVENT), late)
    return np.asarray(pc.fill_null(found, fill_value=False))


def _has_twin(candidates: pa.Table, slots: Indices, times: Indices) -> Mask:
    """True if another row of the slot has the same satellite, second, tile and footprint.

    A scene that was processed anew is not a twin: it has another baseline.
    """
    twins = np.zeros(len(times), dtype=bool)
    rows = np.arange(len(times))
    keys = [times // _SECOND, slots]
    # each comparison leaves fewer rows to the next one, which takes longer
    for names in (), ("platform", "mgrs_tile", "processing_baseline"), ("geometry",):
        own = candidates.select(names).take(pa.array(rows))
        keys += [encode(own[name]) for name in names]
        alike = _repeated(keys)
        rows, keys = rows[alike], [key[alike] for key in keys]
    twins[rows] = True
    return twins


def _repeated(keys: Sequence[Indices]) -> Indices:
    """List the rows that are equal to another row in all keys."""
    order = np.lexsort(keys)
    starts = group_starts([key[order] for key in keys])
    same = ~starts
    same[:-1] |= ~starts[1:]
    return np.sort(order[same])


def _has_low_sun(
    candidates: pa.Table, events: Mapping[str, Event], times: Indices, optical: Mask
) -> Mask:
    """True for optical scenes with a low sun over the centre of the event's area, shape (n,)."""
    encoded = one_array(candidates["event_id"]).dictionary_encode()
    centres = [_centre(events[event_id]) for event_id in encoded.dictionary.to_pylist()]
    lon, lat = np.array(centres)[np.asarray(encoded.indices)[optical]].T
    low = np.zeros(len(times), dtype=bool)
    low[optical] = sun_elevation(times[optical] / _SECOND, lon, lat) < LOW_SUN_DEGREES
    return low


def _centre(event: Event) -> tuple[float, float]:
    west, south, east, north = event.bbox
    return west + (east - west) % 360 / 2, (south + north) / 2


def sun_elevation(seconds: Numbers, lon: Numbers, lat: Numbers) -> Numbers:
    """Compute the elevation of the sun above the horizon, degrees, shape (n,).

    Args:
        seconds: Times in seconds since 1970, UTC.
        lon: Longitudes in degrees.
        lat: Latitudes in degrees.

    The formula is within half a degree. The time of a Sentinel-2 item is the start of its datatake,
    up to half an hour before the scene: this makes the sun up to 5° too low near the equator, where
    it is high, and at most 1° too low north of 50°.

    Source: NOAA, General Solar Position Calculations (after Spencer 1971).
    """
    days = seconds / _DAY_SECONDS
    year = 2 * np.pi * ((days % 365.2425) - 0.5) / 365.2425
    minutes = 229.18 * (
        0.000075
        + 0.001868 * np.cos(year)
        - 0.032077 * np.sin(year)
        - 0.014615 * np.cos(2 * year)
        - 0.040849 * np.sin(2 * year)
    )
    declination = (
        0.006918
        - 0.399912 * np.cos(year)
        + 0.070257 * np.sin(year)
        - 0.006758 * np.cos(2 * year)
        + 0.000907 * np.sin(2 * year)
        - 0.002697 * np.cos(3 * year)
        + 0.00148 * np.sin(3 * year)
    )
    hour_angle = np.radians((days % 1 * 1440 + minutes) / 4 + lon - 180)
    sine = np.sin(np.radians(lat)) * np.sin(declination) + np.cos(np.radians(lat)) * np.cos(
        declination
    ) * np.cos(hour_angle)
    found: Numbers = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return found
