"""Runs of many events, made of the files of a small run by the functions that write runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from floodscan.schemas import EVENTS
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.store import RunFolder as Folder


def replicate(source: Folder, path: Path, n_events: int) -> Folder:
    """Write a run of copies of the events of another run, each with an id of its own."""
    target = RunFolder(path, packed=True)
    target.prepare()
    left, copy = n_events, 0
    while left:
        for batch, rows in source.events.batches():
            taken = rows.slice(0, left)
            _copy_batch(source, target, (batch, f"{batch}-{copy}"), taken, f"-{copy}")
            left -= len(taken)
            if not left:
                break
        copy += 1
    target.merge()
    target.write_run(source.read_run())
    return target


def _copy_batch(
    source: Folder, target: Folder, batches: tuple[str, str], events: pa.Table, ending: str
) -> None:
    old, new = batches
    ids = events["event_id"].to_pylist()
    candidates = source.read_part(old)
    kept = candidates.filter(pa.compute.is_in(candidates["event_id"], events["event_id"]))
    target.write_candidates(new, _rename(kept, ending))
    contents = source.read_manifests(old, ids)
    target.write_manifests(
        new,
        {
            f"{name}{ending}": content.replace(
                f'"name": "{name}"'.encode(), f'"name": "{name}{ending}"'.encode(), 1
            )
            for name, content in zip(ids, contents, strict=True)
        },
    )
    renamed = _rename(events, ending)
    place = EVENTS.names.index("batch")
    column = pa.array([new] * len(events), pa.string())
    target.events.write(new, renamed.set_column(place, EVENTS.field("batch"), column))


def _rename(rows: pa.Table, ending: str) -> pa.Table:
    place = rows.schema.names.index("event_id")
    names = pa.array([f"{name}{ending}" for name in rows["event_id"].to_pylist()], pa.string())
    return rows.set_column(place, rows.schema.field("event_id"), names)
