"""The acquisition manifest of an event: what was chosen, why, and what wasn't found.

Written, checked and read.

It is a superset of the published manifest, and never holds a signed URL: whoever reads it signs
what is to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pystac
import shapely
from jsonschema import Draft202012Validator, ValidationError
from shapely import wkb

from floodscan.errors import ManifestError
from floodscan.geometry.footprints import bbox_of
from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.selection import slot_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from floodscan.assessment.outcomes import EmptySlot
    from floodscan.assessment.quality import Assessment
    from floodscan.catalogs.base import Answer
    from floodscan.model import Event, Recipe, Search
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target

    Json = dict[str, Any]

SCHEMA_VERSION = "1.0"

_RADAR_KEYS = {"orbit_state": "orbit_state", "relative_orbit": "relative_orbit"}
_SENSOR_KEYS: Mapping[str, Mapping[str, str]] = {
    Sensor.S1RTC: _RADAR_KEYS,
    Sensor.S2L2A: {"eo:cloud_cover": "cloud_cover", "mgrs_tile": "mgrs_tile", **_RADAR_KEYS},
    Sensor.DEM: {},
}
_STAC_PROPERTIES = {
    "eo:cloud_cover": "cloud_cover",
    "sat:orbit_state": "orbit_state",
    "sat:relative_orbit": "relative_orbit",
    "platform": "platform",
    "s2:mgrs_tile": "mgrs_tile",
    "s2:processing_baseline": "processing_baseline",
    "sar:polarizations": "polarizations",
}
_MARGIN_KEYS: Mapping[str, Sequence[str]] = {
    Sensor.S1RTC: ("overlap_frac", "days_from_phase", "datetime", "relative_orbit", "orbit_state"),
    Sensor.S2L2A: ("overlap_frac", "cloud_cover", "days_from_phase", "datetime"),
}


def build_manifest(  # noqa: PLR0913 - one per part of it
    plan: EventPlan,
    candidates: pa.Table,
    *,
    recipe: Recipe,
    catalog_id: str,
    answers: Mapping[Search, Answer],
    empty_slots: Iterable[EmptySlot],
    assessment: Assessment,
) -> Json:
    """Say in JSON types what was chosen for an event.

    Args:
        plan: The event and its slots.
        candidates: Ranked CANDIDATES of this event.
        recipe: The rules.
        catalog_id: STAC id of the catalog.
        answers: What came back for each search of the plan.
        empty_slots: Slots that stayed empty, and why.
        assessment: What there is to say of the choices.

    Returns:
        A manifest that fits the JSON schema ``manifest.schema.json``.
    """
    rows = _top_rows(candidates)
    empty = list(empty_slots)
    return {
        "schema_version": SCHEMA_VERSION,
        "event": _event_facts(plan.event),
        "phase_order": [str(phase) for phase in Phase],
        "collections": {str(s): asked.collection for s, asked in recipe.sensors.items()},
        "assets": {str(s): list(asked.assets) for s, asked in recipe.sensors.items()},
        **_choices(rows.get(AOI, ()), recipe, assessment),
        "tiles": [
            _describe_tile(tile, rows.get(tile.target_id, ()), recipe, assessment)
            for tile in plan.targets[1:]
        ],
        "failures": [empty_slot.to_dict() for empty_slot in empty],
        "coverage": _describe_coverage(assessment, sum(each.target_id == AOI for each in empty)),
        "warnings": [finding.to_dict() for finding in assessment.warnings],
        "items": _items(chain.from_iterable(rows.values())),
        "provenance": _describe_origin(plan, recipe, catalog_id, answers),
    }


def _describe_origin(
    plan: EventPlan, recipe: Recipe, catalog_id: str, answers: Mapping[Search, Answer]
) -> Json:
    return {
        "floodscan": _version(),
        "catalog": catalog_id,
        "recipe": recipe.to_dict(),
        "searches": [_describe_search(search, answers[search]) for search in plan.searches],
    }


@lru_cache(maxsize=1)
def _version() -> str:
    """Tell the package's version; looking it up takes as long as all else in a manifest."""
    return version("floodscan")


