"""``floodscan reselect``: other choices from the candidates of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from floodscan.cli.options import (
    AnyPath,
    cloud_option,
    cluster_options,
    json_option,
    log_options,
    policy_option,
    recipe_option,
)
from floodscan.cli.without_pandas import CommandWithoutPandas
from floodscan.model import CloudScope, Policy

if TYPE_CHECKING:
    from floodscan.cli.options import ClusterChoice


@click.command(
    cls=CommandWithoutPandas,
    epilog="The exit status is 0 if every slot was filled, 1 if a slot is empty, and 2 if an "
    "input can't be used.",
)
@click.argument("source", metavar="OUT", type=AnyPath())
@recipe_option(default="those of the run")
@policy_option
@cloud_option
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=AnyPath(),
    help="Output folder, another one than OUT.",
)
@cluster_options(searches=False)
@json_option
@log_options
def reselect(  # noqa: PLR0913 - one parameter per option
    source: str,
    recipe: str | None,
    policy: str | None,
    cloud: str | None,
    out: str,
    *,
    cluster_choice: ClusterChoice,
    as_json: bool,
) -> int:
    """Choose again from the candidates of a run.

    OUT is the folder of a finished run. Its catalog is not searched. The choices go to the folder
    --out.

    Without --recipe, the recipe of that run applies. If a step of its ladder, or of the default
    ladder, needs a wider window than the run searched, that step is left out.
    """
    from floodscan import scanning
    from floodscan.cli.cluster import prepare_client
    from floodscan.cli.output import print_result, show_progress
    from floodscan.inputs.recipe_files import load_recipe
    from floodscan.reselection import read_finished
    from floodscan.store import RunFolder

    rules = None if recipe is None else load_recipe(recipe)
    n_events = read_finished(RunFolder(Path(source).absolute()))["planned"]["events"]
    cluster = prepare_client(cluster_choice, n_events=n_events)
    with show_progress(is_kept=False) as on_progress, cluster as client:
        result = scanning.reselect(
            source,
            out=out,
            policy=Policy(policy) if policy else None,
            cloud=CloudScope(cloud) if cloud else None,
            recipe=rules,
            client=client,
            on_progress=on_progress,
        )
    return print_result(result, as_json=as_json)
