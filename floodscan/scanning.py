"""A run from events to a folder of choices; the command line and Python both start here.

``scan`` searches a catalog, and ``reselect`` chooses again from the candidates of an earlier run.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from floodscan.assessment.outcomes import count_outcomes
from floodscan.catalogs import PLANETARY_COMPUTER, Access, open_sources, with_rate_limiter
from floodscan.engine.rate_limiter import open_rate_limiter
from floodscan.engine.record import (
    begin_record,
    describe_reselection,
    describe_scan,
    finish_record,
)
from floodscan.engine.resume import check_same, find_done
from floodscan.engine.run_batches import enter_client, run_batches
from floodscan.errors import OutputError
from floodscan.inputs.event_files import iterate_events
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import DEMO, Recipe
from floodscan.pipeline import Run
from floodscan.planning.event_list import EventList, list_events
from floodscan.planning.scratch import IdSet
from floodscan.planning.slots import cut_batches
from floodscan.reselection import check_answerable, fit_ladder, has_default_ladder, read_finished
from floodscan.reselection import reselect as choose_again
from floodscan.result import ScanResult
from floodscan.schemas import EVENTS
from floodscan.store import FILES, PACKED, RunFolder, check_locked, locked

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from floodscan.catalogs import Catalog
    from floodscan.catalogs.rate_limiter import RateLimits
    from floodscan.engine.run_batches import OpenClient
    from floodscan.model import Event, Policy
    from floodscan.pipeline import BatchResult
    from floodscan.planning.slots import Batch

    Json = dict[str, Any]
    Events = str | Path | Event | Sequence[Event] | EventList
    OnProgress = Callable[[int, int], None]

MOST_MANIFEST_FILES = 1000
"""Runs with more events pack their manifests, one file per batch."""


def scan(  # noqa: PLR0913 - one parameter per choice
    events: Events,
    *,
    catalog: str | Catalog | None = None,
    fallback: str | Catalog | None = None,
    recipe: Recipe | None = None,
    out: str | Path | None = None,
    client: OpenClient = None,
    access: Access | None = None,
    search_on_driver: bool = False,
    retry_failed: bool = False,
    keep_going: bool = False,
    pack_manifests: bool | None = None,
    on_progress: OnProgress | None = None,
) -> ScanResult:
    """Find, score and choose scenes for flood events; continue the run that ``out`` holds.

    Args:
        events: Path of an event file, ``demo``, an Event or several.
        catalog: A Catalog, a name, a URL or a path; None is ``demo`` or ``planetary-computer``.
        fallback: Catalog for windows that an archive does not cover; None leaves their slots empty.
        recipe: The rules; None is the default recipe.
        out: Folder on a disk of all workers; None is a temporary one, removed with the result.
        client: Dask client, or a function that opens it after all checks; None: in this process.
        access: Limits for requests to a STAC API; None is moderate, without a cache.
        search_on_driver: True if only the worker on the driver's machine can search.
        retry_failed: True repeats batches of the run in ``out`` in which something failed.
        keep_going: True lets a bug fail only the events of its batch; False raises it.
        pack_manifests: True is a file per batch, False one per event; None packs large runs.
        on_progress: Called with the number of finished events and the number of all events.

    Raises:
        InputError: Events or ``out`` can't be used; nothing was written. Or the disk is full.
        CatalogError: The catalog doesn't answer or lacks a collection; nothing was written.
    """
    rules, access = recipe or Recipe(), access or Access()
    source = access.keep(open_source(catalog, events, recipe=rules, fallback=fallback))
    listed = read_list(events, rules)
    run = _prepare_run(source, rules, listed, out=out, packed=pack_manifests)
    run = replace(run, search_on_driver=search_on_driver, keep_going=keep_going)
    counts = _finish(run, listed, client, access.rates, retry=retry_failed, report=on_progress)
    return _conclude(run.folder, listed.ids, counts, temporary=out is None)


def reselect(
    source: str | Path,
    *,
    out: str | Path,
    policy: Policy | None = None,
    recipe: Recipe | None = None,
) -> ScanResult:
    """Choose again from the candidates of a finished run, without searching.

    Args:
        source: Folder of that run.
        out: Output folder; another one.
        policy: How scenes are chosen; None is the recipe's policy.
        recipe: The rules; None is the recipe of that run. Steps of its ladder, or of the default
            ladder, that need a wider window than that run searched are left out.

    Raises:
        InputError: The run has not finished, its candidates are too few for these rules, or a
            folder can't be used; nothing was written.
    """
    held = RunFolder(Path(source).absolute())
    searched = read_finished(held)
    rules = _rules_for(searched, policy, recipe, held)
    folder = _choose_other_folder(held, out, packed=searched["manifests"] == PACKED)
    head, planned = describe_reselection(searched, rules), searched["planned"]
    with _taken(folder, head):
        record = begin_record(
            folder, head, n_events=planned["events"], n_batches=planned["batches"]
        )
        counts = count_outcomes(EVENTS.empty_table())
        for batch in choose_again(held, folder, rules, catalog_id=searched["catalog"]["id"]):
            counts.update(batch.counts)
        finish_record(folder, record, counts)
    ids = (rows["event_id"].to_pylist() for _, rows in folder.events.batches(["event_id"]))
    return ScanResult(folder, IdSet(chain.from_iterable(ids)), counts)


def read_list(events: Events, recipe: Recipe) -> EventList:
    """Read, check and list events, one at a time; return a list that is already one.

    Raises:
        EventError: The file can't be used.
    """
    if isinstance(events, EventList):
        return events
    return list_events(iterate_events(events, phase_offset_days=recipe.phase_offset_days))


def open_source(
    catalog: str | Catalog | None,
    events: object,
    *,
    recipe: Recipe,
    fallback: str | Catalog | None = None,
) -> Catalog:
    """Open the catalogs of a run by name, URL or path; None is the catalog for these events."""
    if catalog is None:
        catalog = DEMO if events == DEMO else PLANETARY_COMPUTER
    return open_sources(catalog, by_collection=recipe.sources, fallback=fallback)


def _prepare_run(
    source: Catalog,
    rules: Recipe,
    events: EventList,
    *,
    out: str | Path | None,
    packed: bool | None,
) -> Run:
    """Check that the catalog has the collections, and choose the folder."""
    catalog_id = source.describe([asked.collection for asked in rules.sensors.values()])
    folder = _choose_folder(out, n_events=len(events), packed=packed)
    return Run(catalog=source, catalog_id=catalog_id, recipe=rules, folder=folder)


def _choose_folder(out: str | Path | None, *, n_events: int, packed: bool | None) -> RunFolder:
    """Name the folder. If ``packed`` is None, a run that is there decides, or else its size."""
    folder = RunFolder(Path(out or mkdtemp(prefix="floodscan-")).absolute())
    if packed is None:
        held = folder.read_run() if folder.run_path.exists() else {}
        by_size = PACKED if n_events > MOST_MANIFEST_FILES else FILES
        packed = held.get("manifests", by_size) == PACKED
    return replace(folder, packed=packed)


def _choose_other_folder(held: RunFolder, out: str | Path, *, packed: bool) -> RunFolder:
    """Name the folder of a reselection; it must not be the folder of the run itself."""
    if Path(out).resolve() == held.path.resolve():
        raise OutputError(f"{out}: is the run to choose from; choose another --out")
    return RunFolder(Path(out).absolute(), packed=packed)


def _finish(
    run: Run,
    events: EventList,
    client: OpenClient,
    rates: RateLimits,
    *,
    retry: bool,
    report: OnProgress | None,
) -> Counter[str]:
    """Run the batches that are left, and return the counts of all batches."""
    head, report = describe_scan(run), report or (lambda _done, _all: None)
    cut = partial(cut_batches, events, run_id=head["run_id"])
    planned = frozenset(batch.name for batch in cut())
    with _taken(run.folder, head):
        done = find_done(run.folder, planned, events.ids, retry_failed=retry)
        record = begin_record(run.folder, head, n_events=len(events), n_batches=len(planned))
        counts = done.counts
        report(counts["events"], len(events))
        if left := planned - done.batches:
            todo = (batch for batch in cut() if batch.name in left)
            with _open_engine(run, todo, client, rates) as results:
                for result in results:
                    check_locked(run.folder.path)
                    counts.update(result.counts)
                    report(counts["events"], len(events))
        # workers of a driver that was killed may have written batches since ``find_done``
        run.folder.keep(planned)
        finish_record(run.folder, record, counts)
    return counts


@contextmanager
def _taken(folder: RunFolder, head: Json) -> Iterator[None]:
    """Keep other processes and other runs out of a folder."""
    check_same(folder, head)
    folder.prepare()
    with locked(folder.path):
        # another driver may have started or ended a run since the first check
        check_same(folder, head)
        folder.prepare()
        folder.remove_scraps()
        yield


@contextmanager
def _open_engine(
    run: Run, batches: Iterable[Batch], client: OpenClient, rates: RateLimits
) -> Iterator[Iterator[BatchResult]]:
    """Open the cluster, and yield the results of batches; at the end close it, also on errors.

    The generator of results is closed too: an error whose traceback is kept, as notebooks do,
    would keep it alive, and its tasks would go on.
    """
    with (
        enter_client(client) as opened,
        open_rate_limiter(opened, rates) as rate_limiter,
        closing(
            run_batches(
                replace(run, catalog=with_rate_limiter(run.catalog, rate_limiter)),
                batches,
                client=opened,
            )
        ) as results,
    ):
        yield results


def _rules_for(
    searched: Json, policy: Policy | None, recipe: Recipe | None, held: RunFolder
) -> Recipe:
    """Return the rules of a reselection, and check that the candidates of a run are enough."""
    first = recipe_from_dict(searched["recipe"], source=str(held.run_path))
    rules = recipe or first
    if policy is not None:
        rules = replace(rules, policy=policy)
    if recipe is None or has_default_ladder(recipe):
        rules = fit_ladder(rules, first)
    check_answerable(rules, first, source=str(held.path))
    return rules


def _conclude(
    folder: RunFolder, ids: IdSet, counts: Counter[str], *, temporary: bool
) -> ScanResult:
    result = ScanResult(folder, ids, counts)
    if temporary:
        finalize(result, rmtree, folder.path, ignore_errors=True)
    return result
