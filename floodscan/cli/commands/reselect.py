"""``floodscan reselect``: other choices from the candidates of a run."""

from __future__ import annotations

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.options import AnyPath, json_option, policy_option, recipe_option
from floodscan.model import Policy


@click.command()
@click.argument("source", metavar="OUT", type=AnyPath())
@recipe_option(default="those of the run")
@policy_option
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=AnyPath(),
    help="Output folder; not the folder OUT.",
)
@json_option
def reselect(
    source: str, recipe: str | None, policy: str | None, out: str, *, as_json: bool
) -> int:
    """Choose again from the candidates of a run.

    OUT is the folder of a finished run; its catalog is not searched. Without --recipe, the recipe
    of that run applies. Steps of its ladder that need a wider window than the run searched are left
    out, and so are those of the default ladder.
    """
    from floodscan import scanning
    from floodscan.cli.output import print_result
    from floodscan.inputs.recipe_files import load_recipe

    result = scanning.reselect(
        source,
        out=out,
        policy=Policy(policy) if policy else None,
        recipe=None if recipe is None else load_recipe(recipe),
    )
    print_result(result, as_json=as_json)
    return ExitStatus.OK if result.ok else ExitStatus.INCOMPLETE
