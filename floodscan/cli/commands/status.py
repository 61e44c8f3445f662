"""``floodscan status``: the progress of a run."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath, json_option
from floodscan.cli.without_pandas import CommandWithoutPandas


@click.command(cls=CommandWithoutPandas)
@click.argument("out", metavar="OUT", type=AnyPath())
@json_option
def status(out: str, *, as_json: bool) -> None:
    """Show the progress of a run.

    Of the run in folder OUT, count the events that are done, failed and missing, and show the
    number of requests, the rates and the time left.
    """
    from floodscan.cli.output import open_console, print_json
    from floodscan.report.status import examine_run, show_status
    from floodscan.store import RunFolder

    found = examine_run(RunFolder(Path(out)))
    if as_json:
        print_json(found)
    else:
        show_status(open_console(), found)
