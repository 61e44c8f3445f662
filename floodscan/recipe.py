"""What is looked for, and by which rules: sensors, collections, assets, windows, filters, policy."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floodscan.errors import Problem, RecipeError
from floodscan.events import Phase
from floodscan.fields import FieldReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LAST_SECOND = time(23, 59, 59)


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
        return {"sensor": str(self.sensor), **given, **({"mixed_track": True} if self.mixed_track else {})}


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
        request_items: Surplus items that one request less is worth; 0 lets every slot ask for itself.
        page_items: Items that one request brings at most.
        items_per_day: How many items of each sensor are made in a day over an area of one footprint.
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
        relax: Steps by which policy ``change-detection`` loosens the rules for slots that would stay
            empty, the first ones first.
        min_coverage: Share of a target that a pass must cover to be chosen by ``change-detection``.
        onset_guard_minutes: How long before the onset a scene must be to count as before the flood.
        warn_coverage_below: Share of a target that a choice must cover lest it gets a warning.
        searches: What searches cost.
    """

    policy: Policy = Policy.REFERENCE
    sensors: Mapping[Sensor, SensorRecipe] = field(default_factory=lambda: dict(DEFAULT_SENSORS))
    phase_offset_days: Mapping[Phase, int] = field(default_factory=lambda: dict(DEFAULT_PHASE_OFFSET_DAYS))
    tile_size_m: float | None = None
    relax: tuple[Relaxation, ...] = DEFAULT_LADDER
    min_coverage: float = 0.5
    onset_guard_minutes: float = 0.0
    warn_coverage_below: float = 0.9
    searches: SearchPrices = field(default_factory=SearchPrices)

    def ladder(self, sensor: Sensor) -> tuple[Relaxation, ...]:
        """List the steps that the policy takes for a sensor, in order; the reference policy takes none."""
        if self.policy is Policy.REFERENCE:
            return ()
        return tuple(step for step in self.relax if step.sensor is sensor)

    def widest_window_days(self, sensor: Sensor) -> int | None:
        """Tell the days around a phase's date that are searched: those of the ladder's widest step."""
        days = self.sensors[sensor].window_days
        if days is None:
            return None
        return max([days, *(step.window_days for step in self.ladder(sensor) if step.window_days is not None)])

    def to_dict(self) -> dict[str, Any]:
        """Spell out in plain JSON types all that results hang on, every default included."""
        return {
            "policy": str(self.policy),
            "tile_size_m": self.tile_size_m,
            "phase_offset_days": {str(phase): days for phase, days in self.phase_offset_days.items()},
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


def load_recipe(path: str | Path | None) -> Recipe:
    """Read a recipe from a TOML file; None gives the default one.

    Raises:
        RecipeError: The file is missing or broken, or a key or value in it can't be used.
    """
    if path is None:
        return Recipe()
    try:
        raw = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as err:
        raise RecipeError(str(path), [Problem("", "", err.strerror or str(err))]) from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise RecipeError(str(path), [Problem("", "", f"not a TOML file: {err}")]) from err
    return parse_recipe(raw, source=str(path))


def recipe_from_dict(spelled: Mapping[str, Any], *, source: str) -> Recipe:
    """Read back what ``Recipe.to_dict`` spelled out, such as a run's ``run.json`` holds.

    Raises:
        RecipeError: It is none.
    """
    sensors = spelled.get("sensors", {})
    tables = {name: {k: v for k, v in asked.items() if v is not None} for name, asked in sensors.items()}
    for name, asked in tables.items():
        if name in DEFAULT_SENSORS and not DEFAULT_SENSORS[Sensor(name)].polarizations:
            asked.pop("polarizations", None)
    plain = {name: value for name, value in spelled.items() if value is not None}
    return parse_recipe({**plain, "sensors": list(sensors), **tables}, source=source)


def parse_recipe(raw: Mapping[str, Any], *, source: str) -> Recipe:
    """Make a recipe of parsed TOML; what it doesn't say keeps its default.

    Args:
        raw: Top-level keys ``policy``, ``sensors``, ``tile_size_m``, ``phase_offset_days``, ``relax``,
            ``min_coverage``, ``onset_guard_minutes``, ``warn_coverage_below``, ``searches`` and one table
            per sensor.
        source: Name of the file, for error messages.

    Raises:
        RecipeError: Names the field and what it may be.
    """
    reader = FieldReader(source)
    reader.check_keys("", raw, [f.name for f in fields(Recipe)] + list(Sensor))
    sensors = _parse_sensors(reader, raw)
    recipe = Recipe(
        policy=Policy(reader.choice("policy", raw.get("policy", "reference"), list(Policy))),
        sensors=sensors,
        phase_offset_days=_parse_offsets(reader, raw.get("phase_offset_days", {})),
        tile_size_m=reader.optional(raw, "tile_size_m", reader.positive),
        relax=_parse_ladder(reader, raw, sensors),
        min_coverage=reader.fraction("min_coverage", raw.get("min_coverage", 0.5)),
        onset_guard_minutes=reader.optional(raw, "onset_guard_minutes", reader.not_negative) or 0.0,
        warn_coverage_below=reader.fraction("warn_coverage_below", raw.get("warn_coverage_below", 0.9)),
        searches=_parse_prices(reader, raw.get("searches", {})),
    )
    reader.finish()
    return recipe


def _parse_sensors(reader: FieldReader, raw: Mapping[str, Any]) -> dict[Sensor, SensorRecipe]:
    names = reader.texts("sensors", raw.get("sensors", list(Sensor)))
    known = [name for name in names if reader.choice("sensors", name, list(Sensor)) == name]
    if not names:
        reader.fail("sensors", "must name at least one sensor")
    return {sensor: _parse_sensor(reader, sensor, raw.get(sensor, {})) for sensor in Sensor if sensor in known}


def _parse_sensor(reader: FieldReader, sensor: Sensor, raw: object) -> SensorRecipe:
    default = DEFAULT_SENSORS[sensor]
    checks: dict[str, Callable[[str, Any], Any]] = {
        "collection": reader.text,
        "assets": reader.texts,
        "window_days": reader.days,
        "polarizations": reader.texts,
        "max_cloud_percent": reader.percent,
    }
    applies = [name for name in checks if name in {"collection", "assets"} or getattr(default, name)]
    if not isinstance(raw, dict):
        reader.fail(str(sensor), "must be a table")
        return default
    reader.check_keys(f"{sensor}.", raw, applies)
    given = {k: checks[k](f"{sensor}.{k}", v) for k, v in raw.items() if k in applies}
    return replace(default, **given)


def _parse_offsets(reader: FieldReader, raw: object) -> dict[Phase, int]:
    offsets = dict(DEFAULT_PHASE_OFFSET_DAYS)
    if not isinstance(raw, dict):
        reader.fail("phase_offset_days", "must be a table of days by phase")
        return offsets
    reader.check_keys("phase_offset_days.", raw, list(Phase))
    for name, days in raw.items():
        if name in offsets:
            offsets[Phase(name)] = reader.integer(f"phase_offset_days.{name}", days)
    if list(offsets.values()) != sorted(offsets.values()):
        reader.fail("phase_offset_days", "must grow from pre_month to post_event")
    return offsets


def _parse_prices(reader: FieldReader, raw: object) -> SearchPrices:
    default = SearchPrices()
    if not isinstance(raw, dict):
        reader.fail("searches", "must be a table")
        return default
    reader.check_keys("searches.", raw, [f.name for f in fields(default)])
    given: dict[str, Any] = {}
    for name in ("items_per_day", "footprint_degrees"):
        given[name] = _parse_by_sensor(reader, f"searches.{name}", raw.get(name, {}), getattr(default, name))
    if "request_items" in raw:
        given["request_items"] = reader.not_negative("searches.request_items", raw["request_items"])
    if "page_items" in raw:
        given["page_items"] = reader.count("searches.page_items", raw["page_items"])
    return replace(default, **given)


def _parse_by_sensor(
    reader: FieldReader, name: str, raw: object, default: Mapping[Sensor, float]
) -> Mapping[Sensor, float]:
    if not isinstance(raw, dict):
        reader.fail(name, "must be a table of numbers by sensor")
        return default
    reader.check_keys(f"{name}.", raw, list(Sensor))
    return {s: reader.positive(f"{name}.{s}", raw[s]) if s in raw else default[s] for s in Sensor}


def _parse_ladder(
    reader: FieldReader, raw: Mapping[str, Any], sensors: Mapping[Sensor, SensorRecipe]
) -> tuple[Relaxation, ...]:
    """Read the steps; without any, take those of the default ladder that loosen something here."""
    now = {sensor: (asked.window_days, asked.max_cloud_percent) for sensor, asked in sensors.items()}
    if "relax" not in raw:
        return tuple(step for step in DEFAULT_LADDER if step.sensor in now and _loosens(step, *now[step.sensor]))
    if not isinstance(raw["relax"], list) or not all(isinstance(step, dict) for step in raw["relax"]):
        reader.fail("relax", "must be tables; write [[relax]], in double brackets")
        return ()
    steps = [_parse_step(reader, f"relax {number}", step) for number, step in enumerate(raw["relax"], 1)]
    for number, step in enumerate(steps, 1):
        if step is not None and step.sensor in now:
            days, percent = now[step.sensor]
            if not _loosens(step, days, percent):
                reader.fail(f"relax {number}", f"{step} loosens nothing: the rule is no stricter before it")
            now[step.sensor] = (step.window_days or days, step.max_cloud_percent or percent)
    return tuple(step for step in steps if step is not None)


def _loosens(step: Relaxation, window_days: int | None, max_cloud_percent: float | None) -> bool:
    wider = step.window_days is not None and window_days is not None and step.window_days > window_days
    limits = (step.max_cloud_percent, max_cloud_percent)
    cloudier = limits[0] is not None and limits[1] is not None and limits[0] > limits[1]
    return step.mixed_track or wider or cloudier


def _parse_step(reader: FieldReader, name: str, raw: Mapping[str, Any]) -> Relaxation | None:
    rules: dict[str, Callable[[str, Any], Any]] = {
        "window_days": reader.days,
        "max_cloud_percent": reader.percent,
        "mixed_track": reader.true,
    }
    reader.check_keys(f"{name}.", raw, ["sensor", *rules])
    sensor = reader.choice(f"{name}.sensor", raw.get("sensor"), [Sensor.S1RTC, Sensor.S2L2A])
    given: dict[str, Any] = {rule: check(f"{name}.{rule}", raw[rule]) for rule, check in rules.items() if rule in raw}
    fits = {"S1RTC": {"window_days", "mixed_track"}, "S2L2A": {"window_days", "max_cloud_percent"}}[sensor]
    if len(given) != 1 or not given.keys() <= fits:
        reader.fail(name, f"must loosen one rule of {sensor}: {' or '.join(sorted(fits))}")
        return None
    return Relaxation(sensor=Sensor(sensor), **given)
