"""The rules of a run: sensors, policy, windows, filters and the ladder."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from floodscan.model.event import ACTIVATION_GUARD_MINUTES, DateKind, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from floodscan.model.event import Event

_Number = TypeVar("_Number", bound=float)


class Sensor(StrEnum):
    """The kinds of scenes, by their names in manifests."""

    S1RTC = "S1RTC"
    S2L2A = "S2L2A"
    DEM = "DEM"


class CloudScope(StrEnum):
    """Which clouds of an optical scene count."""

    SCENE = "scene"
    """Those of the whole scene, as its item states them. No pixel is read."""

    AREA = "area"
    """Those over the target. The scene classification of the scenes is read."""


class Policy(StrEnum):
    """How scenes are chosen."""

    REFERENCE = "reference"
    CHANGE_DETECTION = "change-detection"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRecipe:
    """The rules for the scenes of one sensor.

    Attributes:
        collection: STAC collection id.
        assets: Keys of the assets that a scene must have.
        window_days: Days to search before and after a phase's date; None searches all time.
        polarizations: Channels that a SAR scene must have, in any order.
        max_cloud_percent: The cloud cover of a scene must be below this; None accepts any.
        cloud: Which clouds count: for ``max_cloud_percent``, for costs, and with ``AREA`` also for
            what a scene covers. None for sensors that see through clouds.
        acquired_in: Id of the collection of the products that the scenes are made of. It is
            searched too, to name the products that ``collection`` lacks; None does not search it.
    """

    collection: str
    assets: tuple[str, ...]
    window_days: int | None = None
    polarizations: tuple[str, ...] = ()
    max_cloud_percent: float | None = None
    cloud: CloudScope | None = None
    acquired_in: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the rules in JSON types; ``acquired_in`` is left out without a value."""
        rules = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        if self.acquired_in is None:
            del rules["acquired_in"]
        return rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """A step of the ladder: it loosens exactly one rule, for slots that would stay empty.

    Attributes:
        sensor: The sensor of the rule.
        window_days: Days to search before and after a phase's date.
        max_cloud_percent: The cloud cover of a scene must be below this.
        mixed_track: Whether SAR phases may be of different tracks.
        min_coverage: A pass must cover this share of a target.
    """

    sensor: Sensor
    window_days: int | None = None
    max_cloud_percent: float | None = None
    mixed_track: bool = False
    min_coverage: float | None = None

    def __str__(self) -> str:
        """Return the step as text, such as ``S1RTC.window_days=7``."""
        name, value = next((k, v) for k, v in self.to_dict().items() if k != "sensor")
        return f"{self.sensor}.{name}={str(value).lower() if value is True else f'{value:g}'}"

    def loosens(self, now: Mapping[str, Any]) -> bool:
        """Return whether it loosens the rules of its sensor.

        Args:
            now: These rules by their names; none are a sensor that is left out.
        """
        if self.mixed_track:
            return bool(now)
        ((rule, value),) = (pair for pair in self.to_dict().items() if pair[0] != "sensor")
        before = now.get(rule)
        if before is None:
            return False
        return bool(value < before if rule == "min_coverage" else value > before)

    def to_dict(self) -> dict[str, Any]:
        """Return the sensor and the loosened rule in JSON types."""
        limits = ("window_days", "max_cloud_percent", "min_coverage")
        given = {name: value for name in limits if (value := getattr(self, name)) is not None}
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
        coverage_levels: Each level that sets the share of a target that a pass must cover, and this
            share, the highest level first.
        mixed_track_level: The level from which SAR phases may lie on different tracks; None never
            allows it.
    """

    asked: SensorRecipe
    ladder: tuple[Relaxation, ...]
    widest_window_days: int | None
    highest_cloud_percent: float | None
    window_levels: tuple[tuple[int, int], ...]
    cloud_levels: tuple[tuple[int, float], ...]
    coverage_levels: tuple[tuple[int, float], ...]
    mixed_track_level: int | None


def _resolve_rules(
    asked: SensorRecipe, ladder: tuple[Relaxation, ...], min_coverage: float
) -> SensorRules:
    windows = _values_by_level(asked.window_days, [step.window_days for step in ladder])
    clouds = _values_by_level(asked.max_cloud_percent, [step.max_cloud_percent for step in ladder])
    return SensorRules(
        asked=asked,
        ladder=ladder,
        widest_window_days=max((days for _, days in windows), default=None),
        highest_cloud_percent=max((percent for _, percent in clouds), default=None),
        window_levels=windows,
        cloud_levels=clouds,
        coverage_levels=_values_by_level(min_coverage, [step.min_coverage for step in ladder]),
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
        cloud=CloudScope.SCENE,
    ),
    Sensor.DEM: SensorRecipe(collection="cop-dem-glo-30", assets=("data",)),
}

DEFAULT_LADDER = (
    # in 15 days, each track of a 12-day cycle passes at least once
    Relaxation(sensor=Sensor.S1RTC, window_days=7),
    Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=50.0),
    Relaxation(sensor=Sensor.S2L2A, window_days=15),
    # a satellite without a twin takes its second scene after the onset one cycle later
    Relaxation(sensor=Sensor.S1RTC, window_days=12),
    Relaxation(sensor=Sensor.S1RTC, mixed_track=True),
    # the only pass that saw the flood may cover a part of the area
    Relaxation(sensor=Sensor.S1RTC, min_coverage=0.1),
)

DEFAULT_PHASE_OFFSET_DAYS: Mapping[Phase, int] = {
    Phase.PRE_MONTH: -30,
    Phase.PRE_EVENT: -4,
    Phase.EVENT: 0,
    Phase.POST_EVENT: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPrices:
    """Estimated costs of searches. They decide which searches are merged, and change no result.

    Attributes:
        request_items: A saved request is worth this many extra items at most; 0 never merges
            searches. For a catalog that answers quickly it is worth fewer, see
            ``planning.prices``.
        page_items: Maximum number of items in one response.
        items_per_day: New items of each sensor per day, over an area of one footprint.
        footprint_degrees: Edge length of a footprint of each sensor, degrees.
    """

    request_items: float = 1000.0
    page_items: int = 1000
    items_per_day: Mapping[Sensor, float] = field(
        default_factory=lambda: {Sensor.S1RTC: 0.35, Sensor.S2L2A: 0.4, Sensor.DEM: 0.9}
    )
    footprint_degrees: Mapping[Sensor, float] = field(
        default_factory=lambda: {Sensor.S1RTC: 2.0, Sensor.S2L2A: 1.0, Sensor.DEM: 1.0}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The rules of a run.

    Attributes:
        policy: How scenes are chosen.
        sensors: The rules of each sensor, in the order of the manifest.
        phase_offset_days: Days from an event's date to each phase, for events with a single date.
        tile_size_m: Edge length of the tiles of each AOI, metres; None makes no tiles.
        relax: The ladder: steps by which ``change-detection`` loosens the rules for slots that
            would stay empty, in this order. Of the default steps, those that loosen nothing under
            the other rules are left out.
        mosaics: Whether ``change-detection`` may fill a slot with several scenes of a pass; False
            chooses single scenes.
        min_coverage: ``change-detection`` chooses only passes that cover this share of a target.
        event_first: Whether ``change-detection`` fills the slot ``event`` before all others.
        assumed_onset_hour: UTC hour from which a pass counts as after the onset, on the day of an
            onset without an hour.
        onset_guard_minutes: A scene counts as before the flood if it is at least this long before
            the onset.
        warn_coverage_below: Warn when a choice covers less than this share of its target.
        searches: Estimated costs of searches.
        sources: Catalog of each collection that is not in the catalog of the run: a name, a URL or
            a path.
        rules: Each sensor's rules under the policy, derived from the other attributes.
    """

    policy: Policy = Policy.REFERENCE
    sensors: Mapping[Sensor, SensorRecipe] = field(default_factory=lambda: dict(DEFAULT_SENSORS))
    phase_offset_days: Mapping[Phase, int] = field(
        default_factory=lambda: dict(DEFAULT_PHASE_OFFSET_DAYS)
    )
    tile_size_m: float | None = None
    relax: tuple[Relaxation, ...] = DEFAULT_LADDER
    mosaics: bool = True
    min_coverage: float = 0.5
    event_first: bool = True
    assumed_onset_hour: float = 0.0
    onset_guard_minutes: float = 0.0
    warn_coverage_below: float = 0.9
    searches: SearchPrices = field(default_factory=SearchPrices)
    sources: Mapping[str, str] = field(default_factory=dict)

    rules: Mapping[Sensor, SensorRules] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fit the default ladder to the other rules, and derive each sensor's rules once."""
        if self.relax == DEFAULT_LADDER:
            fit = [step for step in self.relax if step.loosens(self.limits_of(step.sensor))]
            object.__setattr__(self, "relax", tuple(fit))
        rules = {
            sensor: _resolve_rules(asked, self._ladder(sensor), self.min_coverage)
            for sensor, asked in self.sensors.items()
        }
        object.__setattr__(self, "rules", rules)

    def _ladder(self, sensor: Sensor) -> tuple[Relaxation, ...]:
        if self.policy is Policy.REFERENCE:
            return ()
        return tuple(step for step in self.relax if step.sensor is sensor)

    def with_cloud(self, scope: CloudScope) -> Recipe:
        """Return these rules with another scope of the clouds, for the sensors that see clouds."""
        sensors = {
            sensor: asked if asked.cloud is None else replace(asked, cloud=scope)
            for sensor, asked in self.sensors.items()
        }
        return replace(self, sensors=sensors)

    @property
    def checks(self) -> list[str]:
        """The collections that are searched only for what was acquired."""
        return [each.acquired_in for each in self.sensors.values() if each.acquired_in is not None]

    @property
    def collections(self) -> list[str]:
        """All collections that are searched."""
        return [*(each.collection for each in self.sensors.values()), *self.checks]

    def without_checks(self) -> Recipe:
        """Return these rules without a search for what was acquired."""
        sensors = {
            sensor: replace(asked, acquired_in=None) for sensor, asked in self.sensors.items()
        }
        return replace(self, sensors=sensors)

    def limits_of(self, sensor: Sensor) -> dict[str, Any]:
        """Return the rules of a sensor that a ladder can loosen; none for one that is left out."""
        asked = self.sensors.get(sensor)
        if asked is None:
            return {}
        return {
            "window_days": asked.window_days,
            "max_cloud_percent": asked.max_cloud_percent,
            "min_coverage": self.min_coverage,
        }

    def onset_of(self, event: Event) -> datetime:
        """Return the moment from which a pass counts as after the onset of an event, UTC."""
        if not event.onset_assumed:
            return event.onset
        own = event.assumed_onset_hour
        return event.onset + timedelta(hours=self.assumed_onset_hour if own is None else own)

    def last_before(self, event: Event) -> datetime:
        """Return the moment from which a pass no longer counts as before an event, UTC."""
        guard = self.onset_guard_minutes
        if event.date_kind is DateKind.ACTIVATION:
            guard = max(guard, ACTIVATION_GUARD_MINUTES)
        return self.onset_of(event) - timedelta(minutes=guard)

    def to_dict(self) -> dict[str, Any]:
        """Return in JSON types all rules that can change a result, with every default."""
        return {
            "policy": str(self.policy),
            "tile_size_m": self.tile_size_m,
            "phase_offset_days": {
                str(phase): days for phase, days in self.phase_offset_days.items()
            },
            "sensors": {str(sensor): asked.to_dict() for sensor, asked in self.sensors.items()},
            "relax": [step.to_dict() for step in self.relax],
            "mosaics": self.mosaics,
            "min_coverage": self.min_coverage,
            "event_first": self.event_first,
            "assumed_onset_hour": self.assumed_onset_hour,
            "onset_guard_minutes": self.onset_guard_minutes,
            "warn_coverage_below": self.warn_coverage_below,
        }


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
