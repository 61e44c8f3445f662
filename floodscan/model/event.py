"""A flood event, and the parts of its timeline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

DEMO = "demo"
"""Name of the bundled event, and of the bundled archive around it."""


class Phase(StrEnum):
    """The parts of a flood's timeline, in order."""

    PRE_MONTH = "pre_month"
    PRE_EVENT = "pre_event"
    EVENT = "event"
    POST_EVENT = "post_event"


PHASES: Final = tuple(Phase)
"""The phases in order, as a tuple: to walk through an enumeration takes four times as long."""


class DateKind(StrEnum):
    """What the date of an event is the date of."""

    ONSET = "onset"
    """The day on which the flood began."""

    ACTIVATION = "activation"
    """The day on which mapping was asked for: the flood had begun by then."""


ACTIVATION_GUARD_MINUTES = 4320.0
"""Least ``onset_guard_minutes`` of an event whose date is an activation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One flood: where, and around which dates.

    Attributes:
        event_id: Unique in a run, and usable as a file name.
        aoi: Area of interest, WGS 84, valid; cut in two if it crosses the antimeridian.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        phase_dates: UTC date of each of the four phases, in order.
        onset: When the flood began, UTC; 00:00 of the day if its hour is unknown.
        onset_assumed: Whether the hour of the onset is unknown.
        assumed_onset_hour: UTC hour that replaces an unknown one; None takes the recipe's.
        peak: When the flood was largest, UTC; None if unknown.
        end: When the flood ended, UTC; None if unknown.
        date_kind: What the event's date is the date of.
        target_crs: Projected coordinate system of the event's pixel grid, such as ``EPSG:32632``.
    """

    event_id: str
    aoi: BaseGeometry
    bbox: BBox
    phase_dates: Mapping[Phase, date]
    onset: datetime
    onset_assumed: bool = False
    assumed_onset_hour: float | None = None
    peak: datetime | None = None
    end: datetime | None = None
    date_kind: DateKind = DateKind.ONSET
    target_crs: str

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from floodscan.model.event_html import show_event  # noqa: PLC0415 - few need it

        return show_event(self)

    @property
    def digest(self) -> str:
        """Digest of all attributes, in hexadecimal digits."""
        return self.digest_with(self.aoi.wkb)

    def digest_with(self, wkb: bytes) -> str:
        """Return the digest of an event whose area is known as WKB too."""
        facts = [
            self.event_id,
            wkb.hex().upper(),
            repr(self.bbox),
            _write_phases(tuple(self.phase_dates.items())),
            *map(str, (self.onset, self.onset_assumed, self.assumed_onset_hour)),
            *map(str, (self.peak, self.end, self.date_kind)),
            self.target_crs,
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


@lru_cache(maxsize=1 << 15)
def _write_phases(dates: tuple[tuple[Phase, date], ...]) -> str:
    """Write the dates of phases, one on each line. Many events share their dates."""
    return "\n".join([phase + "=" + str(day) for phase, day in dates])
