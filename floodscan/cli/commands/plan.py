"""``floodscan plan``: the slots and searches of events, without searching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from floodscan.cli.options import json_option, rules_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import EventPlan


@click.command()
@click.argument("events")
@rules_options
@json_option
def plan(events: str, *, rules: Recipe, as_json: bool) -> None:
    """Show the slots and searches of events, without searching.

    EVENTS is "demo" or a file, see "floodscan guide events". With --json, the output has all
    problems of an invalid file.
    """
    from floodscan.cli.event_input import report_events
    from floodscan.cli.output import open_console, print_json
    from floodscan.inputs.event_files import load_events
    from floodscan.planning.event_list import list_events
    from floodscan.planning.slots import cut_batches, plan_batch
    from floodscan.report.plans import show_plans

    with report_events(as_json=as_json):
        listed = load_events(events, phase_offset_days=rules.phase_offset_days)
    ids = [event.event_id for event in listed]
    batches = (plan_batch(batch, rules) for batch in cut_batches(list_events(listed), run_id=""))
    if not as_json:
        show_plans(open_console(), batches, ids)
        return
    planned = {
        each.event.event_id: _to_json(each, batch.searches_for(each))
        for batch in batches
        for each in batch.plans
    }
    print_json([planned[event_id] for event_id in ids])


def _to_json(each: EventPlan, searches: Iterable[Search]) -> dict[str, Any]:
    return {
        "event_id": each.event.event_id,
        "slots": [
            {
                "target_id": slot.target.target_id,
                "phase": slot.phase,
                "sensor": slot.sensor,
                "date": slot.day,
                "window": slot.window and str(slot.window),
            }
            for slot in each.slots
        ],
        "searches": [
            {"collection": s.collection, "bbox": s.bbox, "window": s.window and str(s.window)}
            for s in searches
        ],
    }
