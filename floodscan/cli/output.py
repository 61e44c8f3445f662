"""What the commands print: progress, results and JSON."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import count_warnings
from floodscan.catalogs.sources import find_unheld, measure_coverages
from floodscan.clearsky.counts import count_reads, count_reasons
from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.interrupts import INTERRUPTS
from floodscan.cli.next_commands import list_next_commands, list_retries
from floodscan.model import DEMO
from floodscan.report.screen import path_from_here, print_line
from floodscan.report.tables import OUTCOME_COLUMNS, show_choices, show_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from floodscan.catalogs import Catalog
    from floodscan.model import Recipe
    from floodscan.result import ScanResult

_REASONS_SHOWN = 3
_EVENTS_SHOWN_WHOLE = 3
_PIPED_WIDTH = 1000
_CONTROLS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def open_console() -> Console:
    """Return a console for the standard output; a pipe gets long lines, which no table folds."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


def print_json(content: object) -> None:
    """Print a value as indented JSON."""
    for piece in _write_pieces(content):
        write_json(piece)
    write_json(b"\n")


def write_json(content: bytes) -> None:
    """Write JSON as it is, but escape the control characters that JSON allows on a terminal."""
    if sys.stdout.isatty():
        text = content.decode("utf-8")
        content = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8")
    sys.stdout.buffer.write(content)


def print_script(text: str) -> None:
    """Print a script as it is, so that it can be saved; escape control characters on a terminal."""
    shown = sys.stdout.isatty()
    for line in text.splitlines(keepends=not shown):
        if shown:
            print_line(open_console(), line, whole=True)
        else:
            sys.stdout.write(line)


def _write_pieces(content: object, indent: bytes = b"\n") -> Iterator[bytes]:
    """Make indented JSON; long lists are made entry by entry, because their text can be large."""
    if isinstance(content, dict) and any(isinstance(value, list) for value in content.values()):
        before = b"{"
        for name, value in content.items():
            yield before + indent + b"  " + orjson.dumps(name) + b": "
            yield from _write_pieces(value, indent + b"  ")
            before = b","
        yield indent + b"}"
    elif isinstance(content, list) and content:
        before = b"["
        for value in content:
            yield before + indent + b"  " + _dump(value, indent + b"  ")
            before = b","
        yield indent + b"]"
    else:
        yield _dump(content, indent)


def _dump(content: object, indent: bytes) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).replace(b"\n", indent)


def print_json_list(entries: Iterable[object]) -> None:
    """Print a list as indented JSON, entry by entry: all of them may be larger than memory."""
    before = b"["
    for entry in entries:
        write_json(before + b"\n  " + _dump(entry, b"\n  "))
        before = b","
    write_json(b"[]\n" if before == b"[" else b"\n]\n")


def print_problem(text: str, *, style: str = "") -> None:
    """Print a message of one or more lines on the standard error."""
    console = Console(stderr=True)
    for line in text.split("\n"):
        print_line(console, line, style=style, whole=True)


