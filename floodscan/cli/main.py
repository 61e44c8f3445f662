"""The command line: parse, one call, print."""

from __future__ import annotations

import shlex
import signal
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from floodscan.assessment.outcomes import count_warnings, is_given_up
from floodscan.cli.guide import guide
from floodscan.cli.options import (
    access_options,
    cluster_options,
    json_option,
    policy_option,
    recipe_option,
    rules_options,
)
from floodscan.errors import FloodscanError
from floodscan.inputs.event_files import load_events
from floodscan.inputs.recipe_files import load_recipe
from floodscan.model import Policy, Recipe
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.report.compare import compare as compare_runs
from floodscan.report.explain import check_event
from floodscan.report.explain import explain as explain_event
from floodscan.report.status import examine_run, show_status
from floodscan.report.tables import (
    OUTCOME_COLUMNS,
    show_choices,
    show_comparison,
    show_explanation,
    show_outcomes,
    show_plan,
)
from floodscan.store import FILES, PACKED, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from floodscan.catalogs import Access
    from floodscan.cli.options import ClusterChoice
    from floodscan.clusters import Opener
    from floodscan.model import Search
    from floodscan.planning.slots import EventPlan
    from floodscan.result import ScanResult

EXIT_OK = 0
EXIT_UNFILLED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT

_EVENTS_SHOWN_WHOLE = 3
_PIPED_WIDTH = 1000


def main() -> None:
    """Run the command line; what a person did wrong is told in one message."""
    # without a handler a driver that is told to end leaves its worker jobs behind
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _end)
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as err:
        err.show()
        status = EXIT_BAD_INPUT
    except FloodscanError as err:
        Console(stderr=True, soft_wrap=True).print(
            f"error: {err}", style="red", markup=False, highlight=False
        )
        status = EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        status = EXIT_INTERRUPTED
    sys.exit(status if isinstance(status, int) else EXIT_OK)


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="floodscan")
def cli() -> None:
    """Find, score and choose satellite scenes for flood events."""


cli.add_command(guide)


@cli.command(
    epilog="The exit status is 0 if every slot was filled, 1 if some was not, 2 if something given can't be used."
)
@click.argument("events")
@click.option(
    "--catalog", help="planetary-computer (default), demo, a STAC API's URL, or stac-geoparquet."
)
@rules_options
@click.option(
    "--out", metavar="DIR", help="Where results go; default: floodscan-NAME for a file NAME."
)
@cluster_options
@click.option(
    "--dry-run", is_flag=True, help="Print the script of a worker job, and submit nothing."
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Do again what failed, or was held back, in the run that --out holds.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="If a bug stops a batch, mark the batch's events as failed and run the others.",
)
@click.option(
    "--manifests",
    "pack_manifests",
    type=click.Choice([FILES, PACKED]),
    callback=lambda _, __, kind: None if kind is None else kind == PACKED,
    help="One file per event, or one per batch; default: packed above 1,000 events.",
)
@access_options
@json_option
def scan(  # noqa: PLR0913 - one parameter per option
    events: str,
    catalog: str | None,
    out: str | None,
    *,
    rules: Recipe,
    cluster_choice: ClusterChoice,
    access: Access,
    dry_run: bool,
    retry_failed: bool,
    keep_going: bool,
    pack_manifests: bool | None,
    as_json: bool,
) -> int:
    """Choose scenes for flood events.

    EVENTS is a TOML, GeoJSON, GeoParquet or CSV file, or "demo". A run that --out holds in part
    goes on from there.
    """
    # what needs Dask takes a second to import: the other commands do without
    from floodscan import scanning  # noqa: PLC0415

    listed = scanning.read_list(events, rules)
    if dry_run:
        _print_job_script(cluster_choice, access)
        return EXIT_OK
    with _progress() as on_progress, _prepare_client(cluster_choice, access) as client:
        result = scanning.scan(
            listed,
            catalog=scanning.open_source(catalog, events),
            recipe=rules,
            out=out or f"floodscan-{Path(events).stem}",
            client=client,
            access=access,
            search_on_driver=cluster_choice.search_on_driver,
            retry_failed=retry_failed,
            keep_going=keep_going,
            pack_manifests=pack_manifests,
            on_progress=on_progress,
        )
    _print_result(result, as_json=as_json)
    return EXIT_OK if result.ok else EXIT_UNFILLED


