"""What the commands print: progress, results and JSON."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from floodscan.assessment.outcomes import count_warnings
from floodscan.report.tables import OUTCOME_COLUMNS, show_choices, show_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from floodscan.result import ScanResult

_EVENTS_SHOWN_WHOLE = 3
_PIPED_WIDTH = 1000


def open_console() -> Console:
    """Return a console for the standard output; a pipe gets long lines, which no table folds."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


def print_json(content: object) -> None:
    """Print a value as indented JSON."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    sys.stdout.buffer.write(orjson.dumps(content, option=options))


@contextmanager
def show_progress() -> Iterator[Callable[[int, int], None]]:
    """Draw a progress bar on a terminal; draw nothing if the output is piped.

    If the scan ends early, print how to continue it.

    Yields:
        A function that takes the number of finished events and the number of all events.
    """
    columns = (
        "events",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    last: tuple[int, int] | None = None

    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("events", total=None)

        def update(done: int, total: int) -> None:
            nonlocal last
            last = done, total
            bar.update(task, completed=done, total=total)

        try:
            yield update
        except BaseException:
            if last is not None:
                console.print(
                    f"{last[0]} of {last[1]} events are done and kept; "
                    "run the same command again to continue"
                )
            raise


def print_result(result: ScanResult, *, as_json: bool) -> None:
    """Print the choices of a few events, or a table of many, and where the files are."""
    if as_json:
        events = [outcome.to_dict() for outcome in result.outcomes]
        print_json({"out": str(result.folder.path), "counts": result.counts, "events": events})
        return
    console = open_console()
    few = len(result.ids) <= _EVENTS_SHOWN_WHOLE
    if few and not any(outcome.is_given_up for outcome in result.outcomes):
        for manifest in result.manifests.values():
            show_choices(console, manifest)
    else:
        tables = (rows for _, rows in result.folder.events.batches(OUTCOME_COLUMNS))
        show_outcomes(console, tables, result.counts)
    _print_files(console, result)
    _print_warnings(console, result)


def _print_files(console: Console, result: ScanResult) -> None:
    counts, folder = result.counts, result.folder
    console.print(
        f"{counts['filled']} of {counts['slots']} slots filled "
        f"from {counts['candidates']} candidates in {counts['requests']} requests; "
        f"in {folder.path}:"
    )
    manifests = "manifests/*.parquet" if folder.packed else "manifests/<event>.json"
    console.print(
        f"  candidates/*.parquet  {manifests}  events.parquet  searches.parquet  run.json"
    )
    words = shlex.join([str(folder.path), next(iter(result.ids))])
    console.print(
        f"Why: floodscan explain {words}; pictures: floodscan plot {words}",
        markup=False,
        soft_wrap=True,
    )


def _print_warnings(console: Console, result: ScanResult) -> None:
    """Sum up the warnings at the end of the output, where a user sees them."""
    kinds: Counter[str] = Counter()
    n_events = 0
    for _, rows in result.folder.events.batches(["choice_warnings"]):
        kinds.update(count_warnings(rows["choice_warnings"]))
        n_events += sum(map(bool, rows["choice_warnings"].to_pylist()))
    if kinds:
        counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        console.print(
            f"warnings at {n_events} of {result.counts['events']} events: {counts}", style="yellow"
        )
