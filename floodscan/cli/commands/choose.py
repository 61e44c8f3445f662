"""``floodscan choose``: a person's decision for an event."""

from __future__ import annotations

import click

from floodscan.cli.options import AnyPath, json_option


@click.command()
@click.argument("out", type=AnyPath())
@click.argument("event")
@click.option(
    "--event-pass", metavar="ITEM", help="A scene: its pass becomes the pass of phase event."
)
@click.option("--track", type=int, metavar="N", help="The relative orbit of all SAR scenes.")
@click.option("--by-rules", is_flag=True, help="Take an earlier decision back.")
@json_option
def choose(
    out: str,
    event: str,
    event_pass: str | None,
    track: int | None,
    *,
    by_rules: bool,
    as_json: bool,
) -> None:
    """Choose the scenes of an event by a decision of your own.

    EVENT is the id of an event of the run in folder OUT, whose policy is change-detection. Its
    scenes are chosen again in that folder, and the decision is recorded: later scans and
    reselections of the run obey it. `floodscan explain` lists the passes to choose from.
    """
    if sum([event_pass is not None, track is not None, by_rules]) != 1:
        raise click.UsageError("give one of --event-pass, --track and --by-rules")
    from floodscan.choosing import choose as choose_scenes
    from floodscan.cli.output import open_console, print_json
    from floodscan.model import Decision
    from floodscan.report.tables import show_choices

    decision = None if by_rules else Decision(event_pass=event_pass, track=track)
    manifest = choose_scenes(out, event, decision)
    if as_json:
        print_json(manifest.content)
    else:
        show_choices(open_console(), manifest)
