"""A person's decision about the scenes of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's decision, which policy ``change-detection`` obeys for one event.

    Attributes:
        event_pass: Item id of a scene: its pass fills the slot ``event`` of its sensor. None
            decides nothing.
        track: Relative orbit of all SAR scenes; None decides nothing.
        kept: Whether the choice obeys it. A decision that no scene can fulfil under the rules is
            not kept.
    """

    event_pass: str | None = None
    track: int | None = None
    kept: bool = True

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Decision:
        """Read what ``to_dict`` returned."""
        return cls(event_pass=facts["event_pass"], track=facts["track"])

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {"by": "person", "event_pass": self.event_pass, "track": self.track}

    def __str__(self) -> str:
        """Write it as on the command line."""
        return f"event pass {self.event_pass}" if self.event_pass else f"track {self.track}"
