"""The record of a run, ``run.json``: its settings, when it started and ended, and its counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from floodscan.catalogs.sources import list_archives
from floodscan.clearsky.counts import count_reads
from floodscan.store import FILES, PACKED, check_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from floodscan.model import Recipe
    from floodscan.pipeline import Run
    from floodscan.store import RunFolder

    Json = dict[str, Any]

_PACKAGES = ("dask", "distributed", "pyarrow", "pystac-client", "shapely")


def describe_scan(run: Run) -> Json:
    """Return the settings of a scan.

    ``run_id`` is a digest of all that can change the results, apart from the events. A catalog
    counts by its STAC id, since it may have several addresses. An archive's digest is recorded
    beside the id: its files may be a part of the catalog, and may be replaced. ``request_items`` is
    the price by which searches are merged: a run that continues keeps it.
    """
    digests = [archive.digest() for archive in list_archives(run.catalog)]
    facts: Json = {
        "floodscan": version("floodscan"),
        "catalog": {
            "id": run.catalog_id,
            "location": run.catalog.location,
            **({"digest": " ".join(digests)} if digests else {}),
        },
        "recipe": run.recipe.to_dict(),
        **({"clear_sky": run.reader.facts} if run.reader else {}),
    }
    run_id = _digest({**facts, "catalog": run.catalog_id})
    manifests = PACKED if run.folder.packed else FILES
    return {
        "run_id": run_id,
        **facts,
        **({"not_checked": run.not_checked} if run.not_checked else {}),
        "manifests": manifests,
        "request_items": run.recipe.searches.request_items,
        "versions": _versions(),
    }


def describe_reselection(
    source: Mapping[str, Any], recipe: Recipe, not_checked: Mapping[str, str]
) -> Json:
    """Return the settings of a run that chooses again.

    Args:
        source: Record of the run whose candidates it uses.
        recipe: The rules.
        not_checked: As in ``Run``.
    """
    facts: Json = {
        "floodscan": version("floodscan"),
        "catalog": source["catalog"],
        "manifests": source["manifests"],
        "recipe": recipe.to_dict(),
        **({"clear_sky": source["clear_sky"]} if "clear_sky" in source else {}),
        "reselected_from": source["run_id"],
    }
    more = {"not_checked": not_checked} if not_checked else {}
    return {"run_id": _digest(facts), **facts, **more, "versions": _versions()}


def begin_record(folder: RunFolder, head: Json, *, n_events: int, n_batches: int) -> Json:
    """Record that a run starts, and return the record.

    Args:
        folder: Folder of the run.
        head: Settings of the run.
        n_events: Number of all events of the run.
        n_batches: Number of all batches of the run.
    """
    planned = {"events": n_events, "batches": n_batches}
    record = {**head, "planned": planned, "started": _now()}
    folder.write_run(record)
    return record


def finish_record(folder: RunFolder, record: Json, counts: Mapping[str, int]) -> None:
    """Merge the tables of a run, and record its end and its counts.

    Raises:
        OutputError: Another process took the folder over.
    """
    check_locked(folder.path)
    folder.merge()
    end: Json = {"finished": _now(), "counts": counts, "searches": _count_searches(folder)}
    if reads := count_reads(folder):
        end["reads"] = reads
    folder.write_run({**record, **end})


def _count_searches(folder: RunFolder) -> Counter[str]:
    totals: Counter[str] = Counter()
    columns = {
        name: name.removeprefix("n_")
        for name in ("complete", "cached", "n_dropped", "n_retries", "n_bisections")
    }
    for _, rows in folder.searches.batches([*columns]):
        totals.update(
            made=len(rows),
            **{name: sum(rows[column].to_pylist()) for column, name in columns.items()},
        )
    return totals


def _versions() -> dict[str, str]:
    return {package: version(package) for package in _PACKAGES}


def _digest(facts: object) -> str:
    canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
