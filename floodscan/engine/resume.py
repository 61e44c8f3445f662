"""Continuing a run: check that a folder holds the same run, and find the batches that are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from floodscan.assessment.outcomes import count_outcomes, is_worth_a_retry
from floodscan.errors import OutputError
from floodscan.schemas import EVENTS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Container, Iterator, Mapping, Sequence

    from floodscan.store import RunFolder

    Json = dict[str, Any]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Done:
    """The part of a run that is done.

    Attributes:
        batches: Names of the batches.
        counts: Number of their events by status, of slots, candidates and requests.
    """

    batches: frozenset[str]
    counts: Counter[str]


def check_same(folder: RunFolder, head: Mapping[str, Any]) -> None:
    """Refuse to mix two runs in one folder.

    Args:
        folder: The output folder.
        head: Description of the run that is about to be written there.

    Raises:
        OutputError: The folder holds a run with another recipe, catalog or version of floodscan;
            the message names the differences.
    """
    if not folder.has_run():
        return
    held = folder.read_run()
    names = ("floodscan", "catalog", "recipe", "clear_sky", "reselected_from", "manifests")
    differing = [
        text for name in names for text in _differences(name, held.get(name), head.get(name))
    ]
    if differing:
        shown = "; ".join(differing[:_SHOWN]) + ("; …" if len(differing) > _SHOWN else "")
        raise OutputError(
            f"{folder.path}: holds another run: {shown}; choose another --out or remove it"
        )


def find_done(
    folder: RunFolder, planned: Container[str], listed: Container[str], *, retry_failed: bool
) -> Done:
    """Find the batches that are done. Delete the rest: changed events, and unfinished batches.

    Args:
        folder: Folder of the same run; no other process writes to it.
        planned: Names of all batches of the run.
        listed: Ids of its events.
        retry_failed: True if batches count as not done when an event failed in them, when one of
            their searches failed, or when a scene could not be read.

    Raises:
        OutputError: The folder holds events that are not listed.
    """
    done, unlisted = set(), []
    failed = _find_unread(folder) if retry_failed else frozenset()
    counts = count_outcomes(EVENTS.empty_table())
    for batch, rows in folder.events.batches():
        unlisted += [
            event_id for event_id in rows["event_id"].to_pylist() if event_id not in listed
        ]
        if batch in planned and not (
            retry_failed and (batch in failed or pc.any(is_worth_a_retry(rows)).as_py())
        ):
            done.add(batch)
            counts.update(count_outcomes(rows))
    _check_all_listed(folder, unlisted)
    folder.keep(done)
    return Done(frozenset(done), counts)


def _find_unread(folder: RunFolder) -> frozenset[str]:
    """Find the batches in which a scene could not be read."""
    batches = folder.reads.batches(["unread"])
    return frozenset(name for name, rows in batches if rows["unread"].null_count < len(rows))


def _check_all_listed(folder: RunFolder, unlisted: Sequence[str]) -> None:
    if unlisted:
        names = ", ".join(sorted(unlisted)[:_SHOWN]) + (", …" if len(unlisted) > _SHOWN else "")
        message = f"holds {len(unlisted)} events that are not in the list now ({names})"
        raise OutputError(f"{folder.path}: {message}; add them, or choose another --out")


def _differences(name: str, held: Any, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Name the fields in which two values of JSON types differ."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for key in sorted(held.keys() | wanted.keys()):
            yield from _differences(f"{name}.{key}", held.get(key), wanted.get(key))
    elif held != wanted:
        yield f"{name} is {held} there, and {wanted} here"
