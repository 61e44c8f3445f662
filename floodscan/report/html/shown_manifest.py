"""The parts of a manifest that the report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from floodscan.assessment.manifest import parse_manifest
from floodscan.errors import ManifestError
from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]


class ShownManifest(msgspec.Struct, frozen=True):
    """The parts of a manifest, as it has them. The other parts, such as its items, are skipped."""

    event: Json
    phase_order: list[str]
    selected: dict[str, dict[str, Json | None]]
    dem_items: list[Json]
    tiles: list[Json]
    failures: list[Json]
    warnings: list[Json]
    decision: Json | None

    @property
    def event_id(self) -> str:
        """Id of its event."""
        return str(self.event["name"])

    def choice(self, phase: str | None, sensor: str) -> Json | None:
        """Return the choice of a slot of the area; None if it is empty, or of the DEM."""
        return None if phase is None else self.selected[phase].get(sensor)

    def sar_grade(self) -> tuple[str | None, str | None]:
        """Return the grade of the SAR geometry and its reason; None without a SAR scene."""
        radar: list[Mapping[str, Any]] = [
            choice for slots in self.selected.values() if (choice := slots.get(Sensor.S1RTC))
        ]
        return (radar[0]["grade"], radar[0]["grade_reason"]) if radar else (None, None)


def read_shown(content: bytes, *, source: str) -> ShownManifest:
    """Decode the parts of a manifest.

    Args:
        content: The bytes of its file.
        source: Its origin, for messages.

    Raises:
        ManifestError: It is not a manifest.
    """
    try:
        return _DECODER.decode(content)
    except msgspec.MsgspecError as err:
        parse_manifest(content, source=source)  # names the first member that is wrong
        raise ManifestError(source, f"is not a manifest: {err}") from err


_DECODER = msgspec.json.Decoder(ShownManifest)