@cli.command()
@click.argument("events")
@rules_options
@json_option
def plan(events: str, *, rules: Recipe, as_json: bool) -> None:
    """Show slots and searches, asking nothing."""
    listed = load_events(events, phase_offset_days=rules.phase_offset_days)
    batches = [plan_batch(batch, rules) for batch in cut_batches(list_events(listed), run_id="")]
    planned = {
        each.event.event_id: (each, batch.searches_for(each))
        for batch in batches
        for each in batch.plans
    }
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
@json_option
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
@recipe_option
@policy_option
@click.option(
    "--out", required=True, metavar="DIR", help="Where results go: a folder of their own."
)
@json_option
def reselect(
    source: str, recipe: str | None, policy: str | None, out: str, *, as_json: bool
) -> int:
    """Choose again from the candidates of the run in folder OUT, without asking the catalog.

    Without --recipe the run's own rules hold. Of their ladder, and of the default one, steps are
    left out that would need a wider window than was searched.
    """
    from floodscan.scanning import reselect as choose_again  # noqa: PLC0415 - what needs Dask takes a second to import

    rules = None if recipe is None else load_recipe(recipe)
    result = choose_again(source, out=out, policy=Policy(policy) if policy else None, recipe=rules)
    _print_result(result, as_json=as_json)
    return EXIT_OK if result.ok else EXIT_UNFILLED


@cli.command()
@click.argument("one", metavar="OUT1")
@click.argument("other", metavar="OUT2")
@json_option
def compare(one: str, other: str, *, as_json: bool) -> None:
    """List the slots that the runs in folders OUT1 and OUT2 fill with other scenes, side by side with reasons."""
    found = compare_runs(RunFolder(Path(one)), RunFolder(Path(other)))
    if as_json:
        _print_json(found)
    else:
        show_comparison(_console(), found)


@cli.command()
@click.argument("out")
@json_option
def status(out: str, *, as_json: bool) -> None:
    """Tell how far the run in folder OUT is: done, failed and missing events, requests, rates and time left."""
    found = examine_run(RunFolder(Path(out)))
    if as_json:
        _print_json(found)
    else:
        show_status(_console(), found)


@cli.command()
@click.argument("out")
@click.argument("event")
def manifest(out: str, event: str) -> None:
    """Print an event's manifest, whether it is a file of its own or packed.

    EVENT is one of the run in folder OUT.
    """
    check_event(RunFolder(Path(out)), event)
    sys.stdout.buffer.write(RunFolder(Path(out)).read_manifest(event))


