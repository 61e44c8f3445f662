"""``floodscan explain``: why a scene was chosen."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath, json_option
from floodscan.cli.without_pandas import CommandWithoutPandas


@click.command(cls=CommandWithoutPandas)
@click.argument("out", metavar="OUT", type=AnyPath())
@click.argument("event")
@click.argument("slot", nargs=-1, metavar="[PHASE] [SENSOR]")
@click.option("--target", default="aoi", metavar="ID", help="aoi (default), or the id of a tile.")
@json_option
def explain(out: str, event: str, slot: tuple[str, ...], target: str, *, as_json: bool) -> None:
    """Explain the choices for an event.

    Show all candidates of each slot, ranked or rejected, and the measure that decided.

    EVENT is the id of an event of the run in folder OUT. PHASE (such as pre_event) and SENSOR (such
    as S2L2A) select some of its slots.
    """
    from floodscan.cli.output import open_console, print_json
    from floodscan.report.explain import explain as explain_event
    from floodscan.report.tables import show_explanation
    from floodscan.store import RunFolder

    slots = explain_event(RunFolder(Path(out)), event, slot, target_id=target)
    if as_json:
        print_json(slots)
    else:
        show_explanation(open_console(), slots)