def _event_facts(event: Event) -> Json:
    return {
        "name": event.event_id,
        "bbox": list(event.bbox),
        "target_crs": event.target_crs,
        "phase_dates": {str(phase): day.isoformat() for phase, day in event.phase_dates.items()},
        "onset": _text(event.onset),
        "aoi": orjson.loads(shapely.to_geojson(event.aoi)),
    }


def _describe_tile(
    tile: Target, rows: Sequence[Json], recipe: Recipe, assessment: Assessment
) -> Json:
    return {
        "target_id": tile.target_id,
        "bbox": list(tile.bbox),
        **_choices(rows, recipe, assessment),
    }


def _describe_coverage(assessment: Assessment, empty_slots: int) -> Json:
    forecast = assessment.forecast
    return {
        "joint_frac": dict(assessment.joint_frac),
        "empty_slots": empty_slots,
        "valid_pixel_frac": forecast and forecast.valid_pixel_frac,
        "chips": forecast and forecast.chips,
        "chips_total": forecast and forecast.chips_total,
    }


def _top_rows(candidates: pa.Table) -> dict[str, list[Json]]:
    """Take by target what a manifest tells of: the selected, and the first that is ranked behind them in each slot."""
    selected = candidates["selected"].to_numpy(zero_copy_only=False)
    ranked = candidates["rank"].is_valid().to_numpy(zero_copy_only=False)
    slots = slot_numbers(candidates)
    behind = np.flatnonzero(~selected & ranked)
    runners_up = behind[np.unique(slots[behind], return_index=True)[1]]
    by_target: dict[str, list[Json]] = {}
    for row in candidates.take(np.union1d(np.flatnonzero(selected), runners_up)).to_pylist():
        by_target.setdefault(row["target_id"], []).append(row)
    return by_target


def _choices(rows: Sequence[Json], recipe: Recipe, assessment: Assessment) -> Json:
    imagery = [sensor for sensor in recipe.sensors if sensor is not Sensor.DEM]
    selected: Json = {str(phase): dict.fromkeys(map(str, imagery)) for phase in Phase}
    runners_up = {(row["phase"], row["sensor"]): row for row in rows if not row["selected"]}
    members: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        if row["selected"] and row["phase"] is not None:
            members.setdefault((row["phase"], row["sensor"]), []).append(row)
    for slot, mosaic in members.items():
        selected[slot[0]][slot[1]] = _choice(mosaic, runners_up.get(slot), assessment)
    dem = [_measures(row) for row in rows if row["selected"] and row["phase"] is None]
    return {"selected": selected, "dem_items": dem}


def _measures(row: Json) -> Json:
    return {
        "collection": row["collection"],
        "id": row["item_id"],
        "aoi_overlap_frac": row["overlap_frac"],
    }


def _choice(members: Sequence[Json], runner_up: Json | None, assessment: Assessment) -> Json:
    """Tell of a slot's scenes; what stands for one scene is that of the first, which adds most."""
    row = members[0]
    mosaic = assessment.mosaics[row["target_id"], row["phase"], row["sensor"]]
    grade, reason = assessment.grades[row["target_id"]] or (None, None)
    geometry = {"grade": grade, "grade_reason": reason} if row["sensor"] == Sensor.S1RTC else {}
    return {
        **_measures(row),
        "datetime": _text(row["datetime"]),
        "days_from_phase": row["days_from_phase"],
        "day_offset": row["day_offset"],
        **{key: row[column] for key, column in _SENSOR_KEYS[row["sensor"]].items()},
        "platform": row["platform"],
        "coverage_frac": mosaic.coverage_frac,
        "items": [
            {**_measures(member), "share": mosaic.shares[member["item_id"]]} for member in members
        ],
        "relaxed": sorted({step for member in members for step in member["relaxed"] or ()}),
        **geometry,
        "runner_up": runner_up and {**_measures(runner_up), "margin": margin(row, runner_up)},
    }