@cli.command()
@click.argument("out")
@click.argument("event")
@click.option("--to", metavar="DIR", help="Where pictures go; default: OUT/plots.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["png", "svg"]),
    default="png",
    show_default=True,
    help="Kind of picture.",
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
@click.option(
    "--catalog",
    default="planetary-computer",
    show_default=True,
    help="The catalog that will be asked.",
)
@click.option(
    "--wait",
    "wait_seconds",
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="For a compute node.",
)
@json_option
def doctor(profile: str | None, catalog: str, wait_seconds: float, *, as_json: bool) -> int:
    """Look whether everything is there that a sweep needs.

    The exit status is 0 if it is, and 1 if not.
    """
    # what needs Dask takes a second to import: the other commands do without
    from floodscan.cli.doctor import examine  # noqa: PLC0415
    from floodscan.clusters.profile import load_profile  # noqa: PLC0415

    read = load_profile(profile) if profile else None
    checks = []
    for check in examine(profile=read, catalog=catalog, wait_seconds=wait_seconds):
        checks.append(check)
        if not as_json:
            _console().print(
                f"{'ok' if check.ok else 'NO':<4}{check.name:<28}{check.text}", markup=False
            )
    if as_json:
        _print_json([{"name": c.name, "ok": c.ok, "text": c.text} for c in checks])
    return EXIT_OK if all(check.ok for check in checks) else EXIT_UNFILLED


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


def _print_job_script(cluster_choice: ClusterChoice, access: Access) -> None:
    from floodscan.clusters import preview_jobs  # noqa: PLC0415 - what needs Dask takes a second to import

    click.echo(
        preview_jobs(
            cluster_choice.cluster,
            profile=cluster_choice.profile,
            n_searches=cluster_choice.n_searches(access),
        ),
        nl=False,
    )


def _prepare_client(
    cluster_choice: ClusterChoice, access: Access
) -> AbstractContextManager[Opener]:
    from floodscan.clusters import prepare_client  # noqa: PLC0415 - what needs Dask takes a second to import

    n_searches = cluster_choice.n_searches(access)
    return prepare_client(
        cluster_choice.cluster,
        n_workers=cluster_choice.n_workers,
        profile=cluster_choice.profile,
        n_searches=n_searches,
    )


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Draw a bar on a terminal, nothing where the output is piped.

    And where work ends early, say how it goes on.
    """
    columns = (
        "events",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    last: list[tuple[int, int]] = []

    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("events", total=None)

        def tell(done: int, total: int) -> None:
            last[:] = [(done, total)]
            bar.update(task, completed=done, total=total)

        try:
            yield tell
        except BaseException:
            for done, total in last:
                console.print(
                    f"{done} of {total} events are done and kept; start the same again to go on from there"
                )
            raise


def _print_result(result: ScanResult, *, as_json: bool) -> None:
    console = _console()
    counts = result.counts
    if as_json:
        events = [asdict(outcome) for outcome in result.outcomes]
        _print_json({"out": str(result.folder.path), "counts": counts, "events": events})
        return
    n_events = len(result.ids)
    if n_events <= _EVENTS_SHOWN_WHOLE and not any(map(is_given_up, result.outcomes)):
        for manifest in result.manifests.values():
            show_choices(console, manifest)
    else:
        show_outcomes(
            console, (rows for _, rows in result.folder.events.batches(OUTCOME_COLUMNS)), counts
        )
    console.print(
        f"{counts['filled']} of {counts['slots']} slots filled from {counts['candidates']} candidates "
        f"in {counts['requests']} requests; in {result.folder.path}:"
    )
    manifests = "manifests/*.parquet" if result.folder.packed else "manifests/<event>.json"
    console.print(
        f"  candidates/*.parquet  {manifests}  events.parquet  searches.parquet  run.json"
    )
    run = shlex.join([str(result.folder.path), next(iter(result.ids))])
    console.print(
        f"Why: floodscan explain {run}; pictures: floodscan plot {run}",
        markup=False,
        soft_wrap=True,
    )
    _print_warnings(console, result)


def _print_warnings(console: Console, result: ScanResult) -> None:
    """Sum up the warnings at the end, where they are seen."""
    kinds: Counter[str] = Counter()
    n_events = 0
    for _, rows in result.folder.events.batches(["warnings"]):
        kinds.update(count_warnings(rows))
        n_events += sum(map(bool, rows["warnings"].to_pylist()))
    if kinds:
        counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        console.print(
            f"warnings at {n_events} of {result.counts['events']} events: {counts}", style="yellow"
        )


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
            {"collection": s.collection, "bbox": s.bbox, "window": s.window and str(s.window)}
            for s in searches
        ],
    }


def _print_json(content: object) -> None:
    sys.stdout.buffer.write(
        orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
