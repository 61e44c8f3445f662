"""``floodscan plot``: pictures of one event."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath
from floodscan.extras import needs_extra


@click.command()
@click.argument("out", metavar="OUT", type=AnyPath())
@click.argument("event")
@click.option(
    "--to", metavar="DIR", type=AnyPath(), help="Folder for the pictures; default: OUT/plots."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    metavar="FORMAT",
    help="File format: png (default), svg or pdf.",
)
def plot(out: str, event: str, to: str | None, kind: str) -> None:
    """Draw a map, a timeline and the coverage of an event.

    EVENT is the id of an event of the run in folder OUT. The names of the pictures are printed.
    """
    from floodscan.cli.output import open_console
    from floodscan.report.screen import path_from_here, print_line
    from floodscan.store import RunFolder

    with needs_extra("plot", "floodscan plot"):
        from floodscan.report.plots import plot as plot_event

    for path in plot_event(RunFolder(Path(out)), event, to=to, kind=kind):
        print_line(open_console(), path_from_here(path), whole=True)
