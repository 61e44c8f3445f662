"""``floodscan scan``: scenes for flood events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.options import (
    AnyPath,
    access_options,
    catalog_options,
    cluster_options,
    json_option,
    log_options,
    rules_options,
)
from floodscan.cli.pixel_options import pixel_options
from floodscan.cli.without_pandas import CommandWithoutPandas

if TYPE_CHECKING:
    from floodscan.catalogs import Access
    from floodscan.cli.options import CatalogChoice, ClusterChoice
    from floodscan.model import Recipe
    from floodscan.planning.event_list import EventList


@click.command(
    cls=CommandWithoutPandas,
    epilog="The exit status is 0 if every slot was filled, 1 if a slot is empty, and 2 if an "
    "input can't be used.",
)
@click.argument("events", metavar="EVENTS", type=AnyPath())
@catalog_options
@rules_options
@click.option(
    "--out",
    metavar="DIR",
    type=AnyPath(),
    help="Output folder; default: floodscan-NAME for a file NAME.",
)
@cluster_options(searches=True)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the script of a worker job, and submit nothing; for slurm.",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Continue the run in --out, and repeat its events that failed or that had a failed "
    "search.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="If a bug in floodscan stops a batch of events, mark these events as failed, and go on "
    "with the others.",
)
@click.option(
    "--manifests",
    "pack_manifests",
    callback=lambda _context, _option, value: None if value is None else value == "packed",
    type=click.Choice(["files", "packed"]),
    metavar="HOW",
    help="How manifests are stored. files: one file per event. packed: one file per batch of "
    "events. Default: packed above 1,000 events.",
)
@access_options
@pixel_options
@json_option
@log_options
def scan(  # noqa: PLR0913 - one parameter per option
    events: str,
    catalogs: CatalogChoice,
    out: str | None,
    *,
    rules: Recipe,
    cluster_choice: ClusterChoice,
    access: Access,
    dry_run: bool,
    as_json: bool,
    **switches: Any,  # noqa: ANN401 - as in scanning.scan
) -> int:
    """Choose scenes for flood events.

    EVENTS is "demo" or a file, see "floodscan guide events". A scan continues the run in --out.
    """
    from floodscan import scanning
    from floodscan.cli.cluster import prepare_client
    from floodscan.cli.output import print_coverage, print_result, show_progress

    listed = _read_list(events, rules, as_json=as_json)
    if dry_run:
        return _print_job(cluster_choice, access)
    print_coverage(source := catalogs.open(events, rules), rules)
    cluster = prepare_client(cluster_choice, access, n_events=len(listed))
    with show_progress() as on_progress, cluster as client:
        result = scanning.scan(
            listed,
            catalog=source,
            recipe=rules,
            out=out or f"floodscan-{Path(events).stem}",
            client=client,
            access=access,
            search_on_driver=cluster_choice.search_on_driver,
            on_progress=on_progress,
            **switches,
        )
    return print_result(result, as_json=as_json, can_retry=True)


def _read_list(events: str, rules: Recipe, *, as_json: bool) -> EventList:
    from floodscan.cli.event_input import report_events
    from floodscan.scanning import read_list

    with report_events(as_json=as_json):
        return read_list(events, rules)


def _print_job(choice: ClusterChoice, access: Access) -> int:
    from floodscan.cli.output import print_script
    from floodscan.clusters import preview_jobs

    n_searches = choice.n_searches(access)
    print_script(preview_jobs(choice.cluster, profile=choice.profile, n_searches=n_searches))
    return ExitStatus.OK
