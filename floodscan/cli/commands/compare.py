"""``floodscan compare``: the choices of two runs side by side."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from floodscan.cli.options import AnyPath, json_option, log_options
from floodscan.cli.without_pandas import CommandWithoutPandas

_log = logging.getLogger(__name__)


@click.command(cls=CommandWithoutPandas)
@click.argument("one", metavar="OUT1", type=AnyPath())
@click.argument("other", metavar="OUT2", type=AnyPath())
@json_option
@log_options
def compare(one: str, other: str, *, as_json: bool) -> None:
    """Compare the choices of two runs.

    List the slots for which the runs in the folders OUT1 and OUT2 chose different scenes. Name the
    reason for which each run did not choose the scene of the other.
    """
    from floodscan.cli.output import open_console, print_json
    from floodscan.report.compare import compare as compare_runs
    from floodscan.report.screen import MOST_ROWS
    from floodscan.report.tables import show_comparison
    from floodscan.store import RunFolder

    most = None if as_json else MOST_ROWS
    found = compare_runs(RunFolder(Path(one)), RunFolder(Path(other)), most=most)
    _log.info("%d events are in both runs, %d slots differ", found["shared"], found["differing"])
    if as_json:
        print_json(found)
    else:
        show_comparison(open_console(), found)
