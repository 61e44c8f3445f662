"""``floodscan scan``: scenes for flood events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.options import (
    access_options,
    catalog_options,
    cluster_options,
    json_option,
    rules_options,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from floodscan.catalogs import Access
    from floodscan.cli.options import ClusterChoice
    from floodscan.clusters import Opener
    from floodscan.model import Recipe


@click.command(
    epilog="The exit status is 0 if every slot was filled, 1 if a slot is empty, and 2 if an "
    "input can't be used."
)
@click.argument("events")
@catalog_options
@rules_options
@click.option(
    "--out", metavar="DIR", help="Output folder; default: floodscan-NAME for a file NAME."
)
@cluster_options
@click.option(
    "--dry-run", is_flag=True, help="Print the script of a worker job, and submit nothing."
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Scan events of the run in --out again if they failed or if one of their searches failed.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="If a bug stops a batch, mark the batch's events as failed and run the others.",
)
@click.option(
    "--manifests",
    type=click.Choice(["files", "packed"]),
    help="files: one per event; packed: one per batch; default: packed above 1,000 events.",
)
@access_options
@json_option
def scan(  # noqa: PLR0913 - one parameter per option
    events: str,
    catalog: str | None,
    fallback_catalog: str | None,
    out: str | None,
    *,
    rules: Recipe,
    cluster_choice: ClusterChoice,
    access: Access,
    dry_run: bool,
    manifests: str | None,
    as_json: bool,
    **switches: bool,
) -> int:
    """Choose scenes for flood events.

    EVENTS is a TOML, GeoJSON, GeoParquet or CSV file, or "demo". If --out holds part of the same
    run, the scan continues it.
    """
    from floodscan import scanning
    from floodscan.cli.output import print_coverage, print_result, show_progress

    listed = scanning.read_list(events, rules)
    if dry_run:
        click.echo(_preview_job(cluster_choice, access), nl=False)
        return ExitStatus.OK
    source = scanning.open_source(catalog, events, recipe=rules, fallback=fallback_catalog)
    print_coverage(source, rules)
    with show_progress() as on_progress, _prepare_client(cluster_choice, access) as client:
        result = scanning.scan(
            listed,
            catalog=source,
            fallback=None,  # it is a part of the source
            recipe=rules,
            out=out or f"floodscan-{Path(events).stem}",
            client=client,
            access=access,
            search_on_driver=cluster_choice.search_on_driver,
            pack_manifests=None if manifests is None else manifests == "packed",
            on_progress=on_progress,
            **switches,
        )
    print_result(result, as_json=as_json)
    return ExitStatus.OK if result.ok else ExitStatus.INCOMPLETE


def _preview_job(choice: ClusterChoice, access: Access) -> str:
    from floodscan.clusters import preview_jobs

    return preview_jobs(
        choice.cluster, profile=choice.profile, n_searches=choice.n_searches(access)
    )


def _prepare_client(choice: ClusterChoice, access: Access) -> AbstractContextManager[Opener]:
    from floodscan.cli.output import print_problem
    from floodscan.clusters import prepare_client

    for name in choice.list_unused():
        print_problem(f"note: {name} has no effect with --cluster {choice.cluster}", style="yellow")
    return prepare_client(
        choice.cluster,
        n_workers=choice.n_workers,
        profile=choice.profile,
        n_searches=choice.n_searches(access),
    )
