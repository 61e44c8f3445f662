"""``floodscan plan``: the slots and searches of events, without searching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from floodscan.cli.options import catalog_options, json_option, rules_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Catalog
    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import EventPlan


@click.command()
@click.argument("events")
@catalog_options
@rules_options
@json_option
def plan(
    events: str,
    *,
    catalog: str | None,
    fallback_catalog: str | None,
    rules: Recipe,
    as_json: bool,
) -> None:
    """Show the slots, searches and sources of events, without searching.

    EVENTS is a TOML, GeoJSON, GeoParquet or CSV file, or "demo".
    """
    from floodscan import scanning
    from floodscan.catalogs.sources import find_archive
    from floodscan.catalogs.usage import UsageCounter
    from floodscan.cli.output import open_console, print_json
    from floodscan.inputs.event_files import load_events
    from floodscan.planning.event_list import list_events
    from floodscan.planning.slots import cut_batches, plan_batch
    from floodscan.report.plans import show_plans, show_sources

    source = scanning.open_source(catalog, events, recipe=rules, fallback=fallback_catalog)
    counter = UsageCounter(source)
    listed = load_events(events, phase_offset_days=rules.phase_offset_days)
    ids = [event.event_id for event in listed]
    cut = cut_batches(list_events(listed), run_id="")
    batches = counter.count(
        plan_batch(batch, rules, joins=lambda search: find_archive(source, search) is not None)
        for batch in cut
    )
    if not as_json:
        show_plans(open_console(), batches, ids)
        show_sources(open_console(), counter.list_uses())
        return
    planned = {
        each.event.event_id: _to_json(each, batch.searches_for(each), source)
        for batch in batches
        for each in batch.plans
    }
    print_json([planned[event_id] for event_id in ids])


def _to_json(each: EventPlan, searches: Iterable[Search], source: Catalog) -> dict[str, Any]:
    from floodscan.catalogs.sources import find_source

    return {
        "event_id": each.event.event_id,
        "slots": [
            {
                "target_id": slot.target.target_id,
                "phase": slot.phase,
                "sensor": slot.sensor,
                "date": slot.day,
                "window": slot.window and str(slot.window),
                "source": find_source(source, slot.search)[0].location,
            }
            for slot in each.slots
        ],
        "searches": [
            {"collection": s.collection, "bbox": s.bbox, "window": s.window and str(s.window)}
            for s in searches
            if not s.joined
        ],
    }
