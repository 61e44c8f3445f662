"""Made-up clear ground of scenes: what a reader of the scene classification would find."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely

from floodscan.model import CloudScope, Sensor
from floodscan.schemas import CANDIDATES, CLEARNESS
from floodscan.selection.sample_points import N_POINTS, covered_points, place_sample_points
from floodscan.testing.skies import (
    CLOUD,
    DARK,
    NODATA,
    PLANT,
    SHADOW,
    SNOW,
    WATER,
    describe_ground,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.targets import Target

    Classes = NDArray[np.uint8]
    Row = dict[str, Any]


@dataclass(frozen=True)
class Sight:
    """What is known of a scene over a target.

    Attributes:
        classes: Class of each sample point, shape (4096,).
        source: ``overview`` or ``statistics``; None was not read.
    """

    classes: Classes
    source: str | None = "overview"


def look(
    candidates: pa.Table,
    targets: Mapping[tuple[str, str], Target],
    sky: Callable[[Row], Sight],
) -> pa.Table:
    """Fill the columns of clear ground of all Sentinel-2 rows.

    Args:
        candidates: CANDIDATES.
        targets: By event id and target id.
        sky: What is known of the scene of a row.
    """
    points = {key: place_sample_points(target) for key, target in targets.items()}
    rows = candidates.to_pylist()
    for row in rows:
        if row["sensor"] == Sensor.S2L2A:
            outline = np.array([shapely.from_wkb(row["geometry"])], dtype=object)
            (ground,) = covered_points(points[row["event_id"], row["target_id"]], outline)
            row.update(_describe(sky(row), ground, row["phase"]))
    filled = pa.Table.from_pylist(rows, schema=CANDIDATES)
    columns = [(filled if f in CLEARNESS else candidates)[f.name] for f in CANDIDATES]
    return pa.table(columns, schema=CANDIDATES)


def _describe(sight: Sight, ground: int, phase: str) -> Row:
    if sight.source is None:
        return {"unread": "403 Forbidden"}
    classes = np.where(unpack(ground), sight.classes, NODATA)
    return describe_ground(classes, phase, placed=sight.source == "overview")


def unpack(points: int) -> NDArray[np.bool_]:
    """Return a set of points as one flag each, shape (4096,)."""
    packed = np.frombuffer(points.to_bytes(N_POINTS // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little").astype(bool)


def even(value: int) -> Classes:
    """Return a sky of one class."""
    return np.full(N_POINTS, value, dtype=np.uint8)


def over_area(recipe: Recipe, **rules: Any) -> Recipe:  # noqa: ANN401 - any rule of a sensor
    """Let the clouds over the target count, and change other rules of Sentinel-2."""
    optical = replace(recipe.sensors[Sensor.S2L2A], cloud=CloudScope.AREA, **rules)
    return replace(recipe, sensors={**recipe.sensors, Sensor.S2L2A: optical})


def random_sky(
    seed: int, *, unread: float = 0.0, shares_only: float = 0.0
) -> Callable[[Row], Sight]:
    """Make skies of a few large patches, the same for a scene in every phase.

    Args:
        seed: Of all scenes together.
        unread: Probability that a scene was not read.
        shares_only: Probability that only shares are known.
    """

    def sky(row: Row) -> Sight:
        rng = Random(f"{seed} {row['item_id']}")  # noqa: S311 - a test's seed
        kinds = (PLANT, PLANT, PLANT, WATER, CLOUD, CLOUD, SHADOW, DARK, SNOW)
        patches = rng.choices(kinds, k=8)
        luck = rng.random()
        source = "statistics" if luck < unread + shares_only else "overview"
        classes = np.repeat(np.array(patches, dtype=np.uint8), N_POINTS // len(patches))
        return Sight(classes, None if luck < unread else source)

    return sky
