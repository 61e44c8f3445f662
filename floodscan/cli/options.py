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
from floodscan.model import CloudScope, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from floodscan.catalogs import Access, Catalog
    from floodscan.clusters import NumberOfWorkers
    from floodscan.model import Recipe

    Command = Callable[..., int | None]


class AnyPath(click.Path):
    """A path that shells complete; what can't be used is reported by the code that uses it."""

    def __init__(self) -> None:
        super().__init__(readable=False)


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Where tasks run.

    Attributes:
        cluster: Kind of cluster, or a scheduler's address.
        n_workers: Processes of a local cluster, or worker jobs, or the least and the most of them;
            None is the cluster's default.
        profile: File that describes worker jobs.
        search_on_driver: True if searches run on the driver's machine.
    """

    cluster: str
    n_workers: NumberOfWorkers | None
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


def _read_workers(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> NumberOfWorkers | None:
    """Read a number of workers, or the least and the most of them."""
    if text is None:
        return None
    try:
        least, *most = [int(part) for part in text.split(":", maxsplit=1)]
    except ValueError:
        message = f"{text!r} is neither a number nor MIN:MAX, such as 4:32"
        raise click.BadParameter(message, ctx, param) from None
    if least < 1 or (most and most[0] < least):
        raise click.BadParameter(f"{text}: must be at least 1, and MAX at least MIN", ctx, param)
    return (least, most[0]) if most else least


@dataclass(frozen=True, slots=True)
class CatalogChoice:
    """Where items come from.

    Attributes:
        catalog: Name, URL or path; None is the default for the events.
        fallback: Catalog for time windows that an archive does not cover.
    """

    catalog: str | None
    fallback: str | None

    def open(self, events: str, rules: Recipe) -> Catalog:
        """Open the catalogs as one, with the sources that the recipe names."""
        from floodscan.scanning import open_source

        return open_source(self.catalog, events, recipe=rules, fallback=self.fallback)


policy_option = click.option(
    "--policy",
    type=click.Choice([str(policy) for policy in Policy]),
    metavar="POLICY",
    help=f"How scenes are chosen: {' or '.join(Policy)}; default: the recipe's policy.",
)
cloud_option = click.option(
    "--cloud",
    type=click.Choice([str(scope) for scope in CloudScope]),
    metavar="SCOPE",
    help="Which clouds of optical scenes count: those of the whole scene, or those over the area, "
    "which are read from the scenes; scene or area; default: the recipe's.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for scripts."
)


def recipe_option(*, default: str) -> Callable[[Command], Command]:
    """Return the option for a recipe.

    Args:
        default: The rules that apply without it, in words.
    """
    return click.option(
        "--recipe",
        metavar="TOML",
        type=AnyPath(),
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
    help="Choose scenes also for each square tile of the area, with edges of this length.",
)
_RULES = (recipe_option(default="the published procedure"), policy_option, cloud_option, _TILE_SIZE)

_ACCESS = (
    click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        metavar="N",
        help="At most N requests to a STAC API at the same time, over all workers; default: 32.",
    ),
    click.option(
        "--max-per-second",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="At most N requests to a STAC API per second, over all workers; default: no limit.",
    ),
    click.option(
        "--cache",
        metavar="DIR",
        type=AnyPath(),
        help="Folder that keeps the answers of a STAC API for 7 days; "
        "default: the user's cache folder.",
    ),
    click.option(
        "--refresh",
        is_flag=True,
        help="Ask the STAC API again, also for answers that are in the cache.",
    ),
)

_CLUSTER = (
    click.option(
        "--cluster",
        default="local",
        metavar="WHERE",
        help="Where tasks run. local (default): in processes on this machine, or, for up to 512 "
        "events without --workers, in this process. none: in this process. slurm: in worker "
        "jobs, which are submitted. allocation: on the nodes of this SLURM job. Or the address of "
        "a Dask scheduler, such as tcp://10.0.0.1:8786.",
    ),
    click.option(
        "--workers",
        metavar="N|MIN:MAX",
        callback=_read_workers,
        help="Processes of a local cluster (default: one per core), worker jobs of slurm "
        "(default: 1), or nodes of an allocation (default: all). With MIN:MAX, slurm submits and "
        "ends jobs as the load changes.",
    ),
    click.option(
        "--profile",
        metavar="YAML",
        type=AnyPath(),
        help="Description of the worker jobs, for slurm and allocation: the section "
        "jobqueue.slurm of dask-jobqueue.",
    ),
)
_SEARCH_ON = click.option(
    "--search-on",
    type=click.Choice(["nodes", "driver"]),
    default="nodes",
    metavar="WHERE",
    help="Where searches run: nodes (default); or driver, this machine, if the nodes of slurm or "
    "allocation have no internet access.",
)


_LOG = (
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Print what is done: searches, retries, waits, cuts and ends of events. -vv also "
        "prints each chosen scene.",
    ),
    click.option(
        "--log-file",
        metavar="FILE",
        type=AnyPath(),
        help="Add what is done to this file, one line per record, whatever is printed.",
    ),
)


def rules_options(command: Command) -> Command:
    """Add the options for the rules of a run; the command gets them as ``rules``, a Recipe."""

    @wraps(command)
    def call(
        *args: object,
        recipe: str | None,
        policy: str | None,
        cloud: str | None,
        tile_size: float | None,
        **others: object,
    ) -> int | None:
        from floodscan.inputs.recipe_files import load_recipe

        if tile_size is not None and not 0 < tile_size < float("inf"):
            raise RecipeError("--tile-size", [InputProblem("", "", "must be above 0 metres")])
        rules = load_recipe(recipe)
        if policy is not None:
            rules = replace(rules, policy=Policy(policy))
        if cloud is not None:
            rules = rules.with_cloud(CloudScope(cloud))
        if tile_size is not None:
            rules = replace(rules, tile_size_m=tile_size)
        return command(*args, rules=rules, **others)

    return _add(_RULES, call)


def catalog_options(command: Command) -> Command:
    """Add the options for the catalogs of a run; the command gets them as ``catalogs``."""

    @wraps(command)
    def call(
        *args: object, catalog: str | None, fallback_catalog: str | None, **others: object
    ) -> int | None:
        return command(*args, catalogs=CatalogChoice(catalog, fallback_catalog), **others)

    return _add(_CATALOGS, call)


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


def cluster_options(*, searches: bool) -> Callable[[Command], Command]:
    """Return the options for the cluster; the command gets them as ``cluster_choice``.

    Args:
        searches: Whether the command searches a catalog, on the nodes or on the driver.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(
            *args: object,
            cluster: str,
            workers: NumberOfWorkers | None,
            profile: str | None,
            search_on: str = "nodes",
            **others: object,
        ) -> int | None:
            choice = ClusterChoice(cluster, workers, profile, search_on == "driver")
            return command(*args, cluster_choice=choice, **others)

        return _add([*_CLUSTER, _SEARCH_ON] if searches else _CLUSTER, call)

    return decorate


def log_options(command: Command) -> Command:
    """Add the options for the log, which is open while the command runs."""

    @wraps(command)
    def call(*args: object, verbose: int, log_file: str | None, **others: object) -> int | None:
        from floodscan.cli.logs import open_log

        with open_log(verbose, log_file):
            return command(*args, **others)

    return _add(_LOG, call)


def _add(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Add options to a command, the first one first in its help."""
    for option in reversed(options):
        command = option(command)
    return command
