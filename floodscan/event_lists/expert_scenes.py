"""The scenes that experts used for the events of a converted list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.event_lists.rows import EVENT_LIST
from floodscan.inputs.notices import file_error
from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLUMNS: Final = ("event_id", "event_date", "onset", "expert_scenes")
_SATELLITES: Final = {"sentinel-1": Sensor.S1RTC, "sentinel-2": Sensor.S2L2A}


@dataclass(frozen=True, slots=True)
class ExpertPass:
    """The first pass of a sensor after the onset that experts used for an event.

    Attributes:
        event_id: The event.
        sensor: The sensor of floodscan that has such passes.
        time: Time of the pass, UTC.
    """

    event_id: str
    sensor: Sensor
    time: datetime


def read_expert_passes(path: Path) -> list[ExpertPass]:
    """Read the first pass of each event and sensor; those of other satellites are left out.

    Raises:
        EventError: The file can't be read, or is no converted list.
    """
    try:
        schema = pq.read_schema(path)
        if any(
            name not in schema.names or schema.field(name).type != EVENT_LIST.field(name).type
            for name in _COLUMNS
        ):
            raise file_error(
                path, "has no scenes of experts; floodscan events convert writes those of EMS"
            )
        rows = pq.read_table(path, columns=list(_COLUMNS)).to_pylist()
    except OSError as err:
        raise file_error(path, err.strerror or str(err)) from err
    except pa.ArrowException as err:
        raise file_error(path, f"can't be read: {' '.join(str(err).split())}") from err
    return [
        ExpertPass(row["event_id"], sensor, min(times))
        for row in rows
        for sensor in _SATELLITES.values()
        if (times := list(_times_of(row, sensor)))
    ]


def _times_of(row: dict[str, object], sensor: Sensor) -> Iterator[datetime]:
    day, onset, scenes = row["event_date"], row["onset"], row["expert_scenes"]
    began = onset or datetime.combine(day, time.min, UTC)  # type: ignore[arg-type]
    for scene in scenes if isinstance(scenes, list) else []:
        known = str(scene["satellite"]).casefold().replace(" ", "-")[:10]
        taken = scene["time"]
        if _SATELLITES.get(known) is sensor and taken is not None and taken >= began:
            yield taken
