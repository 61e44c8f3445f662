"""What ``floodscan events`` writes and prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.compute as pc

from floodscan.cli.invocation import command
from floodscan.cli.output import open_console, print_commands, print_json
from floodscan.errors import OutputError
from floodscan.event_lists.convert import path_of_rejected
from floodscan.extras import needs_extra
from floodscan.report.event_lists import show_summary
from floodscan.report.screen import path_from_here, print_line, show
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from floodscan.event_lists.convert import Conversion
    from floodscan.report.event_lists import ListSummary

_FIELDS_SHOWN = 10


def print_conversion(done: Conversion, out: Path, *, as_json: bool) -> None:
    """Print how many rows became events, and why others did not."""
    if as_json:
        print_json(
            {
                "kind": done.kind,
                "rows": done.n_rows,
                "events": len(done.events),
                "cut": done.n_cut,
                "rejected": [asdict(each) for each in done.rejected],
                "out": str(out) if len(done.events) else None,
            }
        )
        return
    show_conversion(open_console(), done, out)


def show_conversion(console: Console, done: Conversion, out: Path) -> None:
    """Print counts, the first rejected row of each field, and the next commands."""
    cut = f", {done.n_cut} rows are cut into several" if done.n_cut else ""
    counts = f"{_count(done.n_rows, 'row')} of kind {done.kind}"
    print_line(console, f"{counts}: {_count(len(done.events), 'event')}{cut}")
    if done.rejected:
        path = path_from_here(path_of_rejected(out))
        print_line(console, f"{_count(len(done.rejected), 'row')} rejected, in {path}", whole=True)
        fields = Counter(each.field or "-" for each in done.rejected).most_common(_FIELDS_SHOWN)
        first = {each.field or "-": each for each in reversed(done.rejected)}
        rows = [[n, field, first[field].row, first[field].reason] for field, n in fields]
        show(console, "", ["rows", "field", "first", "reason"], rows)
    if len(done.events):
        days = pc.min_max(done.events["event_date"]).as_py()
        path = path_from_here(out)
        print_line(console, f"wrote {path}: {days['min']} to {days['max']}", whole=True)
        commands = {
            "Look": command("events", "show", path),
            "Plan": command("plan", path),
            "Scan": command("scan", path),
        }
        print_commands(console, commands.items())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def write_activations(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Write activations as the API gives a list of them.

    Raises:
        OutputError: The file can't be written.
    """
    content = {"count": len(found), "next": None, "previous": None, "results": found}
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    except OSError as err:
        raise OutputError(f"{path}: can't be written: {err.strerror or err}") from err


def print_fetched(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Print which activations were written, and the next command."""
    console = open_console()
    for activation in found:
        areas = activation.get("aois")
        n_areas = _count(len(areas) if isinstance(areas, list) else 0, "area")
        print_line(console, f"{activation['code']}: {activation.get('name')}, {n_areas}")
    name = path_from_here(path)
    print_line(console, f"wrote {name}", whole=True)
    words = command("events", "convert", name, "--out", "events.parquet")
    print_commands(console, [("Convert", words)])


def print_summary(summary: ListSummary, source: str, *, as_json: bool) -> None:
    """Print a summary of events for people, or as JSON."""
    if as_json:
        print_json(summary.to_dict())
    else:
        show_summary(open_console(), summary, source)


def draw_picture(summary: ListSummary, path: Path, *, as_json: bool) -> None:
    """Draw the map of events, and print its name.

    Raises:
        InputError: The extra ``plot`` is not installed, or the file can't be written.
    """
    with needs_extra("plot", "--map"):
        from floodscan.report.event_map import draw_events
    draw_events(summary, path)
    if not as_json:
        print_line(open_console(), path_from_here(path), whole=True)
