"""The command line: parse, one call, print."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from floodscan.catalogs.access import MAX_AGE_DAYS, MAX_IN_FLIGHT, Access, default_cache
from floodscan.errors import FloodscanError, Problem, RecipeError
from floodscan.events import load_events
from floodscan.outcomes import count_outcomes, count_warnings
from floodscan.planning import BATCH_EVENTS, plan_batches
from floodscan.recipe import Policy, Recipe, load_recipe
from floodscan.report.compare import compare as compare_runs
from floodscan.report.explain import explain as explain_event
from floodscan.report.tables import show_choices, show_comparison, show_explanation, show_outcomes, show_plan
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from floodscan.outcomes import Outcome
    from floodscan.planning import EventPlan
    from floodscan.searches import Search
    from floodscan.sweep import ScanResult

EXIT_OK = 0
EXIT_UNFILLED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM

_EVENTS_SHOWN_WHOLE = 3
_PIPED_WIDTH = 1000

_recipe_option = click.option(
    "--recipe", metavar="TOML", help="Sensors, windows, filters and policy; default: the published ones."
)
_policy_option = click.option(
    "--policy",
    type=click.Choice([str(policy) for policy in Policy]),
    help="How scenes are chosen; default: the recipe's.",
)
_tile_option = click.option(
    "--tile-size", type=float, metavar="METRES", help="Choose for square tiles of the area too."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _access_options(command: Callable[..., int]) -> Callable[..., int]:
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
        access = Access(max_in_flight=max_in_flight, max_per_second=max_per_second, cache=folder, refresh=refresh)
        return command(*args, access=access, **others)

    return call


def main() -> None:
    """Run the command line; what a person did wrong is told in one message."""
    # without a handler a driver that is told to end leaves its worker jobs behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as err:
        err.show()
        status = EXIT_BAD_INPUT
    except FloodscanError as err:
        Console(stderr=True, soft_wrap=True).print(f"error: {err}", style="red", markup=False, highlight=False)
        status = EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        status = EXIT_INTERRUPTED
    sys.exit(status if isinstance(status, int) else EXIT_OK)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="floodscan")
def cli() -> None:
    """Find, score and choose satellite scenes for flood events."""


@cli.command(
    epilog="The exit status is 0 if every slot was filled, 1 if some was not, 2 if something given can't be used."
)
@click.argument("events")
@click.option("--catalog", help="planetary-computer (default), demo, a STAC API's URL, or stac-geoparquet.")
@_recipe_option
@_policy_option
@click.option("--out", metavar="DIR", help="Where results go; default: floodscan-NAME for a file NAME.")
@click.option(
    "--cluster",
    default="local",
    show_default=True,
    help="local, none, slurm (submits worker jobs), allocation (this SLURM job's nodes), or a scheduler's address.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes of a local cluster, default: cores; worker jobs of slurm."
)
@click.option("--profile", metavar="YAML", help="What worker jobs are like: dask-jobqueue's section jobqueue.slurm.")
@click.option("--dry-run", is_flag=True, help="Print the script of a worker job, and submit nothing.")
@_access_options
@_tile_option
@_json_option
def scan(  # noqa: PLR0913, PLR0917 - one parameter per option
    events: str,
    catalog: str | None,
    recipe: str | None,
    policy: str | None,
    out: str | None,
    cluster: str,
    workers: int | None,
    profile: str | None,
    tile_size: float | None,
    *,
    access: Access,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Choose scenes for flood events.

    EVENTS is a TOML, GeoJSON, GeoParquet or CSV file, or "demo".
    """
    # what needs Dask takes a second to import: the other commands do without
    from floodscan import clusters, sweep  # noqa: PLC0415

    rules = _load_recipe(recipe, tile_size, policy)
    listed = load_events(events, phase_offset_days=rules.phase_offset_days)
    if dry_run:
        click.echo(clusters.preview_jobs(cluster, profile=profile), nl=False)
        return EXIT_OK
    with clusters.prepare_client(cluster, n_workers=workers, profile=profile) as start, _progress() as on_progress:
        result = sweep.scan(
            listed,
            catalog=sweep.open_source(catalog, events),
            recipe=rules,
            out=out or f"floodscan-{Path(events).stem}",
            client=start,
            access=access,
            on_progress=on_progress,
        )
    _print_result(result, as_json=as_json)
    return EXIT_OK if result.ok else EXIT_UNFILLED


@cli.command()
@click.argument("events")
@_recipe_option
@_tile_option
@_json_option
def plan(events: str, recipe: str | None, tile_size: float | None, *, as_json: bool) -> None:
    """Show slots and searches, asking nothing."""
    rules = _load_recipe(recipe, tile_size)
    listed = load_events(events, phase_offset_days=rules.phase_offset_days)
    batches = plan_batches(listed, rules, batch_size=BATCH_EVENTS)
    planned = {each.event.event_id: (each, batch.searches_for(each)) for batch in batches for each in batch.plans}
    plans = [planned[event.event_id] for event in listed]
    if as_json:
        _print_json([_plan_facts(*each) for each in plans])
    else:
        for each in plans:
            show_plan(_console(), *each)


@cli.command()
@click.argument("out")
@click.argument("event")
@click.argument("slot", nargs=-1, metavar="[PHASE] [SENSOR]")
@click.option("--target", default="aoi", show_default=True, help="aoi, or a tile's id.")
@_json_option
def explain(out: str, event: str, slot: tuple[str, ...], target: str, *, as_json: bool) -> None:
    """Tell why scenes were chosen, and others not.

    EVENT is one of the run in folder OUT; PHASE and SENSOR keep to some of its slots.
    """
    slots = explain_event(RunFolder(Path(out)), event, slot, target_id=target)
    if as_json:
        _print_json(slots)
    else:
        show_explanation(_console(), slots)


