"""Readers of recipes: TOML files, and the recipe in the description of a run."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floodscan.errors import InputProblem, RecipeError
from floodscan.inputs.text_files import read_text
from floodscan.inputs.validation import FieldReader
from floodscan.model import (
    DEFAULT_LADDER,
    DEFAULT_PHASE_OFFSET_DAYS,
    DEFAULT_SENSORS,
    CloudScope,
    Phase,
    Policy,
    Recipe,
    Relaxation,
    SearchPrices,
    Sensor,
    SensorRecipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Json = dict[str, Any]


def load_recipe(path: str | Path | None) -> Recipe:
    """Read a recipe from a TOML file; None returns the default recipe.

    Raises:
        RecipeError: The file can't be read, or a key or value in it is invalid.
    """
    if path is None:
        return Recipe()
    try:
        raw = tomllib.loads(read_text(Path(path)))
    except OSError as err:
        raise RecipeError(str(path), [InputProblem("", "", err.strerror or str(err))]) from err
    except (ValueError, RecursionError) as err:
        raise RecipeError(str(path), [InputProblem("", "", f"not a TOML file: {err}")]) from err
    return parse_recipe(raw, source=str(path))


def recipe_from_dict(spelled: Mapping[str, Any], *, source: str) -> Recipe:
    """Read what ``Recipe.to_dict`` returned, such as the recipe in ``run.json``.

    Raises:
        RecipeError: It is not a recipe.
    """
    sensors = spelled.get("sensors", {})
    tables = {
        # rules that a sensor does not have are empty; an empty rule of others has no limit
        name: {k: v for k, v in asked.items() if v or getattr(DEFAULT_SENSORS.get(name), k, v)}
        for name, asked in sensors.items()
    }
    plain = {name: value for name, value in spelled.items() if value is not None}
    return parse_recipe({**plain, "sensors": list(sensors), **tables}, source=source)


def parse_recipe(raw: Mapping[str, Any], *, source: str) -> Recipe:
    """Make a recipe of parsed TOML. A key that is missing keeps its default.

    Args:
        raw: Top-level keys ``policy``, ``sensors``, ``tile_size_m``, ``phase_offset_days``,
            ``relax``, ``mosaics``, ``min_coverage``, ``event_first``, ``assumed_onset_hour``,
            ``onset_guard_minutes``, ``warn_coverage_below``, ``searches``, ``sources`` and one
            table per sensor.
        source: Name of the file, for error messages.

    Raises:
        RecipeError: Names each invalid field, and its valid values.
    """
    reader = FieldReader(source)
    reader.check_keys("", raw, [f.name for f in fields(Recipe)] + list(Sensor))
    sensors = _parse_sensors(reader, raw)
    _check_acquired_in(reader, sensors)
    min_coverage = reader.fraction("min_coverage", raw.get("min_coverage", 0.5))
    recipe = Recipe(
        policy=Policy(reader.choice("policy", raw.get("policy", "reference"), list(Policy))),
        sensors=sensors,
        phase_offset_days=_parse_offsets(reader, raw.get("phase_offset_days", {})),
        tile_size_m=reader.optional(raw, "tile_size_m", reader.positive),
        relax=_parse_ladder(reader, raw, sensors, min_coverage),
        mosaics=reader.boolean("mosaics", raw.get("mosaics", True)),
        min_coverage=min_coverage,
        event_first=reader.boolean("event_first", raw.get("event_first", True)),
        assumed_onset_hour=reader.hour("assumed_onset_hour", raw.get("assumed_onset_hour", 0)),
        onset_guard_minutes=reader.optional(raw, "onset_guard_minutes", reader.not_negative) or 0.0,
        warn_coverage_below=reader.fraction(
            "warn_coverage_below", raw.get("warn_coverage_below", 0.9)
        ),
        searches=_parse_prices(reader, raw.get("searches", {})),
        sources=_parse_sources(reader, raw.get("sources", {}), Recipe(sensors=sensors)),
    )
    reader.finish()
    return recipe


def _parse_sensors(reader: FieldReader, raw: Mapping[str, Any]) -> dict[Sensor, SensorRecipe]:
    names = reader.texts("sensors", raw.get("sensors", list(Sensor)))
    known = [name for name in names if reader.choice("sensors", name, list(Sensor)) == name]
    if not names:
        reader.fail("sensors", "must name at least one sensor")
    return {
        sensor: _parse_sensor(reader, sensor, raw.get(sensor, {}))
        for sensor in Sensor
        if sensor in known
    }


def _parse_sensor(reader: FieldReader, sensor: Sensor, raw: object) -> SensorRecipe:
    default = DEFAULT_SENSORS[sensor]
    checks: dict[str, Callable[[str, Any], Any]] = {
        "collection": reader.text,
        "assets": reader.texts,
        "window_days": reader.days,
        "polarizations": reader.texts,
        "max_cloud_percent": reader.percent,
        "cloud": lambda field, value: CloudScope(reader.choice(field, value, list(CloudScope))),
        "acquired_in": reader.text,
    }
    always = {"collection", "assets", *(["acquired_in"] if sensor is Sensor.S1RTC else [])}
    applies = [name for name in checks if name in always or getattr(default, name)]
    if not isinstance(raw, dict):
        reader.fail(str(sensor), "must be a table")
        return default
    reader.check_keys(f"{sensor}.", raw, applies)
    given: Json = {
        # TOML has no null: only a recipe that was written by ``to_dict`` lifts a limit by it
        k: None if v is None else checks[k](f"{sensor}.{k}", v)
        for k, v in raw.items()
        if k in applies
    }
    return replace(default, **given)


def _check_acquired_in(reader: FieldReader, sensors: Mapping[Sensor, SensorRecipe]) -> None:
    taken = [asked.collection for asked in sensors.values()]
    for sensor, asked in sensors.items():
        if asked.acquired_in in taken:
            reader.fail(f"{sensor}.acquired_in", "must not be the collection of a sensor")


def _parse_offsets(reader: FieldReader, raw: object) -> dict[Phase, int]:
    offsets = dict(DEFAULT_PHASE_OFFSET_DAYS)
    if not isinstance(raw, dict):
        reader.fail("phase_offset_days", "must be a table of days by phase")
        return offsets
    reader.check_keys("phase_offset_days.", raw, list(Phase))
    for name, days in raw.items():
        if name in offsets:
            offsets[Phase(name)] = reader.offset(f"phase_offset_days.{name}", days)
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
        given[name] = _parse_by_sensor(
            reader, f"searches.{name}", raw.get(name, {}), getattr(default, name)
        )
    if "request_items" in raw:
        given["request_items"] = reader.not_negative("searches.request_items", raw["request_items"])
    if "page_items" in raw:
        given["page_items"] = reader.count("searches.page_items", raw["page_items"])
    return replace(default, **given)


def _parse_sources(reader: FieldReader, raw: object, recipe: Recipe) -> Mapping[str, str]:
    if not isinstance(raw, dict):
        reader.fail("sources", "must be a table of catalogs by collection")
        return {}
    reader.check_keys("sources.", raw, recipe.collections)
    return {name: reader.text(f"sources.{name}", source) for name, source in raw.items()}


def _parse_by_sensor(
    reader: FieldReader, name: str, raw: object, default: Mapping[Sensor, float]
) -> Mapping[Sensor, float]:
    if not isinstance(raw, dict):
        reader.fail(name, "must be a table of numbers by sensor")
        return default
    reader.check_keys(f"{name}.", raw, list(Sensor))
    return {s: reader.positive(f"{name}.{s}", raw[s]) if s in raw else default[s] for s in Sensor}


def _parse_ladder(
    reader: FieldReader,
    raw: Mapping[str, Any],
    sensors: Mapping[Sensor, SensorRecipe],
    min_coverage: float,
) -> tuple[Relaxation, ...]:
    """Read the ladder steps."""
    if "relax" not in raw:
        return DEFAULT_LADDER
    limits_of = Recipe(sensors=sensors, min_coverage=min_coverage).limits_of
    now: dict[Sensor, Json] = {sensor: limits_of(sensor) for sensor in sensors}
    if not isinstance(raw["relax"], list) or not all(
        isinstance(step, dict) for step in raw["relax"]
    ):
        reader.fail("relax", "must be a list of tables; write [[relax]], in double brackets")
        return ()
    steps = [
        _parse_step(reader, f"relax {number}", step) for number, step in enumerate(raw["relax"], 1)
    ]
    for number, step in enumerate(steps, 1):
        if step is not None and step.sensor in now:
            if not step.loosens(now[step.sensor]):
                reader.fail(
                    f"relax {number}", f"{step} loosens nothing: the rule is not stricter before"
                )
            now[step.sensor] |= step.to_dict()
    return tuple(step for step in steps if step is not None)


def _parse_step(reader: FieldReader, name: str, raw: Mapping[str, Any]) -> Relaxation | None:
    rules: dict[str, Callable[[str, Any], Any]] = {
        "window_days": reader.days,
        "max_cloud_percent": reader.percent,
        "mixed_track": reader.true,
        "min_coverage": reader.fraction,
    }
    reader.check_keys(f"{name}.", raw, ["sensor", *rules])
    sensor = reader.choice(f"{name}.sensor", raw.get("sensor"), [Sensor.S1RTC, Sensor.S2L2A])
    given: dict[str, Any] = {
        rule: check(f"{name}.{rule}", raw[rule]) for rule, check in rules.items() if rule in raw
    }
    fits = {
        "S1RTC": {"window_days", "mixed_track", "min_coverage"},
        "S2L2A": {"window_days", "max_cloud_percent", "min_coverage"},
    }[sensor]
    if len(given) != 1 or not given.keys() <= fits:
        reader.fail(name, f"must loosen one rule of {sensor}: {' or '.join(sorted(fits))}")
        return None
    return Relaxation(sensor=Sensor(sensor), **given)
