"""The table of events as columns: one row per event, for the table, the map and the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.report.html.details import middle, minutes
from floodscan.report.objective import mean_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.report.html.candidate_columns import Slot
    from floodscan.report.html.shown_manifest import ShownManifest

    Json = dict[str, Any]

_PLACE_DIGITS, _SHARE_DIGITS = 2, 4
READ_COLUMNS = (
    *("event_id", "status", "reason", "reasons", "n_slots", "n_filled", "n_candidates"),
    *("n_requests", "seconds", "joint_frac", "filled_frac", "choice_warnings"),
)
"""The columns of EVENTS that the report needs."""

_COPIED = ("n_slots", "n_filled", "n_candidates", "n_requests")


class EventColumns:
    """Collects the rows of the table.

    Attributes:
        columns: The columns so far, by name; sorted by event in ``finish``.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._imagery = [*dict.fromkeys(sensor for phase, sensor in slots if phase)]
        self._rows: list[Json] = []
        self._words: dict[str, dict[str, int]] = {"reasons": {}, "warnings": {}}

    def add(
        self,
        row: Json,
        manifest: ShownManifest | None,
        *,
        clouds: Mapping[str, float | None],
        place: tuple[int, int] | None,
    ) -> None:
        """Add an event.

        Args:
            row: Its ``READ_COLUMNS`` of EVENTS.
            manifest: Its manifest; None if it has none.
            clouds: Percent of cloud of each chosen scene, by item id.
            place: Number of its block, and its place in the block; None without details.
        """
        empty = {"lon": None, "lat": None, "onset": None, "grade": None}
        self._rows.append(
            {
                "event_id": row["event_id"],
                "status": row["status"],
                **{name: row[name] for name in _COPIED},
                "seconds": round(row["seconds"], 2),
                "joint": _round(row["joint_frac"]),
                "covered": _round(row["filled_frac"]),
                "reasons": self._number_reasons(row["reasons"]),
                "warnings": sorted(
                    self._number("warnings", each["code"]) for each in row["choice_warnings"]
                ),
                "why": row["reason"] if manifest is None else None,
                **(empty if manifest is None else _describe_place(manifest)),
                **self._describe_choices(manifest, clouds),
                "place": place,
            }
        )

    def finish(self) -> Json:
        """Return the columns, sorted by event id, and the words that they number."""
        rows = sorted(self._rows, key=lambda row: str(row["event_id"]))
        names = [*rows[0]] if rows else []
        return {
            "columns": {name: [row[name] for row in rows] for name in names},
            "words": {kind: [*numbers] for kind, numbers in self._words.items()},
        }

    def _describe_choices(
        self, manifest: ShownManifest | None, clouds: Mapping[str, float | None]
    ) -> Json:
        """Describe the choices of the area: filled slots, hours from onset, cloud."""
        if manifest is None:
            return {"filled": 0, "hours": [None] * len(self._imagery), "cloud": []}
        filled = [
            bool(manifest.choice(phase, sensor) if phase else manifest.dem_items)
            for phase, sensor in self._slots
        ]
        first = [manifest.choice(Phase.EVENT, sensor) for sensor in self._imagery]
        return {
            "filled": sum(1 << number for number, is_filled in enumerate(filled) if is_filled),
            "hours": [choice and _round(choice["hours_from_onset"], 1) for choice in first],
            "cloud": _list_clouds(manifest, clouds),
        }

    def _number_reasons(self, reasons: Sequence[Json]) -> list[tuple[int, int | None]]:
        """Write the reasons of the area's empty slots as numbers of a word and of a slot."""
        return [
            (
                self._number("reasons", each["code"]),
                None
                if each["sensor"] is None
                else self._slots.index((each["phase"], each["sensor"])),
            )
            for each in reasons
            if each["target_id"] in {None, AOI}
        ]

    def _number(self, kind: str, word: str) -> int:
        return self._words[kind].setdefault(word, len(self._words[kind]))


def _describe_place(manifest: ShownManifest) -> Json:
    event = manifest.event
    lon, lat = middle(event["bbox"])
    return {
        "lon": round((lon + 180) % 360 - 180, _PLACE_DIGITS),
        "lat": round(lat, _PLACE_DIGITS),
        "onset": minutes(event["onset"]),
        "grade": manifest.sar_grade()[0],
    }


def _list_clouds(manifest: ShownManifest, clouds: Mapping[str, float | None]) -> list[float | None]:
    """List the mean cloud of the chosen optical scenes of each phase; None for an empty slot."""
    optical = [slots.get(Sensor.S2L2A) for slots in manifest.selected.values()]
    return [_round(mean_cloud([choice], clouds), 1) if choice else None for choice in optical]


def _round(value: float | None, digits: int = _SHARE_DIGITS) -> float | None:
    return None if value is None else round(value, digits)
