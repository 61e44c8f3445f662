"""One run from events to a folder of choices: read, check, run, write.

Used by the command line and from Python.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

import orjson

from floodscan.assessment.outcomes import count_outcomes
from floodscan.catalogs import (
    PLANETARY_COMPUTER,
    Access,
    ArchiveCatalog,
    open_catalog,
    with_rate_limiter,
)
from floodscan.engine.rate_limiter import open_rate_limiter
from floodscan.engine.resume import check_same, find_done
from floodscan.engine.run_batches import run_batches
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
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from floodscan.catalogs import Catalog
    from floodscan.catalogs.rate_limiter import RateLimits
    from floodscan.engine.run_batches import OpenClient
    from floodscan.model import Event, Policy
    from floodscan.planning.slots import Batch

    Json = dict[str, Any]
    Events = str | Path | Event | Sequence[Event] | EventList

MOST_MANIFEST_FILES = 1000
"""Events of a run whose manifests are files of their own.

Of more, they are packed, one file per batch.
"""


def scan(  # noqa: PLR0913 - one parameter per choice
    events: Events,
    *,
    catalog: str | Catalog | None = None,
    recipe: Recipe | None = None,
    out: str | Path | None = None,
    client: OpenClient = None,
    access: Access | None = None,
    search_on_driver: bool = False,
    retry_failed: bool = False,
    keep_going: bool = False,
    pack_manifests: bool | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """Find, score and choose scenes for flood events.

    Go on with the run where ``out`` holds part of it.

    Args:
        events: Path of an event file, ``demo``, an Event or several.
        catalog: A Catalog, or ``planetary-computer``, ``demo``, a URL or a path. None fits the
            events.
        recipe: The rules; None is the default recipe.
        out: Folder to write to, on a disk that all workers share; None is one that goes with the
            result.
        client: Dask client, or what opens one as soon as everything else was found good; None works
            in this process.
        access: How a STAC API is asked; None is moderate, and keeps no answers for another run.
        search_on_driver: Whether the client's cluster has workers beside the driver that search.
        retry_failed: Whether to do again what failed before.
        keep_going: Whether a bug fails only the events of its batch. Without it, a bug ends the
            run and is raised as it is; its traceback is in the log either way.
        pack_manifests: Whether manifests are in one file per batch, not per event; None: where
            there are many.
        on_progress: Called with the number of events that are done, and of all.

    Raises:
        InputError: Events or ``out`` can't be used; nothing was written. Or the disk is full.
        CatalogError: The catalog doesn't answer, or lacks a collection; nothing was written.
    """
    rules, access = recipe or Recipe(), access or Access()
    source = access.keep(open_source(catalog, events))
    listed = read_list(events, rules)
    catalog_id = source.describe([asked.collection for asked in rules.sensors.values()])
    folder = _name_folder(out, len(listed), packed=pack_manifests)
    run = Run(
        catalog=source,
        catalog_id=catalog_id,
        recipe=rules,
        folder=folder,
        search_on_driver=search_on_driver,
        keep_going=keep_going,
    )
    counts = _go_on(
        run,
        listed,
        retry_failed=retry_failed,
        rates=access.rates,
        client=client,
        on_progress=on_progress,
    )
    return _conclude(folder, listed, counts, temporary=out is None)


def reselect(
    source: str | Path,
    *,
    out: str | Path,
    policy: Policy | None = None,
    recipe: Recipe | None = None,
) -> ScanResult:
    """Choose again from the candidates of a finished run, without asking the catalog.

    Args:
        source: Folder of the run.
        out: Folder to write to, of its own.
        policy: How scenes are chosen; None is the recipe's.
        recipe: The rules; None are the run's own. Of their ladder, and of a recipe's that is the
            default one, the steps are left out that would need a wider window than was searched.

    Raises:
        InputError: The run has not finished, its candidates can't answer these rules, or a folder
        can't be
            used; nothing was written.
    """
    held = RunFolder(Path(source).absolute())
    run = read_finished(held)
    searched = recipe_from_dict(run["recipe"], source=str(held.run_path))
    rules = recipe or searched
    if policy is not None:
        rules = replace(rules, policy=policy)
    if recipe is None or has_default_ladder(recipe):
        rules = fit_ladder(rules, searched)
    check_answerable(rules, searched, source=str(held.path))
    facts = {
        "floodscan": version("floodscan"),
        "catalog": run["catalog"],
        "manifests": run["manifests"],
    }
    facts |= {"recipe": rules.to_dict(), "reselected_from": run["run_id"]}
    head = {"run_id": _digest(facts), **facts, "versions": _versions()}
    folder = RunFolder(Path(out).absolute(), packed=run["manifests"] == PACKED)
    n_events, n_batches = (run["planned"][name] for name in ("events", "batches"))
    with (
        _opened(folder, head),
        _recorded(folder, head, n_events=n_events, n_batches=n_batches) as counts,
    ):
        for ends in choose_again(held, folder, rules, catalog_id=run["catalog"]["id"]):
            counts.update(count_outcomes(ends))
    ids = (ends["event_id"].to_pylist() for _, ends in folder.events.batches(["event_id"]))
    return ScanResult(folder, IdSet(chain.from_iterable(ids)), counts)


def read_list(events: Events, recipe: Recipe) -> EventList:
    """Read and check events one at a time, and list them; a list is given as it is.

    Raises:
        EventError: The file can't be used.
    """
    if isinstance(events, EventList):
        return events
    return list_events(iterate_events(events, phase_offset_days=recipe.phase_offset_days))


def open_source(catalog: str | Catalog | None, events: object) -> Catalog:
    """Open the catalog that is named, or the one that fits the events."""
    if catalog is None:
        catalog = DEMO if events == DEMO else PLANETARY_COMPUTER
    return open_catalog(catalog) if isinstance(catalog, str) else catalog


def _name_folder(out: str | Path | None, n_events: int, *, packed: bool | None) -> RunFolder:
    """Name the folder, and how manifests are written there: as said, as those that are there, or by their number."""
    folder = RunFolder(Path(out or mkdtemp(prefix="floodscan-")).absolute())
    if packed is None:
        held = folder.read_run() if folder.run_path.exists() else {}
        packed = (
            held.get("manifests", PACKED if n_events > MOST_MANIFEST_FILES else FILES) == PACKED
        )
    return replace(folder, packed=packed)


@contextmanager
def _opened(folder: RunFolder, head: Json) -> Iterator[None]:
    """Keep a folder to this run and this process."""
    check_same(folder, head)
    folder.prepare()
    with locked(folder.path):
        # another driver may have begun, or ended, meanwhile
        check_same(folder, head)
        folder.prepare()
        folder.remove_scraps()
        yield


@contextmanager
def _recorded(
    folder: RunFolder, head: Json, *, n_events: int, n_batches: int
) -> Iterator[Counter[str]]:
    """Describe a run while it goes on, and when it has ended, with the counts that were made meanwhile."""
    begun = {**head, "planned": {"events": n_events, "batches": n_batches}, "started": _now()}
    folder.write_run(begun)
    counts = count_outcomes(EVENTS.empty_table())
    yield counts
    check_locked(folder.path)
    folder.merge()
    folder.write_run(
        {**begun, "finished": _now(), "counts": counts, "searches": _count_searches(folder)}
    )


def _count_searches(folder: RunFolder) -> Counter[str]:
    """Sum up what became of the searches of a run."""
    totals: Counter[str] = Counter()
    columns = {
        name: name.removeprefix("n_")
        for name in ("complete", "cached", "n_retries", "n_bisections")
    }
    for _, rows in folder.searches.batches([*columns]):
        totals.update(
            made=len(rows),
            **{name: sum(rows[column].to_pylist()) for column, name in columns.items()},
        )
    return totals


def _go_on(
    run: Run,
    events: EventList,
    *,
    retry_failed: bool,
    rates: RateLimits,
    client: OpenClient,
    on_progress: Callable[[int, int], None] | None,
) -> Counter[str]:
    """Do what is left to do, and count all that is done."""
    head = _describe_run(run)
    cut = partial(cut_batches, events, run_id=head["run_id"])
    planned = {batch.name for batch in cut()}
    with _opened(run.folder, head):
        done = find_done(run.folder, planned, events.ids, retry_failed=retry_failed)
        todo = planned - done.batches
        left = (batch for batch in cut() if batch.name in todo) if todo else ()
        found = _run_all(run, left, rates=rates, client=client if todo else None)
        recorded = _recorded(run.folder, head, n_events=len(events), n_batches=len(planned))
        # whatever ends this early, the cluster is closed while the folder is still this run's
        with recorded as counts, closing(found):
            for more in chain([done.counts], found):
                check_locked(run.folder.path)
                counts.update(more)
                if on_progress:
                    on_progress(counts["events"], len(events))
            run.folder.keep(
                planned
            )  # workers of a driver that was killed may have written meanwhile
    return counts


def _run_all(
    run: Run, batches: Iterable[Batch], *, rates: RateLimits, client: OpenClient
) -> Generator[Mapping[str, int], None, None]:
    with (
        client() if callable(client) else nullcontext(client) as opened,
        open_rate_limiter(opened, rates) as rate_limiter,
    ):
        behind = replace(run, catalog=with_rate_limiter(run.catalog, rate_limiter))
        for result in run_batches(behind, batches, client=opened):
            yield result.counts


def _conclude(
    folder: RunFolder, events: EventList, counts: Mapping[str, int], *, temporary: bool
) -> ScanResult:
    result = ScanResult(folder, events.ids, counts)
    if temporary:
        finalize(result, rmtree, folder.path, ignore_errors=True)
    return result


def _describe_run(run: Run) -> Json:
    """Head a run's description with an id: a digest of everything but the events that can change its answer.

    A catalog counts by its STAC id: the same one may be asked at another address. What a snapshot
    holds is told beside it: it may be a part of the catalog, and be made anew.
    """
    held = {"digest": run.catalog.digest()} if isinstance(run.catalog, ArchiveCatalog) else {}
    facts: Json = {
        "floodscan": version("floodscan"),
        "catalog": {"id": run.catalog_id, "location": run.catalog.location, **held},
        "recipe": run.recipe.to_dict(),
    }
    manifests = PACKED if run.folder.packed else FILES
    run_id = _digest({**facts, "catalog": run.catalog_id})
    return {"run_id": run_id, **facts, "manifests": manifests, "versions": _versions()}


def _versions() -> dict[str, str]:
    packages = ("dask", "distributed", "pyarrow", "pystac-client", "shapely")
    return {package: version(package) for package in packages}


def _digest(facts: object) -> str:
    canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
