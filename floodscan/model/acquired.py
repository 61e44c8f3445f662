"""A product of Sentinel-1 of which a catalog has no scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiredScene:
    """A product over an event, of which the collection has no scene.

    Attributes:
        item_id: Id of the product.
        time: Acquisition time, UTC.
        platform: Satellite; None if unknown.
        relative_orbit: Track; None if unknown.
        orbit_state: ``ascending`` or ``descending``; None if unknown.
        polarizations: Its channels.
        overlap_frac: Share of each target that it covers, by target id.
    """

    item_id: str
    time: datetime
    platform: str | None
    relative_orbit: int | None
    orbit_state: str | None
    polarizations: tuple[str, ...]
    overlap_frac: Mapping[str, float]
