"""What is looked for, and by which rules: sensors, collections, assets, windows, filters, policy."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floodscan.errors import Problem, RecipeError, suggest
from floodscan.events import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAST_SECOND = time(23, 59, 59)
_RECIPE_KEYS = ("policy", "sensors", "tile_size_m", "phase_offset_days", "searches")


class Sensor(StrEnum):
    """The kinds of scenes that fill a slot, by the names that manifests use."""

    S1RTC = "S1RTC"
    S2L2A = "S2L2A"
    DEM = "DEM"


class Policy(StrEnum):
    """The rules by which scenes are chosen."""

    REFERENCE = "reference"


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
        searches: What searches cost.
    """

    policy: Policy = Policy.REFERENCE
    sensors: Mapping[Sensor, SensorRecipe] = field(default_factory=lambda: dict(DEFAULT_SENSORS))
    phase_offset_days: Mapping[Phase, int] = field(default_factory=lambda: dict(DEFAULT_PHASE_OFFSET_DAYS))
    tile_size_m: float | None = None
    searches: SearchPrices = field(default_factory=SearchPrices)

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


def parse_recipe(raw: Mapping[str, Any], *, source: str) -> Recipe:
    """Make a recipe of parsed TOML; what it doesn't say keeps its default.

    Args:
        raw: Top-level keys ``policy``, ``sensors``, ``tile_size_m``, ``phase_offset_days``,
            ``searches`` and one table per sensor.
        source: Name of the file, for error messages.

    Raises:
        RecipeError: Names the field and what it may be.
    """
    reader = _Reader(source)
    reader.check_keys("", raw, [*_RECIPE_KEYS, *Sensor])
    recipe = Recipe(
        policy=Policy(reader.choice("policy", raw.get("policy", "reference"), list(Policy))),
        sensors=_parse_sensors(reader, raw),
        phase_offset_days=_parse_offsets(reader, raw.get("phase_offset_days", {})),
        tile_size_m=reader.optional(raw, "tile_size_m", reader.positive),
        searches=_parse_prices(reader, raw.get("searches", {})),
    )
    reader.finish()
    return recipe


def _parse_sensors(reader: _Reader, raw: Mapping[str, Any]) -> dict[Sensor, SensorRecipe]:
    names = reader.texts("sensors", raw.get("sensors", list(Sensor)))
    known = [name for name in names if reader.choice("sensors", name, list(Sensor)) == name]
    if not names:
        reader.fail("sensors", "must name at least one sensor")
    return {sensor: _parse_sensor(reader, sensor, raw.get(sensor, {})) for sensor in Sensor if sensor in known}


def _parse_sensor(reader: _Reader, sensor: Sensor, raw: object) -> SensorRecipe:
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


def _parse_offsets(reader: _Reader, raw: object) -> dict[Phase, int]:
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


def _parse_prices(reader: _Reader, raw: object) -> SearchPrices:
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
    reader: _Reader, name: str, raw: object, default: Mapping[Sensor, float]
) -> Mapping[Sensor, float]:
    if not isinstance(raw, dict):
        reader.fail(name, "must be a table of numbers by sensor")
        return default
    reader.check_keys(f"{name}.", raw, list(Sensor))
    return {s: reader.positive(f"{name}.{s}", raw[s]) if s in raw else default[s] for s in Sensor}


class _Reader:
    """Checks values of a recipe and collects what is wrong, so that all of it is told at once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._problems: list[Problem] = []

    def fail(self, name: str, text: str) -> None:
        self._problems.append(Problem("", name, text))

    def finish(self) -> None:
        if self._problems:
            raise RecipeError(self._source, self._problems)

    def check_keys(self, prefix: str, raw: Mapping[str, Any], known: Sequence[Any]) -> None:
        for key in raw:
            if key not in known:
                self.fail(prefix + key, f"unknown; {suggest(key, known)}")

    def choice(self, name: str, value: object, known: list[Any]) -> str:
        if value not in known:
            self.fail(name, f"'{value}' is unknown; {suggest(str(value), known)}")
            return str(known[0])
        return str(value)

    def optional(self, raw: Mapping[str, Any], name: str, check: Callable[[str, Any], float]) -> float | None:
        return check(name, raw[name]) if name in raw else None

    def text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            self.fail(name, "must be a text")
        return str(value)

    def texts(self, name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.fail(name, "must be a list of texts")
            return ()
        if len(set(value)) < len(value):
            self.fail(name, "names one twice")
        return tuple(value)

    def integer(self, name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(name, "must be a whole number")
            return 0
        return value

    def days(self, name: str, value: object) -> int:
        days = self.integer(name, value)
        if not 0 <= days <= 366:  # noqa: PLR2004 - more than a year is a slip of the pen
            self.fail(name, "must be between 0 and 366 days")
        return days

    def positive(self, name: str, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(name, "must be a number")
            return 1.0
        if not (value > 0 and isfinite(value)):
            self.fail(name, "must be above 0")
        return float(value)

    def not_negative(self, name: str, value: object) -> float:
        return 0.0 if value == 0 and not isinstance(value, bool) else self.positive(name, value)

    def count(self, name: str, value: object) -> int:
        number = self.integer(name, value)
        if number < 1:
            self.fail(name, "must be at least 1")
        return number

    def percent(self, name: str, value: object) -> float:
        percent = self.positive(name, value)
        if percent > 100:  # noqa: PLR2004 - percent
            self.fail(name, "must be at most 100 percent")
        return percent
