"""``floodscan report``: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath


@click.command()
@click.argument("out", metavar="OUT", type=AnyPath())
@click.option(
    "--out",
    "to",
    metavar="FILE",
    type=AnyPath(),
    help="File to write; default: OUT/report.html.",
)
def report(out: str, to: str | None) -> None:
    """Write the run in folder OUT as one HTML page.

    The page has a map, counts, and a table of all events. Each event opens with its timeline, its
    map, and its choices with their reasons. The page needs no internet and no server: open it in a
    browser. Its name is printed.
    """
    from floodscan.cli.output import open_console
    from floodscan.report.html import write_report
    from floodscan.report.screen import path_from_here, print_line
    from floodscan.store import RunFolder

    path = write_report(RunFolder(Path(out)), to)
    print_line(open_console(), path_from_here(path), whole=True)
