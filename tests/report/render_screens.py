"""The screens that tests compare, and the command that renews them.

``uv run poe screens`` writes them to ``tests/report/screens``; look at the difference before you
commit it.
"""

from __future__ import annotations

import sys
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console

import floodscan
from floodscan import Policy, Recipe, Sensor
from floodscan.assessment.labels import Status
from floodscan.assessment.outcomes import count_outcomes
from floodscan.cli.list_output import show_conversion
from floodscan.cli.output import show_result
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.report.agreement import Agreement, Verdict, show_agreement
from floodscan.report.compare import compare
from floodscan.report.event_lists import show_summary, summarise
from floodscan.report.explain import explain
from floodscan.report.plans import show_plans
from floodscan.report.tables import show_comparison, show_explanation, show_outcomes
from tests.event_lists.made_up import SQUARE, activation, answer, convert, write
from tests.report.outcomes import event_rows
from tests.sweeps import DEMO, demo_copies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from floodscan import Event
    from floodscan.result import ScanResult

    Screen = Callable[["Runs", Console], None]

FOLDER = Path(__file__).parent / "screens"
WIDTHS = (80, 100, 120, 200)


class Runs:
    """Scans of the demo.

    Attributes:
        folder: The folder of all of them; screens are printed as from there.
        reference: By the policy ``reference``.
        change: By the policy ``change-detection``.
        clear: With slots that stay empty.
        tiles: With tiles.
        many: A run of four events by each policy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        change, clear = Recipe(policy=Policy.CHANGE_DETECTION), Recipe().sensors[Sensor.S2L2A]
        sensors = {**Recipe().sensors, Sensor.S2L2A: replace(clear, max_cloud_percent=1.0)}
        self.reference = self._scan("by-reference", [DEMO], Recipe())
        self.change = self._scan("by-change", [DEMO], change)
        self.clear = self._scan("clear", [DEMO], replace(Recipe(), sensors=sensors))
        self.tiles = self._scan("tiles", [DEMO], Recipe(tile_size_m=20_000))
        self.many = [
            self._scan(f"many-{number}", demo_copies(4), recipe)
            for number, recipe in enumerate([Recipe(), change])
        ]

    def _scan(self, name: str, events: list[Event], recipe: Recipe) -> ScanResult:
        return floodscan.scan(events, catalog="demo", out=self.folder / name, recipe=recipe)


def _show_plans(console: Console, events: Sequence[Event]) -> None:
    batches = (plan_batch(batch, Recipe()) for batch in cut_batches(list_events(events), run_id=""))
    show_plans(console, batches, [event.event_id for event in events])


def _show_unfinished(_: Runs, console: Console) -> None:
    rows = event_rows("b", [f"flood_of_{number:03}" for number in range(24)], Status.PARTIAL)
    show_outcomes(console, [rows], count_outcomes(pa.concat_tables([rows])))


def _show_conversion(runs: Runs, console: Console) -> None:
    fire = activation(code="EMSR842", category="Wildfire", subCategory="Forest fire", name="Fire")
    areas = activation()["aois"]
    areas[1]["extent"] = SQUARE[:30]
    path = write(runs.folder / "list.json", answer(activation(aois=areas), fire))
    show_conversion(console, convert(path), runs.folder / "events.parquet")


def _show_agreement(_: Runs, console: Console) -> None:
    time = datetime(2026, 4, 1, 5, 10, tzinfo=UTC)
    hours = {
        Verdict.SAME: 0.0,
        Verdict.EARLIER: -11.9,
        Verdict.LATER: 35.8,
        Verdict.OTHER_TRACK: -23.9,
        Verdict.NONE: None,
    }
    found = [
        Agreement(
            event_id=f"EMSR871_AOI{number:02}",
            sensor=Sensor.S1RTC,
            verdict=verdict,
            expert_time=time,
            chosen_time=None if apart is None else time + timedelta(hours=apart),
            hours=apart,
            is_candidate=apart is not None,
        )
        for number, (verdict, apart) in enumerate(hours.items())
    ]
    show_agreement(console, found)


SCREENS: dict[str, Screen] = {
    "scan": lambda runs, console: show_result(console, runs.reference),
    "scan-mosaics": lambda runs, console: show_result(console, runs.change),
    "scan-empty-slots": lambda runs, console: show_result(console, runs.clear),
    "scan-tiles": lambda runs, console: show_result(console, runs.tiles),
    "scan-many": _show_unfinished,
    "explain": lambda runs, console: show_explanation(
        console, explain(runs.change.folder, DEMO.event_id, ["pre_event"])
    ),
    "explain-empty-slot": lambda runs, console: show_explanation(
        console, explain(runs.clear.folder, DEMO.event_id, ["event", "S2L2A"])
    ),
    "compare": lambda runs, console: show_comparison(
        console, compare(runs.reference.folder, runs.change.folder)
    ),
    "compare-many": lambda runs, console: show_comparison(
        console, compare(*(run.folder for run in runs.many))
    ),
    "events-convert": _show_conversion,
    "events-show": lambda _, console: show_summary(
        console, summarise(demo_copies(4)), "events.parquet"
    ),
    "agree": _show_agreement,
    "plan": lambda _, console: _show_plans(console, [DEMO]),
    "plan-many": lambda _, console: _show_plans(console, demo_copies(130)),
}


def render(runs: Runs, name: str, width: int) -> str:
    """Print a screen as it looks at a width, without colours."""
    screen = StringIO()
    with chdir(runs.folder):
        SCREENS[name](runs, Console(file=screen, width=width, highlight=False))
    return screen.getvalue()


def main() -> None:
    """Write all screens at all widths."""
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        for name in SCREENS:
            for width in WIDTHS:
                (FOLDER / f"{name}-{width}.txt").write_text(render(runs, name, width), "utf-8")
    sys.stdout.write(f"{FOLDER}: {len(SCREENS) * len(WIDTHS)} screens\n")


if __name__ == "__main__":
    main()
