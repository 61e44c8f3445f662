"""The acquisition manifest of an event: chosen scenes, reasons, empty slots, provenance.

It is a superset of the published manifest. It never has a signed URL in it, because signatures are
credentials: readers sign the URLs when they read the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
import pystac
import shapely
from jsonschema import Draft202012Validator, ValidationError

from floodscan.assessment.items import format_time, list_items
from floodscan.assessment.manifest_html import show_manifest
from floodscan.assessment.margins import margin
from floodscan.catalogs.base import MissingKind
from floodscan.errors import ManifestError
from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.schemas import CLEARNESS, SLOT
from floodscan.selection.clearness import counts_area

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.assessment.outcomes import EmptySlot
    from floodscan.assessment.quality import Assessment
    from floodscan.assessment.shown_rows import RowsByTarget
    from floodscan.catalogs.base import Answer
    from floodscan.model import Decision, Event, Recipe, Search
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target
    from floodscan.selection.alternatives import Alternatives

    Json = dict[str, Any]

SCHEMA_VERSION = "1.0"

_RADAR_KEYS = {"orbit_state": "orbit_state", "relative_orbit": "relative_orbit"}
_SENSOR_KEYS: Mapping[str, Mapping[str, str]] = {
    Sensor.S1RTC: _RADAR_KEYS,
    Sensor.S2L2A: {"eo:cloud_cover": "cloud_cover", "mgrs_tile": "mgrs_tile", **_RADAR_KEYS},
    Sensor.DEM: {},
}
_GROUND = [name for name in CLEARNESS.names if name != "clear_points"]
MEASURES = [
    *SLOT,
    *("collection", "item_id", "datetime", "days_from_phase", "day_offset"),
    *("hours_from_onset", "hours_from_peak", "overlap_frac", *CLEARNESS.names),
    *("cloud_cover", "relative_orbit", "orbit_state", "platform", "mgrs_tile"),
    *("selected", "relaxed"),
]
"""Columns of CANDIDATES that say what a candidate is, and by what it is chosen."""


class ManifestWriter:
    """Makes the manifests of a run; what all of them have in common is made once.

    Args:
        recipe: The rules.
        catalog_id: STAC id of the catalog.
    """

    def __init__(self, recipe: Recipe, catalog_id: str) -> None:
        self._recipe = recipe
        self._request = _describe_request(recipe)
        self._origin = {
            "floodscan": _version(),
            "catalog": catalog_id,
            "recipe": recipe.to_dict(),
        }

    def build(
        self,
        plan: EventPlan,
        rows: RowsByTarget,
        *,
        answers: Mapping[Search, Answer],
        empty_slots: Sequence[EmptySlot],
        assessment: Assessment,
        alternatives: Alternatives,
    ) -> Json:
        """Make the manifest of an event in JSON types.

        Args:
            plan: The event and its slots.
            rows: The candidates to show, by target.
            answers: The answer to each search of the plan.
            empty_slots: The slots without a scene, with reasons.
            assessment: Coverage and warnings of the choices.
            alternatives: The alternatives of each sensor to the pass of ``event``.

        Returns:
            A manifest that fits the JSON schema ``manifest.schema.json``.
        """
        recipe = self._recipe
        searches = [_describe_search(search, answers[search]) for search in plan.searches]
        return {
            "schema_version": SCHEMA_VERSION,
            "event": _event_facts(plan.event),
            **self._request,
            **_describe_choices(rows.get(AOI, ()), recipe, assessment),
            **_describe_person(plan.decision, alternatives),
            "tiles": [_describe_tile(tile, rows, recipe, assessment) for tile in plan.targets[1:]],
            "failures": [slot.to_dict() for slot in empty_slots],
            "coverage": _describe_coverage(assessment, empty_slots),
            "warnings": [warning.to_dict() for warning in assessment.warnings],
            "items": list_items(chain.from_iterable(rows.values())),
            "provenance": {**self._origin, "searches": searches},
        }


def _describe_person(decision: Decision | None, alternatives: Alternatives) -> Json:
    """Describe between what a person can decide, and the decision."""
    return {
        "alternatives": {
            str(sensor): [{**each, "datetime": format_time(each["datetime"])} for each in found]
            for sensor, found in alternatives.items()
        },
        "decision": decision and {**decision.to_dict(), "kept": decision.kept},
    }


def _describe_request(recipe: Recipe) -> Json:
    return {
        "phase_order": [str(phase) for phase in Phase],
        "collections": {str(s): asked.collection for s, asked in recipe.sensors.items()},
        "assets": {str(s): list(asked.assets) for s, asked in recipe.sensors.items()},
    }


@lru_cache(maxsize=1)
def _version() -> str:
    """Return the version of the package; looking it up takes as long as the rest of a manifest."""
    return version("floodscan")


def _event_facts(event: Event) -> Json:
    return {
        "name": event.event_id,
        "bbox": list(event.bbox),
        "target_crs": event.target_crs,
        "phase_dates": {str(phase): day.isoformat() for phase, day in event.phase_dates.items()},
        "onset": format_time(event.onset),
        "onset_assumed": event.onset_assumed,
        "assumed_onset_hour": event.assumed_onset_hour,
        "peak": format_time(event.peak),
        "end": format_time(event.end),
        "date_kind": str(event.date_kind),
        "aoi": orjson.loads(shapely.to_geojson(event.aoi)),
    }


def _describe_tile(
    tile: Target, rows: Mapping[str, Sequence[Json]], recipe: Recipe, assessment: Assessment
) -> Json:
    return {
        "target_id": tile.target_id,
        "bbox": list(tile.bbox),
        **_describe_choices(rows.get(tile.target_id, ()), recipe, assessment),
    }


def _describe_coverage(assessment: Assessment, empty_slots: Sequence[EmptySlot]) -> Json:
    forecast = assessment.forecast
    return {
        "joint_frac": {
            target_id: assessment.complete_joint_frac(target_id)
            for target_id in assessment.joint_frac
        },
        "filled_frac": dict(assessment.joint_frac),
        "joint_clear_frac": {
            target_id: assessment.joint_clear_frac(target_id) for target_id in assessment.joint_frac
        },
        "empty_slots": sum(slot.target_id == AOI for slot in empty_slots),
        "chips_total": forecast.chips_total,
        "forecast": {name: found.to_dict() for name, found in forecast.sets.items()},
    }


def _describe_choices(rows: Sequence[Json], recipe: Recipe, assessment: Assessment) -> Json:
    imagery = [sensor for sensor in recipe.sensors if sensor is not Sensor.DEM]
    selected: Json = {str(phase): dict.fromkeys(map(str, imagery)) for phase in Phase}
    runners_up = {(row["phase"], row["sensor"]): row for row in rows if not row["selected"]}
    members: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        if row["selected"] and row["phase"] is not None:
            members.setdefault((row["phase"], row["sensor"]), []).append(row)
    for slot, mosaic in members.items():
        over_area = counts_area(recipe.sensors[Sensor(slot[1])])
        selected[slot[0]][slot[1]] = _describe_choice(
            mosaic, runners_up.get(slot), assessment, over_area=over_area
        )
    dem = [_measures(row) for row in rows if row["selected"] and row["phase"] is None]
    return {"selected": selected, "dem_items": dem}


def _measures(row: Json) -> Json:
    return {
        "collection": row["collection"],
        "id": row["item_id"],
        "aoi_overlap_frac": row["overlap_frac"],
    }


def _describe_choice(
    members: Sequence[Json], runner_up: Json | None, assessment: Assessment, *, over_area: bool
) -> Json:
    """Describe the scenes of a slot.

    The keys of the published manifest describe one scene: the first one, which adds most.
    """
    row = members[0]
    lead = margin(row, runner_up, over_area=over_area) if runner_up else None
    mosaic = assessment.mosaics[row["target_id"], row["phase"], row["sensor"]]
    grade, reason = assessment.describe_grade(row["target_id"])
    geometry = {"grade": grade, "grade_reason": reason} if row["sensor"] == Sensor.S1RTC else {}
    return {
        **_measures(row),
        "datetime": format_time(row["datetime"]),
        "days_from_phase": row["days_from_phase"],
        "day_offset": row["day_offset"],
        "hours_from_onset": row["hours_from_onset"],
        "hours_from_peak": row["hours_from_peak"],
        **{key: row[column] for key, column in _SENSOR_KEYS[row["sensor"]].items()},
        "platform": row["platform"],
        "coverage_frac": mosaic.coverage_frac,
        **_describe_clear_frac(row, assessment, over_area=over_area),
        "items": [
            {
                **_measures(member),
                "share": mosaic.shares[member["item_id"]],
                **({"ground": {name: member[name] for name in _GROUND}} if over_area else {}),
            }
            for member in members
        ],
        "relaxed": sorted({step for member in members for step in member["relaxed"] or ()}),
        **geometry,
        "runner_up": runner_up and {**_measures(runner_up), "margin": lead},
    }


def _describe_clear_frac(row: Json, assessment: Assessment, *, over_area: bool) -> Json:
    """Return the share that the scenes of a slot show clear, where clear ground counts."""
    if not over_area:
        return {}
    return {"clear_frac": assessment.clear[row["target_id"]].frac((row["phase"], row["sensor"]))}


def _describe_search(search: Search, answer: Answer) -> Json:
    return {
        "collection": search.collection,
        "bbox": list(search.bbox),
        "datetime": search.window and str(search.window),
        "complete": answer.complete,
        **_describe_missing(answer),
    }


def _describe_missing(answer: Answer) -> Json:
    """Describe what an archive lacks, for a reselection; nothing for a complete answer."""
    kind = answer.missing_kind
    if kind is None or kind is MissingKind.UNANSWERED:
        return {}
    return {"missing": str(kind), "reason": answer.problem}


def dump_manifest(manifest: Json) -> bytes:
    """Return the bytes of a manifest; equal manifests have equal bytes."""
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that fits its JSON schema.

    Attributes:
        content: The whole manifest in JSON types.
    """

    content: Json

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return show_manifest(self.content)

    @property
    def event_id(self) -> str:
        """Id of its event."""
        return str(self.content["event"]["name"])

    @property
    def failures(self) -> list[Json]:
        """Slots that stayed empty, each with target, phase, sensor, code, reason and hint."""
        return list(self.content["failures"])

    def scene_id(self, phase: str, sensor: str) -> str | None:
        """Return the id of the scene that fills a slot of the AOI; None if the slot is empty.

        Raises:
            KeyError: There is no such phase or sensor.
        """
        choice = self.content["selected"][phase][sensor]
        return choice and str(choice["id"])

    def items(
        self, sensor: str | None = None, phase: str | None = None, *, sign: bool = False
    ) -> pystac.ItemCollection:
        """Return chosen scenes as STAC items, each once.

        ``odc.stac.load`` accepts the items of one sensor, because all items of a call must have the
        same bands.

        Args:
            sensor: Only the scenes of this sensor.
            phase: Only the scenes of this phase of the AOI, those of a mosaic in its order; none
                for an empty slot. The DEM has no phase.
            sign: Sign the hrefs of the assets with ``planetary_computer``. Signed hrefs are valid
                for less than an hour. They are credentials: do not write them to a file.

        Raises:
            KeyError: There is no such phase or sensor.
        """
        collection = pystac.ItemCollection(
            map(pystac.Item.from_dict, self._find_items(sensor, phase)), clone_items=False
        )
        if not sign:
            return collection
        import planetary_computer  # noqa: PLC0415 - takes a second, and few need it

        signed: pystac.ItemCollection = planetary_computer.sign(collection)
        return signed

    def _find_items(self, sensor: str | None, phase: str | None) -> list[Json]:
        items: list[Json] = self.content["items"]
        if phase is None:
            collections = self.content["collections"]
            names = {*collections.values()} if sensor is None else {collections[sensor]}
            return [item for item in items if item["collection"] in names]
        slots = self.content["selected"][phase]
        choices = slots.values() if sensor is None else [slots[sensor]]
        by_id = {(item["collection"], item["id"]): item for item in items}
        return [
            by_id[scene["collection"], scene["id"]]
            for choice in choices
            if choice
            for scene in choice["items"]
        ]


def parse_manifest(content: bytes, *, source: str) -> Manifest:
    """Decode a manifest, and check it against its JSON schema.

    Args:
        content: The bytes of its file.
        source: Its origin, for messages.

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