@cli.command()
@click.argument("source", metavar="OUT")
@_recipe_option
@_policy_option
@click.option("--out", required=True, metavar="DIR", help="Where results go: a folder of their own.")
@_json_option
def reselect(source: str, recipe: str | None, policy: str | None, out: str, *, as_json: bool) -> int:
    """Choose again from the candidates of the run in folder OUT, without asking the catalogue.

    Without --recipe the run's own rules hold, except for steps that would need a wider window than was searched.
    """
    from floodscan.sweep import reselect as choose_again  # noqa: PLC0415 - what needs Dask takes a second to import

    rules = None if recipe is None else _load_recipe(recipe)
    result = choose_again(source, out=out, policy=Policy(policy) if policy else None, recipe=rules)
    _print_result(result, as_json=as_json)
    return EXIT_OK if result.ok else EXIT_UNFILLED


@cli.command()
@click.argument("one", metavar="OUT1")
@click.argument("other", metavar="OUT2")
@_json_option
def compare(one: str, other: str, *, as_json: bool) -> None:
    """List the slots that the runs in folders OUT1 and OUT2 fill with other scenes, side by side with reasons."""
    found = compare_runs(RunFolder(Path(one)), RunFolder(Path(other)))
    if as_json:
        _print_json(found)
    else:
        show_comparison(_console(), found)


@cli.command()
@click.argument("out")
@click.argument("event")
@click.option("--to", metavar="DIR", help="Where pictures go; default: OUT/plots.")
@click.option(
    "--format", "kind", type=click.Choice(["png", "svg"]), default="png", show_default=True, help="Kind of picture."
)
def plot(out: str, event: str, to: str | None, kind: str) -> None:
    """Draw an event's map and timeline.

    EVENT is one of the run in folder OUT.
    """
    # what needs matplotlib takes a second to import: the other commands do without
    from floodscan.report.plots import plot as plot_event  # noqa: PLC0415

    for path in plot_event(RunFolder(Path(out)), event, to=to, kind=kind):
        _console().print(path, markup=False)


@cli.command()
@click.option("--profile", metavar="YAML", help="Look at SLURM too, and from a compute node.")
@click.option("--catalog", default="planetary-computer", show_default=True, help="The catalogue that will be asked.")
@click.option("--wait", "wait_seconds", default=300.0, show_default=True, metavar="SECONDS", help="For a compute node.")
@_json_option
def doctor(profile: str | None, catalog: str, wait_seconds: float, *, as_json: bool) -> int:
    """Look whether everything is there that a sweep needs; the exit status is 0 if it is, and 1 if not."""
    # what needs Dask takes a second to import: the other commands do without
    from floodscan.clusters.profile import load_profile  # noqa: PLC0415
    from floodscan.doctor import examine  # noqa: PLC0415

    read = load_profile(profile) if profile else None
    checks = []
    for check in examine(profile=read, catalog=catalog, wait_seconds=wait_seconds):
        checks.append(check)
        if not as_json:
            _console().print(f"{'ok' if check.ok else 'NO':<4}{check.name:<28}{check.text}", markup=False)
    if as_json:
        _print_json([{"name": c.name, "ok": c.ok, "text": c.text} for c in checks])
    return EXIT_OK if all(check.ok for check in checks) else EXIT_UNFILLED


def _load_recipe(path: str | None, tile_size: float | None = None, policy: str | None = None) -> Recipe:
    if tile_size is not None and not 0 < tile_size < float("inf"):
        raise RecipeError("--tile-size", [Problem("", "", "must be above 0 metres")])
    recipe = load_recipe(path)
    if policy is not None:
        recipe = replace(recipe, policy=Policy(policy))
    return recipe if tile_size is None else replace(recipe, tile_size_m=tile_size)


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Draw a bar on a terminal; nothing where the output is piped."""
    columns = ("events", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("events", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_result(result: ScanResult, *, as_json: bool) -> None:
    console = _console()
    counts = count_outcomes(result.outcomes)
    if as_json:
        _print_json({"out": str(result.folder.path), "counts": counts, "events": [asdict(o) for o in result.outcomes]})
        return
    if len(result.outcomes) <= _EVENTS_SHOWN_WHOLE:
        for manifest in result.manifests.values():
            show_choices(console, manifest)
    else:
        show_outcomes(console, result.outcomes)
    console.print(
        f"{counts['filled']} of {counts['slots']} slots filled from {counts['candidates']} candidates "
        f"in {counts['requests']} requests; in {result.folder.path}:"
    )
    console.print("  candidates/*.parquet  manifests/<event>.json  events.parquet  run.json")
    console.print("Why: floodscan explain OUT EVENT; pictures: floodscan plot OUT EVENT")
    _print_warnings(console, result.outcomes)


def _print_warnings(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Sum up the warnings at the end, where they are seen."""
    if kinds := count_warnings(outcomes):
        counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        n_events = sum(bool(outcome.warnings) for outcome in outcomes)
        console.print(f"warnings at {n_events} of {len(outcomes)} events: {counts}", style="yellow")


def _plan_facts(each: EventPlan, searches: Iterable[Search]) -> dict[str, Any]:
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
            {"collection": s.collection, "bbox": s.bbox, "window": s.window and str(s.window)} for s in searches
        ],
    }


def _print_json(content: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
