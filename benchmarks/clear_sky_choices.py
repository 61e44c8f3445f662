"""Compare choices by the clouds of whole scenes with choices by the clear ground of each area.

    uv run python -m benchmarks.clear_sky_choices [--events N] [--out FILE]

The floods are some of the Global Flood Database, on their own days, with generated catalogs as if
all satellites had flown since 2000. The clouds over each area are generated too, see
``floodscan/testing/skies.py``: they are correlated in space, and agree with the cloud cover of each
scene. They stand for what would be read. All choices are from the same candidates, and all of them
are judged by the same clear ground.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import shapely

import floodscan
from benchmarks.policies import generate
from floodscan import CloudScope, Policy, Recipe, Sensor
from floodscan.assessment.quality import assess
from floodscan.planning.slots import plan_event
from floodscan.planning.targets import AOI
from floodscan.reselection import read_event
from floodscan.schemas import CANDIDATES, CLEARNESS
from floodscan.selection import Verdict
from floodscan.selection.sample_points import N_POINTS, covered_points, place_sample_points
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.skies import (
    CLOUD,
    NODATA,
    PLANT,
    SHADOW,
    Places,
    describe_ground,
    draw_field,
    find_level,
    shift_to_shadow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan import ScanResult
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target
    from floodscan.store import RunFolder

    Row = dict[str, Any]
    Classes = NDArray[np.uint8]

RULES = Recipe(policy=Policy.CHANGE_DETECTION)
_NEVER_READ = {
    Verdict.NO_OVERLAP,
    Verdict.MISSING_ASSETS,
    Verdict.NO_TIME,
    Verdict.WRONG_SIDE_OF_ONSET,
    Verdict.SUPERSEDED,
}
_READ_COLUMNS = ("event_id", "sensor", "verdict", "phase", "item_id", "pass_id", "cloud_cover")


def fill(folder: RunFolder, plans: Mapping[str, EventPlan]) -> int:
    """Write the clear ground of the scenes that could be chosen; return the number of scenes."""
    read: set[str] = set()
    for batch, _ in folder.events.batches():
        held = folder.read_part(batch)
        columns = held.select([*_READ_COLUMNS, "geometry"]).to_pylist()
        rows = [number for number, row in enumerate(columns) if _is_read(row)]
        by_event: dict[str, list[int]] = defaultdict(list)
        for number in rows:
            by_event[columns[number]["event_id"]].append(number)
        filled: dict[int, Row] = {}
        for event_id, own in by_event.items():
            scenes = {columns[number]["item_id"]: columns[number] for number in own}
            classes = draw_scenes(plans[event_id].targets[0], [*scenes.values()])
            for number in own:
                row = columns[number]
                filled[number] = describe_ground(classes[row["item_id"]], row["phase"])
            read |= scenes.keys()
        folder.write_candidates(batch, _with_ground(held, filled))
    return len(read)


def _is_read(row: Row) -> bool:
    return row["sensor"] == Sensor.S2L2A and row["verdict"] not in _NEVER_READ


def _with_ground(candidates: pa.Table, filled: Mapping[int, Row]) -> pa.Table:
    for field in CLEARNESS:
        values = [filled.get(row, {}).get(field.name) for row in range(len(candidates))]
        at = CANDIDATES.get_field_index(field.name)
        candidates = candidates.set_column(at, field, pa.array(values, field.type))
    return candidates


def draw_scenes(target: Target, scenes: Sequence[Row]) -> dict[str, Classes]:
    """Draw the classes of scenes at the sample points of a target, shape (4096,) each."""
    sample_points = place_sample_points(target)
    rows = sample_points.places.astype(np.int64)
    lons = sample_points.west + (sample_points.places - rows) * sample_points.width
    places = Places(lons, sample_points.latitudes[rows])
    shadows = shift_to_shadow(places)
    footprints = shapely.from_wkb([scene["geometry"] for scene in scenes])
    grounds = covered_points(sample_points, footprints)
    fields: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    found = {}
    for scene, footprint, ground in zip(scenes, footprints, grounds, strict=True):
        seed = crc32(scene["pass_id"].encode())
        if seed not in fields:
            fields[seed] = draw_field(places, seed), draw_field(shadows, seed)
        above, beside = fields[seed]
        level = find_level(footprint, scene["cloud_cover"], seed)
        classes = np.where(beside > level, SHADOW, PLANT).astype(np.uint8)
        classes[above > level] = CLOUD
        classes[~_flags(ground)] = NODATA
        found[scene["item_id"]] = classes
    return found


def _flags(points: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(points.to_bytes(N_POINTS // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little").astype(bool)


def summarize(result: ScanResult, plans: Mapping[str, EventPlan]) -> list[str]:
    """Write the figures of a run, a cell each, judged by the clear ground of its choices."""
    outcomes = result.outcomes
    rules = RULES.with_cloud(CloudScope.AREA)
    shares: list[float] = []
    clear_chips: list[int] = []
    for batch, _ in result.folder.events.batches():
        rows = result.folder.read_part(batch)
        own = [plans[event_id] for event_id in rows["event_id"].unique().to_pylist()]
        for found in assess(own, rows, rules).values():
            shares.append(found.joint_clear_frac(AOI) or 0.0)
            whole = found.forecast.whole.mosaics
            clear_chips.append(whole.chips if whole else 0)
    total = sum(outcome.chips_total or 0 for outcome in outcomes)
    return [
        f"{sum(o.n_filled for o in outcomes):,} of {sum(o.n_slots for o in outcomes):,}",
        f"{sum(o.n_filled == o.n_slots for o in outcomes)} of {len(outcomes)}",
        f"{sum(shares) / len(outcomes):.3f}",
        f"{sum(share >= RULES.min_coverage for share in shares)} of {len(outcomes)}",
        f"{sum(o.chips or 0 for o in outcomes):,} of {total:,}",
        f"{sum(clear_chips):,}",
    ]


HEADER = (
    "policy, clouds",
    "slots filled",
    "events with all slots",
    "joint clear coverage, mean",
    "events half clear or more",
    "chips promised",
    "of them clear",
)


def compare(n_events: int, folder: Path) -> tuple[list[list[str]], int]:
    """Choose by both policies and both scopes of the clouds.

    Returns:
        The rows of the table, and the number of scenes that were read.
    """
    known = read_floods()
    floods = known[:: max(len(known) // n_events, 1)][:n_events]
    write_events(folder / "floods.csv", floods)
    catalog = generate(floods, from_first=False)
    events = str(folder / "floods.csv")
    scanned = floodscan.scan(events, catalog=catalog, out=folder / "scan", recipe=RULES)
    plans = {
        event_id: plan_event(read_event(manifest.content["event"]), RULES)
        for event_id, manifest in scanned.manifests.items()
    }
    n_scenes = fill(scanned.folder, plans)
    rows = []
    for policy in Policy:
        for scope in CloudScope:
            out, started = folder / f"{policy}-{scope}", perf_counter()
            run = floodscan.reselect(folder / "scan", out=out, policy=policy, cloud=scope)
            seconds = perf_counter() - started
            print(f"{policy}, {scope}: {len(run.outcomes)} events chosen in {seconds:.1f} s")
            rows.append([f"{policy}, {scope}", *summarize(run, plans)])
    return rows, n_scenes


def draw_table(rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with a header."""
    lines = [HEADER, ["---", *["---:"] * (len(HEADER) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Print the table, and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="number of floods")
    parser.add_argument("--out", type=Path, help="file to write the table to")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows, n_scenes = compare(given.events, Path(folder))
    table = f"{draw_table(rows)}\n{n_scenes:,} scenes were looked at.\n"
    print(table)
    if given.out:
        given.out.write_text(table, "utf-8")


if __name__ == "__main__":
    main()