def margin(row: Json, runner_up: Json) -> Json:
    """Tell by which measure a candidate is ahead of the next one, and both values of it.

    Args:
        row: A row of CANDIDATES.
        runner_up: The row that is ranked behind it in the same slot.

    Returns:
        ``by`` (a column; ``item_id`` where all measures tie), ``selected`` and ``runner_up``. Where
        a policy chose all slots together, no measure of one slot decides: ``by`` is then
        ``all_slots_together``.
    """
    if row["relaxed"] is not None:
        return {"by": "all_slots_together", "selected": None, "runner_up": None}
    by = next((key for key in _MARGIN_KEYS[row["sensor"]] if row[key] != runner_up[key]), "item_id")
    values = {"selected": row[by], "runner_up": runner_up[by]}
    return {"by": by, **{k: _text(v) if by == "datetime" else v for k, v in values.items()}}


def _items(rows: Iterable[Json]) -> list[Json]:
    """List the chosen scenes as STAC items, each once, in the order in which they were chosen."""
    unique = {(row["collection"], row["item_id"]): row for row in rows if row["selected"]}
    return [_item(row) for row in unique.values()]


def _item(row: Json) -> Json:
    footprint = wkb.loads(row["geometry"])
    properties = {name: row[column] for name, column in _STAC_PROPERTIES.items()}
    known = {name: value for name, value in properties.items() if value is not None}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": row["item_id"],
        "collection": row["collection"],
        "geometry": orjson.loads(shapely.to_geojson(footprint)),
        "bbox": list(bbox_of(footprint)),
        "properties": {"datetime": _text(row["datetime"]), **known},
        "assets": {key: {"href": href} for key, href in row["assets"]},
        "links": [],
    }


def _describe_search(search: Search, answer: Answer) -> Json:
    return {
        "collection": search.collection,
        "bbox": list(search.bbox),
        "datetime": search.window and str(search.window),
        "complete": answer.complete,
    }


def _text(time: datetime | None) -> str | None:
    """Write a time as catalogs do: in UTC with ``Z``, with as many decimals (0, 3 or 6) as it needs."""
    if time is None:
        return None
    unit = (
        "microseconds"
        if time.microsecond % 1000
        else "milliseconds"
        if time.microsecond
        else "seconds"
    )
    return time.isoformat(timespec=unit).replace("+00:00", "Z")


def dump_manifest(manifest: Json) -> bytes:
    """Write a manifest's bytes: the same for the same manifest."""
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read and checked.

    Attributes:
        content: All of it, in JSON types.
    """

    content: Json

    @property
    def event_id(self) -> str:
        """Which event it is of."""
        return str(self.content["event"]["name"])

    @property
    def failures(self) -> list[Json]:
        """Slots that stayed empty, each with target, phase, sensor, reason and hint."""
        return list(self.content["failures"])

    def scene_id(self, phase: str, sensor: str) -> str | None:
        """Tell which scene fills a slot of the AOI; None where none does.

        Raises:
            KeyError: There is no such phase or sensor.
        """
        choice = self.content["selected"][phase][sensor]
        return choice and str(choice["id"])

    def items(self, *, sign: bool = False) -> pystac.ItemCollection:
        """Give the chosen scenes, each once, ready for ``odc.stac.load``.

        Args:
            sign: Sign the assets' hrefs with ``planetary_computer``. They are valid for less than
                an hour, and credentials: don't write them to a file.
        """
        collection = pystac.ItemCollection(
            [pystac.Item.from_dict(item) for item in self.content["items"]], clone_items=False
        )
        if not sign:
            return collection
        import planetary_computer  # noqa: PLC0415 - takes a second, and few need it

        signed: pystac.ItemCollection = planetary_computer.sign(collection)
        return signed


def parse_manifest(content: bytes, *, source: str) -> Manifest:
    """Check the bytes of a manifest against its JSON schema.

    Args:
        content: JSON.
        source: Where it is from, for messages.

    Raises:
        ManifestError: It is not a manifest.
    """
    try:
        read = orjson.loads(content)
        _validator().validate(read)
    except orjson.JSONDecodeError as err:
        raise ManifestError(source, f"is not JSON: {err}") from err
    except ValidationError as err:
        raise ManifestError(source, f"is not a manifest: {err.json_path}: {err.message}") from err
    return Manifest(read)


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    schema = orjson.loads((files("floodscan.data") / "manifest.schema.json").read_bytes())
    return Draft202012Validator(schema)
