"""Options that commands share, and the values that they become."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floodscan.catalogs.access import MAX_AGE_DAYS, MAX_IN_FLIGHT, Access, default_cache
from floodscan.errors import InputProblem, RecipeError
from floodscan.inputs.recipe_files import load_recipe
from floodscan.model import Policy

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Where tasks run.

    Attributes:
        cluster: Kind of cluster, or a scheduler's address.
        n_workers: Processes of a local cluster, or worker jobs; None is the cluster's default.
        profile: File that says what worker jobs are like.
        search_on_driver: Whether searches stay with the driver.
    """

    cluster: str
    n_workers: int | None
    profile: str | None
    search_on_driver: bool

    def n_searches(self, access: Access) -> int | None:
        """Tell how many searches the driver's side makes at once; None where the nodes search."""
        return access.max_in_flight if self.search_on_driver else None


recipe_option = click.option(
    "--recipe",
    metavar="TOML",
    help="Sensors, windows, filters and policy; default: the published ones.",
)
policy_option = click.option(
    "--policy",
    type=click.Choice([str(policy) for policy in Policy]),
    help="How scenes are chosen; default: the recipe's.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def rules_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add the options that say what is looked for and how scenes are chosen.

    The command gets them as ``rules``.
    """

    @recipe_option
    @policy_option
    @click.option(
        "--tile-size", type=float, metavar="METRES", help="Choose for square tiles of the area too."
    )
    @wraps(command)
    def call(
        *args: object,
        recipe: str | None,
        policy: str | None,
        tile_size: float | None,
        **others: object,
    ) -> int | None:
        if tile_size is not None and not 0 < tile_size < float("inf"):
            raise RecipeError("--tile-size", [InputProblem("", "", "must be above 0 metres")])
        rules = load_recipe(recipe)
        if policy is not None:
            rules = replace(rules, policy=Policy(policy))
        if tile_size is not None:
            rules = replace(rules, tile_size_m=tile_size)
        return command(*args, rules=rules, **others)

    return call


def access_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say how a STAC API is asked; the command gets them as ``access``."""

    @click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        default=MAX_IN_FLIGHT,
        show_default=True,
        help="Requests to a STAC API at once, over all workers.",
    )
    @click.option(
        "--max-per-second",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="Requests to a STAC API that start in a second, over all workers.",
    )
    @click.option(
        "--cache",
        metavar="DIR",
        help=f"Where a STAC API's answers are kept for {MAX_AGE_DAYS:g} days; default: the user's cache folder.",
    )
    @click.option("--refresh", is_flag=True, help="Ask a STAC API again for what is kept.")
    @wraps(command)
    def call(
        *args: object,
        max_in_flight: int,
        max_per_second: float | None,
        cache: str | None,
        refresh: bool,
        **others: object,
    ) -> int:
        folder = Path(cache) if cache else default_cache()
        access = Access(
            max_in_flight=max_in_flight,
            max_per_second=max_per_second,
            cache=folder,
            refresh=refresh,
        )
        return command(*args, access=access, **others)

    return call


def cluster_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say where tasks run; the command gets them as ``cluster_choice``."""

    @click.option(
        "--cluster",
        default="local",
        show_default=True,
        help="local, none, slurm (submits worker jobs), allocation (this SLURM job's nodes), or a scheduler's address.",
    )
    @click.option(
        "--workers",
        type=click.IntRange(1),
        help="Processes of a local cluster, default: cores; worker jobs of slurm; nodes of an allocation, default all.",
    )
    @click.option(
        "--profile",
        metavar="YAML",
        help="What worker jobs are like: dask-jobqueue's section jobqueue.slurm.",
    )
    @click.option(
        "--search-on",
        type=click.Choice(["nodes", "driver"]),
        default="nodes",
        show_default=True,
        help="Who asks the catalog: driver, where the nodes of slurm or allocation have no way out.",
    )
    @wraps(command)
    def call(
        *args: object,
        cluster: str,
        workers: int | None,
        profile: str | None,
        search_on: str,
        **others: object,
    ) -> int:
        return command(
            *args,
            cluster_choice=ClusterChoice(cluster, workers, profile, search_on == "driver"),
            **others,
        )

    return call
