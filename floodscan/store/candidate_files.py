"""Files of CANDIDATES: GeoParquet that is cheap to write, and that readers can still filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.schemas import CANDIDATES, check_candidates
from floodscan.store.geoparquet import COVERING, to_geoparquet

if TYPE_CHECKING:
    from pathlib import Path

_FLAT = [field for field in CANDIDATES if not pa.types.is_nested(field.type)]


def _repeats(field: pa.Field) -> bool:
    """Whether a flat column has the same values again and again."""
    is_measure = pa.types.is_floating(field.type) or pa.types.is_timestamp(field.type)
    return not is_measure and field.name != "item_id"


_DICTIONARIES = [
    *(field.name for field in _FLAT if _repeats(field)),
    "assets.key_value.key",
    "proj_shapes.key_value.key",
    "proj_shapes.key_value.value.list.element",
]
"""The other columns hardly ever repeat: there a dictionary takes time, and more room."""

_STATISTICS = [*(field.name for field in _FLAT), *(f"bbox.{corner.name}" for corner in COVERING)]
"""The columns that readers filter by."""


def write_candidates(candidates: pa.Table, path: Path) -> None:
    """Write CANDIDATES as GeoParquet 1.1 with a bbox column.

    Raises:
        TypeError: The table is not CANDIDATES; a bug in the stage that made it.
        ValueError: The rows of a slot are not adjacent; a bug in the stage that made it.
    """
    pq.write_table(
        to_geoparquet(check_candidates(candidates)),
        path,
        compression="zstd",
        use_dictionary=_DICTIONARIES,
        write_statistics=_STATISTICS,
    )
