"""The nouns of a run: events, phases, sensors, windows, recipes and searches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

DEMO = "demo"
"""Name of the bundled event, and of the bundled catalog snapshot over it."""

_LAST_SECOND = time(23, 59, 59)
_Number = TypeVar("_Number", bound=float)


class Phase(StrEnum):
    """The parts of a flood's timeline, in order."""

    PRE_MONTH = "pre_month"
    PRE_EVENT = "pre_event"
    EVENT = "event"
    POST_EVENT = "post_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One flood: where, and around which dates.

    Attributes:
        event_id: Unique in its file, and fit to be a file's name.
        aoi: Area of interest, WGS 84, valid; cut at the antimeridian where it crosses it.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        phase_dates: UTC date of each of the four phases, none before the one that precedes it.
        onset: When the water came, UTC.
        target_crs: Projected system of the event's pixel grid, such as ``EPSG:32632``.
    """

    event_id: str
    aoi: BaseGeometry
    bbox: BBox
    phase_dates: Mapping[Phase, date]
    onset: datetime
    target_crs: str

    @property
    def digest(self) -> str:
        """Digest of all that it says, in hexadecimal digits."""
        phases = [f"{phase}={day}" for phase, day in self.phase_dates.items()]
        facts = [
            self.event_id,
            self.aoi.wkb_hex,
            repr(self.bbox),
            *phases,
            self.onset.isoformat(),
            self.target_crs,
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


class Sensor(StrEnum):
    """The kinds of scenes that fill a slot, by the names that manifests use."""

    S1RTC = "S1RTC"
    S2L2A = "S2L2A"
    DEM = "DEM"


class Policy(StrEnum):
    """The rules by which scenes are chosen."""

    REFERENCE = "reference"
    CHANGE_DETECTION = "change-detection"


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A span of time, closed at both ends as STAC's intervals are.

    Attributes:
        start: First instant inside, UTC.
        end: Last instant inside, UTC.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a window that ends before it starts."""
        if self.end < self.start:
            message = f"a window can't end ({self.end}) before it starts ({self.start})"
            raise ValueError(message)

    @classmethod
    def around(cls, day: date, days: int) -> TimeWindow:
        """Span whole UTC days: from 00:00:00 ``days`` before ``day`` to 23:59:59 ``days`` after it."""
        margin = timedelta(days=days)
        return cls(
            datetime.combine(day - margin, time.min, UTC),
            datetime.combine(day + margin, _LAST_SECOND, UTC),
        )

    def __str__(self) -> str:
        """Write the interval as STAC does, ``start/end``."""
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRecipe:
    """What is asked of one sensor.

    Attributes:
        collection: STAC collection id.
        assets: Asset keys that a scene must have.
        window_days: Days before and after a phase's date that are searched; None searches all time.
        polarizations: Channels that a SAR scene must have, in any order.
        max_cloud_percent: A scene's cloud cover must be strictly below this; None accepts all.
    """

    collection: str
    assets: tuple[str, ...]
    window_days: int | None = None
    polarizations: tuple[str, ...] = ()
    max_cloud_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """A step of the ladder: which rule is loosened for slots that would stay empty; exactly one is.

    Attributes:
        sensor: Whose rule.
        window_days: Days before and after a phase's date that are searched.
        max_cloud_percent: A scene's cloud cover must be strictly below this.
        mixed_track: Whether SAR phases may lie on different tracks.
    """

    sensor: Sensor
    window_days: int | None = None
    max_cloud_percent: float | None = None
    mixed_track: bool = False

    def __str__(self) -> str:
        """Write the step as ``S1RTC.window_days=7``."""
        name, value = next((k, v) for k, v in self.to_dict().items() if k != "sensor")
        return f"{self.sensor}.{name}={str(value).lower() if value is True else f'{value:g}'}"

    def to_dict(self) -> dict[str, Any]:
        """Spell it out in JSON types: the sensor, and the rule that is loosened."""
        rules = {"window_days": self.window_days, "max_cloud_percent": self.max_cloud_percent}
        given = {name: value for name, value in rules.items() if value is not None}
        return {
            "sensor": str(self.sensor),
            **given,
            **({"mixed_track": True} if self.mixed_track else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRules:
    """The rules of one sensor under the recipe's policy.

    A level is a number of ladder steps: level 0 is the recipe without any step, level 2 is the
    recipe with the first two steps of the sensor's ladder.

    Attributes:
        asked: What the recipe asks of the sensor.
        ladder: The sensor's steps, in order. The reference policy takes none.
        widest_window_days: Days around a phase's date that are searched: the widest window of all
            levels. None searches all time.
        highest_cloud_percent: The highest cloud limit of all levels. None accepts all.
        window_levels: Each level that sets a window, and its days, the highest level first.
        cloud_levels: Each level that sets a cloud limit, and its percent, the highest level first.
        mixed_track_level: The level from which SAR phases may lie on different tracks; None never
            allows it.
    """

    asked: SensorRecipe
    ladder: tuple[Relaxation, ...]
    widest_window_days: int | None
    highest_cloud_percent: float | None
    window_levels: tuple[tuple[int, int], ...]
    cloud_levels: tuple[tuple[int, float], ...]
    mixed_track_level: int | None


def _resolve_rules(asked: SensorRecipe, ladder: tuple[Relaxation, ...]) -> SensorRules:
    windows = _values_by_level(asked.window_days, [step.window_days for step in ladder])
    clouds = _values_by_level(asked.max_cloud_percent, [step.max_cloud_percent for step in ladder])
    return SensorRules(
        asked=asked,
        ladder=ladder,
        widest_window_days=max((days for _, days in windows), default=None),
        highest_cloud_percent=max((percent for _, percent in clouds), default=None),
        window_levels=windows,
        cloud_levels=clouds,
        mixed_track_level=next((n for n, step in enumerate(ladder, 1) if step.mixed_track), None),
    )


def _values_by_level(
    base: _Number | None, steps: Sequence[_Number | None]
) -> tuple[tuple[int, _Number], ...]:
    if base is None:
        return ()  # no step can loosen a rule that the recipe does not set
    levels = [(level, value) for level, value in enumerate([base, *steps]) if value is not None]
    return tuple(levels[::-1])


DEFAULT_SENSORS: Mapping[Sensor, SensorRecipe] = {
    Sensor.S1RTC: SensorRecipe(
        collection="sentinel-1-rtc",
        assets=("vv", "vh"),
        window_days=4,
        polarizations=("VV", "VH"),
    ),
    Sensor.S2L2A: SensorRecipe(
        collection="sentinel-2-l2a",
        assets=("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"),
        window_days=10,
        max_cloud_percent=25.0,
    ),
    Sensor.DEM: SensorRecipe(collection="cop-dem-glo-30", assets=("data",)),
}

DEFAULT_LADDER = (
    # 15 days hold a whole 12-day cycle: every track passes once
    Relaxation(sensor=Sensor.S1RTC, window_days=7),
    Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=50.0),
    Relaxation(sensor=Sensor.S2L2A, window_days=15),
    # a satellite that flies alone needs its next cycle for the second scene after the onset
    Relaxation(sensor=Sensor.S1RTC, window_days=12),
    Relaxation(sensor=Sensor.S1RTC, mixed_track=True),
)

DEFAULT_PHASE_OFFSET_DAYS: Mapping[Phase, int] = {
    Phase.PRE_MONTH: -30,
    Phase.PRE_EVENT: -4,
    Phase.EVENT: 0,
    Phase.POST_EVENT: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPrices:
    """What searches cost, to tell when one for several slots is cheaper; results don't hang on it.

    Attributes:
        request_items: Surplus items that one request less is worth; 0 lets every slot ask for
            itself.
        page_items: Items that one request brings at most.
        items_per_day: How many items of each sensor are made in a day over an area of one
            footprint.
        footprint_degrees: Edge of a footprint of each sensor, degrees.
    """

    request_items: float = 250.0
    page_items: int = 1000
    items_per_day: Mapping[Sensor, float] = field(
        default_factory=lambda: {Sensor.S1RTC: 0.35, Sensor.S2L2A: 0.3, Sensor.DEM: 1.0}
    )
    footprint_degrees: Mapping[Sensor, float] = field(
        default_factory=lambda: {Sensor.S1RTC: 2.0, Sensor.S2L2A: 1.0, Sensor.DEM: 1.0}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The rules of a run, the same for all of its events.

    Attributes:
        policy: How scenes are chosen.
        sensors: What is asked of each sensor, in the order of the manifest.
        phase_offset_days: Days from an event's date to each phase's, for events that give one date.
        tile_size_m: Edge of the tiles that each AOI is cut into, metres; None leaves it whole.
        relax: Steps by which policy ``change-detection`` loosens the rules for slots that would
            stay empty, the first ones first.
        min_coverage: Share of a target that a pass must cover to be chosen by ``change-detection``.
        onset_guard_minutes: How long before the onset a scene must be to count as before the flood.
        warn_coverage_below: Share of a target that a choice must cover lest it gets a warning.
        searches: What searches cost.
        rules: Each sensor's rules under the policy, derived from the above.
    """

    policy: Policy = Policy.REFERENCE
    sensors: Mapping[Sensor, SensorRecipe] = field(default_factory=lambda: dict(DEFAULT_SENSORS))
    phase_offset_days: Mapping[Phase, int] = field(
        default_factory=lambda: dict(DEFAULT_PHASE_OFFSET_DAYS)
    )
    tile_size_m: float | None = None
    relax: tuple[Relaxation, ...] = DEFAULT_LADDER
    min_coverage: float = 0.5
    onset_guard_minutes: float = 0.0
    warn_coverage_below: float = 0.9
    searches: SearchPrices = field(default_factory=SearchPrices)

    rules: Mapping[Sensor, SensorRules] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Resolve each sensor's rules once."""
        rules = {
            sensor: _resolve_rules(asked, self._ladder(sensor))
            for sensor, asked in self.sensors.items()
        }
        object.__setattr__(self, "rules", rules)

    def _ladder(self, sensor: Sensor) -> tuple[Relaxation, ...]:
        if self.policy is Policy.REFERENCE:
            return ()
        return tuple(step for step in self.relax if step.sensor is sensor)

    def to_dict(self) -> dict[str, Any]:
        """Spell out in plain JSON types all that results hang on, every default included."""
        return {
            "policy": str(self.policy),
            "tile_size_m": self.tile_size_m,
            "phase_offset_days": {
                str(phase): days for phase, days in self.phase_offset_days.items()
            },
            "sensors": {
                str(sensor): {f.name: _plain(getattr(asked, f.name)) for f in fields(asked)}
                for sensor, asked in self.sensors.items()
            },
            "relax": [step.to_dict() for step in self.relax],
            "min_coverage": self.min_coverage,
            "onset_guard_minutes": self.onset_guard_minutes,
            "warn_coverage_below": self.warn_coverage_below,
        }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Search:
    """One question to a catalog.

    Attributes:
        collection: STAC collection id.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        window: When items may be from; None is any time.
        assets: Asset keys whose hrefs are wanted.
    """

    collection: str
    bbox: BBox
    window: TimeWindow | None
    assets: tuple[str, ...]

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box has a part on either side of 180°."""
        return self.bbox[0] > self.bbox[2]
