"""Options that several commands share, and the values that they become.

Commands import this module for their ``--help``: it must stay light, so functions import the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floodscan.errors import InputProblem, RecipeError
from floodscan.model import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from floodscan.catalogs import Access

    Command = Callable[..., int | None]


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Where tasks run.

    Attributes:
        cluster: Kind of cluster, or a scheduler's address.
        n_workers: Processes of a local cluster, or worker jobs; None is the cluster's default.
        profile: File that describes worker jobs.
        search_on_driver: True if searches run on the driver's machine.
    """

    cluster: str
    n_workers: int | None
    profile: str | None
    search_on_driver: bool

    def list_unused(self) -> list[str]:
        """Return the options that were given and have no effect on this kind of cluster."""
        for_slurm = self.cluster in {"slurm", "allocation"}
        unused = {
            "--profile": self.profile is not None and not for_slurm,
            "--workers": self.n_workers is not None and not (for_slurm or self.cluster == "local"),
        }
        return [name for name, is_unused in unused.items() if is_unused]

    def n_searches(self, access: Access) -> int | None:
        """Return the number of searches at once on the driver; None if the nodes search."""
        return access.max_in_flight if self.search_on_driver else None


policy_option = click.option(
    "--policy",
    type=click.Choice([str(policy) for policy in Policy]),
    help="How scenes are chosen; default: the recipe's policy.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def recipe_option(*, default: str) -> Callable[[Command], Command]:
    """Return the option for a recipe.

    Args:
        default: The rules that apply without it, in words.
    """
    return click.option(
        "--recipe",
        metavar="TOML",
        help=f"Sensors, windows, filters and policy; default: {default}.",
    )


_CATALOGS = (
    click.option(
        "--catalog",
        help="planetary-computer (default), demo, the URL of a STAC API, or the address of "
        "stac-geoparquet files.",
    ),
    click.option(
        "--fallback-catalog",
        metavar="CATALOG",
        help="Catalog for time windows that an archive does not cover.",
    ),
)

_TILE_SIZE = click.option(
    "--tile-size",
    type=float,
    metavar="METRES",
    help="Also choose scenes for square tiles of the area, with edges of this length.",
)
_RULES = (recipe_option(default="the published procedure"), policy_option, _TILE_SIZE)

_ACCESS = (
    click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        help="Requests to a STAC API at the same time, over all workers; default: 32.",
    ),
    click.option(
        "--max-per-second",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="Requests to a STAC API per second, over all workers; default: no limit.",
    ),
    click.option(
        "--cache",
        metavar="DIR",
        help="Folder that keeps the answers of a STAC API for 7 days; "
        "default: the user's cache folder.",
    ),
    click.option(
        "--refresh", is_flag=True, help="Ask the STAC API again, also for cached answers."
    ),
)

_CLUSTER = (
    click.option(
        "--cluster",
        default="local",
        show_default=True,
        help="local, none, slurm (submit worker jobs), allocation (the nodes of this SLURM job), "
        "or the address of a Dask scheduler.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Processes of a local cluster (default: one per core), worker jobs of slurm "
        "(default: 1), or nodes of an allocation (default: all).",
    ),
    click.option(
        "--profile",
        metavar="YAML",
        help="Description of worker jobs: dask-jobqueue's section jobqueue.slurm.",
    ),
    click.option(
        "--search-on",
        type=click.Choice(["nodes", "driver"]),
        default="nodes",
        show_default=True,
        help="Where searches run: driver, if the nodes of slurm or allocation have no internet "
        "access.",
    ),
)


def rules_options(command: Command) -> Command:
    """Add the options for the rules of a run; the command gets them as ``rules``, a Recipe."""

    @wraps(command)
    def call(
        *args: object,
        recipe: str | None,
        policy: str | None,
        tile_size: float | None,
        **others: object,
    ) -> int | None:
        from floodscan.inputs.recipe_files import load_recipe

        if tile_size is not None and not 0 < tile_size < float("inf"):
            raise RecipeError("--tile-size", [InputProblem("", "", "must be above 0 metres")])
        rules = load_recipe(recipe)
        if policy is not None:
            rules = replace(rules, policy=Policy(policy))
        if tile_size is not None:
            rules = replace(rules, tile_size_m=tile_size)
        return command(*args, rules=rules, **others)

    return _add(_RULES, call)


def catalog_options(command: Command) -> Command:
    """Add the options for the catalogs of a run."""
    return _add(_CATALOGS, command)


def access_options(command: Command) -> Command:
    """Add the options for requests to a STAC API; the command gets them as ``access``."""

    @wraps(command)
    def call(
        *args: object,
        max_in_flight: int | None,
        max_per_second: float | None,
        cache: str | None,
        refresh: bool,
        **others: object,
    ) -> int | None:
        from floodscan.catalogs.access import Access, default_cache

        folder = Path(cache) if cache else default_cache()
        access = Access(max_per_second=max_per_second, cache=folder, refresh=refresh)
        if max_in_flight is not None:
            access = replace(access, max_in_flight=max_in_flight)
        return command(*args, access=access, **others)

    return _add(_ACCESS, call)


def cluster_options(command: Command) -> Command:
    """Add the options for the cluster; the command gets them as ``cluster_choice``."""

    @wraps(command)
    def call(
        *args: object,
        cluster: str,
        workers: int | None,
        profile: str | None,
        search_on: str,
        **others: object,
    ) -> int | None:
        choice = ClusterChoice(cluster, workers, profile, search_on == "driver")
        return command(*args, cluster_choice=choice, **others)

    return _add(_CLUSTER, call)


def _add(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Add options to a command, the first one first in its help."""
    for option in reversed(options):
        command = option(command)
    return command
