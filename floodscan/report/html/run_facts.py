"""What the report says of the run as a whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import Phase, Sensor
from floodscan.report.html.shapes import STEPS_PER_DEGREE

if TYPE_CHECKING:
    from floodscan.model import Recipe
    from floodscan.report.html.candidate_columns import Slot
    from floodscan.store import RunFolder

    Json = dict[str, Any]

SEEN_FRACS = {"S1RTC": 0.58, "S2L2A": 0.28}
"""Share of European floods that each satellite can see at all, by sensor.

Source: Tarpanelli et al., "Effectiveness of Sentinel-1 and Sentinel-2 for flood detection
assessment in Europe", Nat. Hazards Earth Syst. Sci. 22, 2473-2489, 2022.
"""

_SUMMED = ("n_requests", "n_pages", "n_items", "n_retries", "n_bisections", "seconds")


def list_slots(recipe: Recipe) -> list[Slot]:
    """List phase and sensor of the slots of an area: by sensor, then by phase; the DEM last."""
    imagery = [sensor for sensor in recipe.sensors if sensor is not Sensor.DEM]
    slots: list[Slot] = [(str(phase), str(sensor)) for sensor in imagery for phase in Phase]
    return slots + ([(None, str(Sensor.DEM))] if Sensor.DEM in recipe.sensors else [])


def describe_run(folder: RunFolder, run: Json) -> Json:
    """Describe a run: where its choices come from, by which rules, and what it cost.

    Args:
        folder: The folder of the run.
        run: What ``run.json`` holds.
    """
    recipe = recipe_from_dict(run["recipe"], source=str(folder.run_path))
    return {
        "floodscan": run["floodscan"],
        "run": run.get("run_id"),
        "catalog": run["catalog"]["id"],
        "policy": run["recipe"]["policy"],
        "started": run.get("started"),
        "finished": run.get("finished"),
        "recipe": run["recipe"],
        "slots": list_slots(recipe),
        "phases": [str(phase) for phase in Phase],
        "collections": {str(name): rules.collection for name, rules in recipe.sensors.items()},
        "windows": {
            str(name): [rules.asked.window_days, rules.widest_window_days]
            for name, rules in recipe.rules.items()
        },
        "seen": SEEN_FRACS,
        "searches": _sum_searches(folder),
        "steps_per_degree": STEPS_PER_DEGREE,
    }


def _sum_searches(folder: RunFolder) -> list[Json]:
    """Sum up the searches by the collections that they ask for, a batch at a time."""
    sums: dict[str, Counter[str]] = {}
    for _, rows in folder.searches.batches(["collections", "complete", "cached", *_SUMMED]):
        asked = pc.binary_join(rows["collections"], ", ")
        for name in sorted(set(asked.to_pylist())):
            own = rows.filter(pc.equal(asked, name))
            sums.setdefault(name, Counter()).update(
                {
                    "searches": len(own),
                    "incomplete": len(own) - pc.sum(own["complete"]).as_py(),
                    "cached": pc.sum(own["cached"]).as_py(),
                    **{column: pc.sum(own[column]).as_py() for column in _SUMMED},
                }
            )
    return [
        {"collection": name, **total, "seconds": round(total["seconds"], 1)}
        for name, total in sorted(sums.items())
    ]
