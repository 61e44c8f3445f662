"""``floodscan agree``: the choices of a run beside those of experts."""

from __future__ import annotations

from pathlib import Path

import click

from floodscan.cli.options import AnyPath, json_option


@click.command()
@click.argument("out", metavar="OUT", type=AnyPath())
@click.argument("events", metavar="LIST", type=AnyPath())
@json_option
def agree(out: str, events: str, *, as_json: bool) -> None:
    """Compare the choices of a run with the passes that experts used.

    LIST is an event file with the scenes of experts, which "floodscan events convert" writes for
    Copernicus EMS, and OUT the folder of a run of its events. For each event and sensor, the pass
    chosen for phase event is compared with the first pass after the onset that experts used.
    """
    from floodscan.cli.output import open_console, print_json
    from floodscan.event_lists.expert_scenes import read_expert_passes
    from floodscan.report.agreement import (
        agreement_to_dict,
        compare_with_experts,
        show_agreement,
    )
    from floodscan.store import RunFolder

    found = compare_with_experts(RunFolder(Path(out)), read_expert_passes(Path(events)))
    if as_json:
        print_json(agreement_to_dict(found))
    else:
        show_agreement(open_console(), found)
