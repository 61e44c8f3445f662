"""What a run's folder already holds, whether it is of the same run, and what is left to do."""

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
    """What is done of a run.

    Attributes:
        batches: IdSet.
        counts: Their events, by status, with slots and requests.
    """

    batches: frozenset[str]
    counts: Counter[str]


def check_same(folder: RunFolder, head: Mapping[str, Any]) -> None:
    """Refuse to mix two runs.

    Args:
        folder: Where results go.
        head: Description of the run that is to be written there.

    Raises:
        OutputError: The folder holds a run by another recipe, on another catalog, or of another
        version: names
            what differs.
    """
    if not folder.run_path.exists():
        return
    held = folder.read_run()
    names = ("floodscan", "catalog", "recipe", "reselected_from", "manifests")
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
    """Find which batches are done, and forget all others: those that other events make void, and those begun.

    Args:
        folder: Of the same run, written by nobody else.
        planned: IdSet of all batches of the run.
        listed: Ids of its events.
        retry_failed: Whether batches are done again that hold a failed event, or one that something
            was held back from.

    Raises:
        OutputError: The folder holds events that are not listed.
    """
    done, unlisted = set(), []
    counts = count_outcomes(EVENTS.empty_table())
    for batch, rows in folder.events.batches():
        unlisted += [
            event_id for event_id in rows["event_id"].to_pylist() if event_id not in listed
        ]
        if batch in planned and not (retry_failed and pc.any(is_worth_a_retry(rows)).as_py()):
            done.add(batch)
            counts.update(count_outcomes(rows))
    _check_all_listed(folder, unlisted)
    folder.keep(done)
    return Done(frozenset(done), counts)


def _check_all_listed(folder: RunFolder, unlisted: Sequence[str]) -> None:
    if unlisted:
        names = ", ".join(sorted(unlisted)[:_SHOWN]) + (", …" if len(unlisted) > _SHOWN else "")
        message = f"holds {len(unlisted)} events that are not listed now ({names}); list them too"
        raise OutputError(f"{folder.path}: {message}, or choose another --out")


def _differences(name: str, held: Any, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Tell in which fields two values of JSON types differ."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for key in sorted(held.keys() | wanted.keys()):
            yield from _differences(f"{name}.{key}", held.get(key), wanted.get(key))
    elif held != wanted:
        yield f"{name} is {held} there, and {wanted} here"
