"""One run from events to a folder of choices: read, check, run, write; used by the command line and from Python."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

import orjson

from floodscan.catalogs import PLANETARY_COMPUTER, Access, open_catalog, put_behind
from floodscan.engine import run_batches
from floodscan.events import DEMO, load_events
from floodscan.gates import open_gate
from floodscan.manifest import Manifest, read_manifest
from floodscan.outcomes import COMPLETE, Outcome, count_outcomes
from floodscan.pipeline import Run
from floodscan.planning import BATCH_EVENTS, plan_batches
from floodscan.recipe import Recipe
from floodscan.reselection import check_answerable, fit_ladder, stored_recipe
from floodscan.reselection import reselect as choose_again
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import geopandas as gpd
    from distributed import Client

    from floodscan.catalogs import Catalog
    from floodscan.events import Event
    from floodscan.recipe import Policy

    Json = dict[str, Any]
    Events = str | Path | Event | Sequence[Event]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ScanResult:
    """What a run left behind.

    Attributes:
        folder: Where it is.
        outcomes: How each event ended, in the order of the events.
    """

    folder: RunFolder
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Whether every slot of every event is filled."""
        return all(outcome.status == COMPLETE for outcome in self.outcomes)

    @property
    def candidates(self) -> gpd.GeoDataFrame:
        """Every candidate of every slot: ranked, chosen and rejected; columns as in ``tables.CANDIDATES``."""
        import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

        return gpd.read_parquet(self.folder.candidates_path)

    @property
    def manifests(self) -> dict[str, Manifest]:
        """The manifest of each event, by event id."""
        return {o.event_id: read_manifest(self.folder.manifest_path(o.event_id)) for o in self.outcomes}


def scan(  # noqa: PLR0913 - one parameter per choice
    events: Events,
    *,
    catalog: str | Catalog | None = None,
    recipe: Recipe | None = None,
    out: str | Path | None = None,
    client: Client | Callable[[], AbstractContextManager[Client | None]] | None = None,
    access: Access | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """Find, score and choose scenes for flood events.

    Args:
        events: Path of an event file, ``demo``, an Event or several.
        catalog: ``planetary-computer``, ``demo``, a URL or a path, or a Catalog. None is Planetary
            Computer; for the demo event the demo's snapshot.
        recipe: The rules; None is the default recipe.
        out: Folder to write to, on a disk that all workers share; None is one that goes with the result.
        client: Dask client, or what opens one as soon as everything else was found good; None works in this process.
        access: How a STAC API is asked; None is moderate, and keeps no answers for another run.
        on_progress: Called with the number of events that are done, and of all.

    Raises:
        InputError: Events or ``out`` can't be used; nothing was written.
        CatalogError: The catalogue doesn't answer, or lacks a collection; nothing was written.
    """
    recipe = recipe or Recipe()
    access = access or Access()
    source = access.keep(open_source(catalog, events))
    listed = load_events(events, phase_offset_days=recipe.phase_offset_days)
    catalog_id = source.describe([asked.collection for asked in recipe.sensors.values()])
    folder = RunFolder(Path(out or mkdtemp(prefix="floodscan-")).absolute())
    run = Run(catalog=source, catalog_id=catalog_id, recipe=recipe, folder=folder)
    head = _open_folder(run, listed)
    with client() if callable(client) else nullcontext(client) as opened, open_gate(opened, access.rates) as gate:
        outcomes = _run_all(replace(run, catalog=put_behind(source, gate)), listed, opened, on_progress)
    folder.write_events(outcomes)
    folder.write_run({**head, "finished": _now(), "counts": count_outcomes(outcomes)})
    return _conclude(folder, outcomes, temporary=out is None)


def reselect(
    source: str | Path,
    *,
    out: str | Path,
    policy: Policy | None = None,
    recipe: Recipe | None = None,
) -> ScanResult:
    """Choose again from the candidates of a finished run, without asking the catalogue.

    Args:
        source: Folder of the run.
        out: Folder to write to, of its own.
        policy: How scenes are chosen; None is the recipe's.
        recipe: The rules; None are the run's own, of whose ladder the steps are left out that would need
            a wider window than was searched.

    Raises:
        InputError: The stored candidates can't answer these rules, or a folder can't be used; nothing
            was written.
    """
    held = RunFolder(Path(source).absolute())
    searched = stored_recipe(held)
    rules = recipe or searched
    if policy is not None:
        rules = replace(rules, policy=policy)
    if recipe is None:
        rules = fit_ladder(rules, searched)
    check_answerable(rules, searched, source=str(held.path))
    run = held.read_run()
    facts = {name: run[name] for name in ("floodscan", "catalog", "events_digest")}
    facts |= {"recipe": rules.to_dict(), "reselected_from": run["run_id"]}
    head = {"run_id": _digest(facts), **facts, "versions": run["versions"], "started": _now()}
    folder = RunFolder(Path(out).absolute())
    folder.prepare(head["run_id"])
    folder.write_run(head)
    outcomes = choose_again(held, folder, rules)
    folder.write_events(outcomes)
    folder.write_run({**head, "finished": _now(), "counts": count_outcomes(outcomes)})
    return ScanResult(folder, tuple(outcomes))


def open_source(catalog: str | Catalog | None, events: object) -> Catalog:
    """Open the catalogue that is named, or the one that fits the events."""
    if catalog is None:
        catalog = DEMO if events == DEMO else PLANETARY_COMPUTER
    return open_catalog(catalog) if isinstance(catalog, str) else catalog


def _open_folder(run: Run, events: Sequence[Event]) -> Json:
    head = _describe_run(run, events)
    run.folder.prepare(head["run_id"])
    run.folder.write_run(head)
    return head


def _conclude(folder: RunFolder, outcomes: Sequence[Outcome], *, temporary: bool) -> ScanResult:
    result = ScanResult(folder, tuple(outcomes))
    if temporary:
        finalize(result, rmtree, folder.path, ignore_errors=True)
    return result


def _run_all(
    run: Run,
    events: Sequence[Event],
    client: Client | None,
    on_progress: Callable[[int, int], None] | None,
) -> list[Outcome]:
    batches = plan_batches(events, run.recipe, batch_size=BATCH_EVENTS)
    by_batch: dict[int, list[Outcome]] = {}
    for number, outcomes in run_batches(run, batches, client=client):
        by_batch[number] = outcomes
        if on_progress:
            on_progress(sum(map(len, by_batch.values())), len(events))
    done = {outcome.event_id: outcome for outcomes in by_batch.values() for outcome in outcomes}
    return [done[event.event_id] for event in events]


def _describe_run(run: Run, events: Sequence[Event]) -> Json:
    """Head a run's description with an id: a digest of everything that can change its answer."""
    facts: Json = {
        "floodscan": version("floodscan"),
        "catalog": {"id": run.catalog_id, "location": run.catalog.location},
        "recipe": run.recipe.to_dict(),
        "events_digest": _digest([_facts(event) for event in events]),
    }
    packages = ("dask", "distributed", "pyarrow", "pystac-client", "shapely")
    versions = {package: version(package) for package in packages}
    return {"run_id": _digest(facts), **facts, "versions": versions, "started": _now()}


def _facts(event: Event) -> Json:
    return {
        "event_id": event.event_id,
        "aoi": event.aoi.wkb_hex,
        "phase_dates": event.phase_dates,
        "onset": event.onset,
        "target_crs": event.target_crs,
    }


def _digest(facts: object) -> str:
    canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
