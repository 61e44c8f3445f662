"""``floodscan manifest``: the manifest of one event."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath


@click.command()
@click.argument("out", metavar="OUT", type=AnyPath())
@click.argument("event")
def manifest(out: str, event: str) -> None:
    """Print the manifest of an event.

    EVENT is the id of an event of the run in folder OUT. The manifest is JSON, and is printed also
    if the run has packed its manifests into files of many.
    """
    from floodscan.cli.output import write_json
    from floodscan.report.event_ids import check_event
    from floodscan.store import RunFolder

    folder = RunFolder(Path(out))
    check_event(folder, event)
    write_json(folder.read_manifest(event))
