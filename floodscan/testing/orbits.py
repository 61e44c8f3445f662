"""Where and when Sentinel-1 and Sentinel-2 pass, from the figures of their orbits.

Both missions fly circular orbits that repeat after a whole number of days. A place on a ground
track is given by its relative orbit and by two angles at the centre of the Earth: ``along`` the
track, from the ascending node (0°, northwards over the equator) over the northernmost point (90°)
and the descending node (180°) back to the next ascending node (360°), and ``across`` it, to the
right.

Figures: inclinations, repeat cycles, swath widths and first days are from the missions' user
guides at https://sentiwiki.copernicus.eu. The longitudes of the nodes and the offset of the radar's
swath are fitted to public records: the tiles that each Sentinel-1 track covers (to 0.14° in the
median, 0.32° for nine of ten), and the swath edges of three Sentinel-2 orbits over Luxembourg.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from floodscan.geometry.scan_lines import ragged_arange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    Degrees = NDArray[np.float64]
    Integers = NDArray[np.int64]

_FULL_TURN = 360.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellite:
    """A satellite of a mission.

    Attributes:
        first: First day of its pictures.
        node_time: A time at which it was over the ascending node of relative orbit 1.
    """

    first: datetime
    node_time: datetime


class Passes(NamedTuple):
    """Passes over places, an array of shape (n,) each.

    Attributes:
        place: Number of the place.
        platform: Number of the satellite, in the order of its mission.
        start: Microseconds since 1970, in whole milliseconds.
        absolute_orbit: Orbits since 1970.
    """

    place: Integers
    platform: Integers
    start: Integers
    absolute_orbit: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """Satellites that share a ground track.

    Attributes:
        inclination_degrees: Angle between the orbit and the equator.
        n_orbits: Relative orbits, all flown once in a cycle.
        cycle: Time until the ground track repeats.
        node_degrees: Longitude of the ascending node of relative orbit 1.
        look_degrees: Distance of the middle of the swath from the ground track, to the right.
        half_width_degrees: Half of the width of the swath.
        satellites: By name.
    """

    inclination_degrees: float
    n_orbits: int
    cycle: timedelta
    node_degrees: float
    look_degrees: float
    half_width_degrees: float
    satellites: Mapping[str, Satellite]

    @property
    def period(self) -> timedelta:
        """The time of one orbit."""
        return self.cycle / self.n_orbits

    def locate(
        self, orbit: ArrayLike, along: ArrayLike, across: ArrayLike = 0.0
    ) -> tuple[Degrees, Degrees]:
        """Return longitude and latitude of places by relative orbit and angles in degrees.

        With the ascending node on the x axis, a place is the unit vector
        cos(across) · r − sin(across) · n: r points to the satellite, n is normal to the orbit. The
        Earth turns below the orbit, once a day.
        """
        u, v = np.radians(along), np.radians(across)
        tilt = math.radians(self.inclination_degrees)
        x = np.cos(v) * np.cos(u)
        y = np.cos(v) * np.sin(u) * math.cos(tilt) + np.sin(v) * math.sin(tilt)
        z = np.cos(v) * np.sin(u) * math.sin(tilt) - np.sin(v) * math.cos(tilt)
        turns = (np.asarray(orbit) - 1 + np.asarray(along) / _FULL_TURN) * (
            self.cycle.days / self.n_orbits
        )
        lon = self.node_degrees + np.degrees(np.arctan2(y, x)) - _FULL_TURN * turns
        return (lon + 180) % _FULL_TURN - 180, np.degrees(np.arcsin(z))

    def descend_to(self, lat: float) -> float:
        """Return the ``along`` at which the ground track crosses a latitude southwards."""
        ratio = math.sin(math.radians(lat)) / math.sin(math.radians(self.inclination_degrees))
        return 180 - math.degrees(math.asin(max(-1.0, min(ratio, 1.0))))

    def passes(
        self,
        orbits: ArrayLike,
        along: ArrayLike,
        start: datetime,
        end: datetime,
        *,
        from_first: bool = True,
    ) -> Passes:
        """List the passes over places from one moment to another, place by place.

        Args:
            orbits: Relative orbit of each place, shape (p,).
            along: Place on it, in degrees, shape (p,) or a number.
            start: Earliest moment.
            end: Latest moment.
            from_first: False for passes as if the satellites had always been there.

        Returns:
            The passes over a place are in order of satellite and time.
        """
        orbits, cycle = np.asarray(orbits), to_microseconds(self.cycle)
        turns = orbits - 1 + np.asarray(along) / _FULL_TURN
        offsets = np.rint(turns * to_microseconds(self.period)).astype(np.int64)
        parts = []
        for platform, satellite in enumerate(self.satellites.values()):
            earliest = max(start, satellite.first) if from_first else start
            epochs = offsets + to_microseconds(satellite.node_time - _EPOCH) % cycle
            first = -((epochs - to_microseconds(earliest - _EPOCH)) // cycle)
            counts = (to_microseconds(end - _EPOCH) - epochs) // cycle - first + 1
            counts = np.maximum(counts, 0)
            place = np.repeat(np.arange(len(orbits)), counts)
            number = first[place] + ragged_arange(counts)
            moments = epochs[place] + number * cycle
            flown = number * self.n_orbits + orbits[place]
            parts.append((place, np.full(len(place), platform), moments - moments % 1000, flown))
        passes = Passes(*map(np.concatenate, zip(*parts, strict=True)))
        order = np.lexsort((passes.start, passes.platform, passes.place))
        return Passes(*(values[order] for values in passes))


def to_microseconds(span: timedelta) -> int:
    """Return a time span in whole microseconds."""
    return span // timedelta(microseconds=1)


def _node_time(moment: str, orbit: int, along: float, period: timedelta) -> datetime:
    """Lead a pass that is known back to the ascending node of relative orbit 1."""
    known = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return known - (orbit - 1 + along / _FULL_TURN) * period


_S1_PERIOD, _S2_PERIOD = timedelta(days=12) / 175, timedelta(days=10) / 143

# Known passes: track 37 at 50.2° N, southwards, and orbit 8 at 48.5° N.
SENTINEL_1: Final = Mission(
    inclination_degrees=98.18,
    n_orbits=175,
    cycle=timedelta(days=12),
    node_degrees=0.148,
    look_degrees=4.43,
    half_width_degrees=1.13,
    satellites={
        "S1A": Satellite(
            first=datetime(2014, 10, 3, tzinfo=UTC),
            node_time=_node_time("2021-07-15T05:51:05", 37, 129.9, _S1_PERIOD),
        ),
        "S1B": Satellite(
            first=datetime(2016, 9, 27, tzinfo=UTC),
            node_time=_node_time("2021-07-21T05:50:22", 37, 129.9, _S1_PERIOD),
        ),
    },
)
SENTINEL_2: Final = Mission(
    inclination_degrees=98.62,
    n_orbits=143,
    cycle=timedelta(days=10),
    node_degrees=0.892,
    look_degrees=0.0,
    half_width_degrees=1.3,
    satellites={
        "S2A": Satellite(
            first=datetime(2015, 7, 1, tzinfo=UTC),
            node_time=_node_time("2021-07-21T10:40:31", 8, 130.8, _S2_PERIOD),
        ),
        "S2B": Satellite(
            first=datetime(2017, 7, 6, tzinfo=UTC),
            node_time=_node_time("2021-07-26T10:36:29", 8, 130.8, _S2_PERIOD),
        ),
    },
)
