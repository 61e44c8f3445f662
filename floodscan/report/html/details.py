"""What the report shows of single events: one block per batch, unpacked when a person opens one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from floodscan.report.html.candidate_columns import encode_candidates
from floodscan.report.html.shapes import encode_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from floodscan.report.html.candidate_columns import CandidateColumns, Slot
    from floodscan.report.html.shown_manifest import ShownManifest

    Json = dict[str, Any]

_SHARE_DIGITS = 4
_LEAST_MARGIN, _MOST_MARGIN = 0.5, 3.0  # degrees


@dataclass(frozen=True, slots=True)
class Block:
    """The details of a batch.

    Attributes:
        content: The details in JSON types.
        clouds: Percent of cloud of each chosen scene, by item id.
    """

    content: Json
    clouds: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class BlockMaker:
    """Makes blocks of details.

    Attributes:
        slots: Phase and sensor of each slot.
        all_ids: Whether all candidates get their ids.
    """

    slots: Sequence[Slot]
    all_ids: bool

    def make(self, manifests: Mapping[str, ShownManifest], candidates: pa.Table) -> Block:
        """Describe the events of a batch.

        Args:
            manifests: Manifest of each event, by event id.
            candidates: Columns ``READ_COLUMNS`` of the batch.

        Returns:
            The block; its content has ``facts``, one per event, and the columns ``scenes`` and
            ``rows`` of all events.
        """
        columns = encode_candidates(candidates, [*manifests], self.slots, all_ids=self.all_ids)
        facts = [
            {**_describe_event(manifest), "choices": self._list_choices(manifest, columns)}
            for manifest in manifests.values()
        ]
        _add_shapes(facts, manifests, columns)
        content = {"facts": facts, "scenes": columns.scenes, "rows": columns.rows}
        return Block(content, columns.clouds)

    def _list_choices(self, manifest: ShownManifest, columns: CandidateColumns) -> list[list[Any]]:
        """List the choices of the area: slot, coverage, runner-up, margin, clear ground."""
        choices = []
        for number, (phase, sensor) in enumerate(self.slots):
            choice = manifest.choice(phase, sensor)
            if choice is None:
                continue
            second = choice["runner_up"]
            margin = second and second["margin"]
            choices.append(
                [
                    number,
                    round(choice["coverage_frac"], _SHARE_DIGITS),
                    second and columns.numbers.get((manifest.event_id, second["id"])),
                    margin and [margin["by"], margin["selected"], margin["runner_up"]],
                    choice.get("clear_frac"),
                ]
            )
        return choices


def _describe_event(manifest: ShownManifest) -> Json:
    event = manifest.event
    return {
        "id": event["name"],
        "bbox": event["bbox"],
        "crs": event["target_crs"],
        "onset": minutes(event["onset"]),
        "assumed": event["onset_assumed"],
        "peak": minutes(event["peak"]),
        "end": minutes(event["end"]),
        "days": [event["phase_dates"][phase] for phase in manifest.phase_order],
        "tiles": [[tile["target_id"], tile["bbox"]] for tile in manifest.tiles],
        "empty": [
            [*(slot[name] for name in ("target_id", "phase", "sensor", "reason", "hint"))]
            for slot in manifest.failures
        ],
        "warnings": [
            [*(each[name] for name in ("code", "target_id", "phase", "sensor", "text"))]
            for each in manifest.warnings
        ],
        "decision": manifest.decision,
        "grade_reason": manifest.sar_grade()[1],
    }


def middle(bbox: Sequence[float]) -> tuple[float, float]:
    """Return longitude and latitude of the centre of a box, also across the antimeridian."""
    west, south, east, north = bbox
    east += 360 if west > east else 0
    return (west + east) / 2, (south + north) / 2


def window_around(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the window that the map of an event shows: its box with a margin, in degrees."""
    west, south, east, north = bbox
    east += 360 if west > east else 0
    margin = min(max(0.8 * max(east - west, north - south), _LEAST_MARGIN), _MOST_MARGIN)
    return (west - 2 * margin, south - margin, east + 2 * margin, north + margin)


def minutes(moment: str | None) -> int | None:
    """Return the minutes from 1970 to a moment."""
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() / 60)


def _add_shapes(
    facts: Sequence[Json], manifests: Mapping[str, ShownManifest], columns: CandidateColumns
) -> None:
    """Add the area of each event, and the footprints of its chosen scenes by their numbers."""
    lons = {name: middle(each.event["bbox"])[0] for name, each in manifests.items()}
    areas = [shapely.geometry.shape(each.event["aoi"]) for each in manifests.values()]
    for fact, area in zip(facts, encode_shapes(_as_array(areas), [*lons.values()]), strict=True):
        fact |= {"area": area, "footprints": []}
    by_name = {fact["id"]: fact["footprints"] for fact in facts}
    shapes = shapely.from_wkb(_as_array([*columns.footprints.values()]))
    encoded = encode_shapes(shapes, [lons[name] for name, _ in columns.footprints])
    for key, rings in zip(columns.footprints, encoded, strict=True):
        by_name[key[0]].append([columns.numbers[key], rings])


def _as_array(values: Sequence[object]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
