"""``floodscan plan``: the slots and searches of events, without searching."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any

import click

from floodscan.cli.options import (
    AnyPath,
    catalog_options,
    json_option,
    log_options,
    rules_options,
)
from floodscan.cli.without_pandas import CommandWithoutPandas

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.catalogs import Catalog
    from floodscan.cli.options import CatalogChoice
    from floodscan.model import Recipe, Search
    from floodscan.planning.estimate import SweepSize
    from floodscan.planning.slots import BatchPlan, EventPlan

    Json = dict[str, Any]

_log = logging.getLogger(__name__)


@click.command(cls=CommandWithoutPandas)
@click.argument("events", metavar="EVENTS", type=AnyPath())
@catalog_options
@rules_options
@json_option
@log_options
def plan(
    events: str,
    *,
    catalogs: CatalogChoice,
    rules: Recipe,
    as_json: bool,
) -> None:
    """Show the slots, searches and sources of events, without searching.

    EVENTS is "demo" or a file, see "floodscan guide events". With --json, the output has all
    problems of an invalid file.
    """
    from floodscan.catalogs.sources import plan_each
    from floodscan.catalogs.usage import UsageCounter, add_reads
    from floodscan.cli.event_input import report_events
    from floodscan.cli.output import open_console, print_json_list
    from floodscan.inputs.event_files import list_all
    from floodscan.planning.estimate import SizeCounter
    from floodscan.planning.slots import cut_batches
    from floodscan.report.plans import show_plans, show_sources

    source = catalogs.open(events, rules)
    rules = _drop_unheld(source, rules)
    counter = UsageCounter(source)
    sizes = SizeCounter(rules, counter.covers)
    with report_events(as_json=as_json):
        listed = list_all(events, phase_offset_days=rules.phase_offset_days)
    _log.info("%d events are read from %s", len(listed), events)
    planned = plan_each(source, cut_batches(listed, run_id=""), rules)
    batches = sizes.count(counter.count(planned))
    if as_json:
        print_json_list(_in_order(batches, listed.ids, source))
        return
    show_plans(open_console(), batches, listed.ids)
    uses = list(counter.list_uses())
    show_sources(open_console(), uses, rules.checks)
    _show_totals(source, rules, add_reads(sizes.size, uses))


def _show_totals(source: Catalog, rules: Recipe, size: SweepSize) -> None:
    """Print how long the sweep takes, and how many scenes are read for clouds."""
    from floodscan.catalogs.sources import list_archives
    from floodscan.cli.output import open_console
    from floodscan.clusters import FEW_EVENTS
    from floodscan.report.plans import show_estimate, show_reads
    from floodscan.selection.clearness import reads_area

    show_estimate(
        open_console(),
        size,
        rules.policy,
        in_one_process=size.n_events <= FEW_EVENTS,
        is_remote=any(archive.is_remote for archive in list_archives(source)),
    )
    if reads_area(rules):
        show_reads(open_console(), size.n_events)


def _drop_unheld(source: Catalog, rules: Recipe) -> Recipe:
    """Do without a collection for what was acquired that an archive lacks, and say so."""
    from floodscan.catalogs.sources import NOT_HELD, find_unheld
    from floodscan.cli.output import print_problem

    unheld = find_unheld(source, rules)
    if not unheld:
        return rules
    print_problem(f"not checked: {', '.join(unheld)}: {NOT_HELD}")
    return rules.without_checks()


def _in_order(
    batches: Iterable[BatchPlan], event_ids: Iterable[str], source: Catalog
) -> Iterator[Json]:
    """Yield the plans in the order of the events; until then they are kept on disk."""
    from floodscan.planning.scratch import ScratchDatabase

    kept = ScratchDatabase("CREATE TABLE plan (event_id TEXT PRIMARY KEY, content BLOB)")
    for batch in batches:
        rows = (
            (each.event.event_id, pickle.dumps(_to_json(each, batch.searches_for(each), source)))
            for each in batch.plans
        )
        kept.executemany("INSERT INTO plan VALUES (?, ?)", rows)
    for event_id in event_ids:
        found = kept.execute("SELECT content FROM plan WHERE event_id = ?", (event_id,))
        yield pickle.loads(found.fetchone()[0])  # noqa: S301 - our own bytes


def _to_json(each: EventPlan, searches: Iterable[Search], source: Catalog) -> Json:
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
            {"collections": [*s.wanted], "bbox": s.bbox, "window": s.window and str(s.window)}
            for s in searches
            if not s.joined
        ],
    }