@contextmanager
def show_progress(
    *, is_kept: bool = True, what: str = "events"
) -> Iterator[Callable[[int, int], None]]:
    """Draw a progress bar on a terminal; draw nothing if the output is piped.

    If the work ends early, print how much is done and what to do.

    Args:
        is_kept: Whether the same command continues the work; if not, it starts anew.
        what: The things that are counted.

    Yields:
        A function that takes the number of finished things and the number of all.
    """
    console = Console(stderr=True)
    last: tuple[int, int] | None = None
    INTERRUPTS.clean_up()

    with Progress(
        *_make_columns(what), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            nonlocal last
            last = done, total
            bar.update(task, completed=done, total=total)

        try:
            yield update
        except BaseException:
            if last is not None:
                done, again = ("done and kept", "continue") if is_kept else ("done", "start anew")
                print_line(
                    console,
                    f"{last[0]} of {last[1]} {what} are {done}; "
                    f"run the same command again to {again}",
                )
            raise


def print_coverage(catalog: Catalog, rules: Recipe) -> None:
    """Print the days that the archives of a run cover, before the run starts."""
    if catalog.location == DEMO:
        return
    dated = [each.collection for each in rules.sensors.values() if each.window_days is not None]
    dated += [name for name in rules.checks if name not in find_unheld(catalog, rules)]
    for each in measure_coverages(catalog, dated):
        print_problem(f"{each.collection}: the archive has {each.n_rows:,} items and covers {each}")


def _make_columns(what: str) -> tuple[str | ProgressColumn, ...]:
    times = TimeElapsedColumn(), TimeRemainingColumn()
    return what, BarColumn(), MofNCompleteColumn(), *times


def print_result(result: ScanResult, *, as_json: bool, can_retry: bool = False) -> ExitStatus:
    """Print the result of a run for people, or as JSON, and return the exit status.

    Args:
        result: The result.
        as_json: Print it as JSON.
        can_retry: Whether the command of this process can repeat failed searches.
    """
    if as_json:
        events = [outcome.to_dict() for outcome in result.outcomes]
        print_json({"out": str(result.folder.path), "counts": result.counts, "events": events})
    else:
        console = open_console()
        show_result(console, result)
        print_commands(console, list_retries(result) if can_retry else ())
    return ExitStatus.OK if result.ok else ExitStatus.INCOMPLETE


def show_result(console: Console, result: ScanResult) -> None:
    """Print the choices of a few events, or a table of many, and where the files are."""
    few = len(result.ids) <= _EVENTS_SHOWN_WHOLE
    if few and not any(outcome.is_given_up for outcome in result.outcomes):
        for manifest in result.manifests.values():
            show_choices(console, manifest)
    else:
        tables = (rows for _, rows in result.folder.events.batches(OUTCOME_COLUMNS))
        show_outcomes(console, tables, result.counts)
    _print_files(console, result)
    print_commands(console, list_next_commands(result))
    _print_not_covered(console, result)
    _print_not_checked(console, result)
    _print_warnings(console, result)


def _print_files(console: Console, result: ScanResult) -> None:
    counts, folder = result.counts, result.folder
    out = path_from_here(folder.path)
    manifests = "manifests/*.parquet" if folder.packed else "manifests/<event>.json"
    filled = f"{counts['filled']} of {counts['slots']} slots filled"
    cost = f"{counts['candidates']} candidates in {counts['requests']} requests"
    reads = count_reads(folder)
    for line in (
        *_describe_reads(reads, count_reasons(folder)),
        f"{filled} from {cost}; in {out}:",
        f"  candidates/*.parquet  {manifests}",
        f"  events.parquet  searches.parquet  {'reads.parquet  ' if reads else ''}run.json",
    ):
        print_line(console, line, whole=True)


def _describe_reads(reads: Counter[str], reasons: Counter[str]) -> Iterator[str]:
    """Sum up what was read of scenes; nothing if the run reads none."""
    if reads:
        kinds = f"{reads['cached']} from the cache, {reads['unread']} unread"
        cost = f"{reads['requests']} requests, {decimal(reads['bytes'])}"
        yield f"clouds of {reads['scenes']} scenes read: {kinds}; {cost}"
    for reason, n_scenes in reasons.most_common(_REASONS_SHOWN):
        yield f"unread: {n_scenes} × {reason}"


def print_commands(console: Console, commands: Iterable[tuple[str, str]]) -> None:
    """Print purposes, and commands as they can be pasted."""
    for purpose, words in commands:
        print_line(console, f"{purpose + ':':<9} {words}", whole=True)


def _print_not_covered(console: Console, result: ScanResult) -> None:
    n_slots = n_events = 0
    for _, rows in result.folder.events.batches(["reasons"]):
        for reasons in rows["reasons"].to_pylist():
            n_uncovered = sum(reason["code"] == Reason.NOT_COVERED for reason in reasons)
            n_slots += n_uncovered
            n_events += n_uncovered > 0
    if n_slots:
        where = f"{n_slots} slots of {n_events} of {result.counts['events']} events"
        text = f"not covered by the archive: {where}; --fallback-catalog fills them"
        print_line(console, text, style="yellow")


def _print_not_checked(console: Console, result: ScanResult) -> None:
    for name, why in result.folder.read_run().get("not_checked", {}).items():
        text = f"passes that are missing in the catalog are not known: {name}: {why}"
        print_line(console, text, style="yellow")


def _print_warnings(console: Console, result: ScanResult) -> None:
    """Sum up the warnings at the end of the output, where a user sees them."""
    kinds: Counter[str] = Counter()
    n_events = 0
    for _, rows in result.folder.events.batches(["choice_warnings"]):
        kinds.update(count_warnings(rows["choice_warnings"]))
        n_events += sum(map(bool, rows["choice_warnings"].to_pylist()))
    if kinds:
        counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        print_line(
            console,
            f"warnings at {n_events} of {result.counts['events']} events: {counts}",
            style="yellow",
        )
