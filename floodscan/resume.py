"""What a run's folder already holds, whether it is of the same run, and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from floodscan.errors import OutputError
from floodscan.outcomes import count_outcomes, is_worth_a_retry

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from floodscan.planning import Batch
    from floodscan.store import RunFolder

    Json = dict[str, Any]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Work:
    """What is left to do of a run.

    Attributes:
        batches: Those that are not done.
        done: The events of the others, counted by status, with slots and requests.
    """

    batches: tuple[Batch, ...]
    done: Counter[str]


def check_same(folder: RunFolder, head: Mapping[str, Any]) -> None:
    """Refuse to mix two runs.

    Args:
        folder: Where results go.
        head: Description of the run that is to be written there.

    Raises:
        OutputError: The folder holds a run by another recipe, on another catalogue, or of another version: names
            what differs.
    """
    if not folder.run_path.exists():
        return
    held = folder.read_run()
    names = ("floodscan", "catalog", "recipe", "reselected_from", "manifests")
    differing = [text for name in names for text in _differences(name, held.get(name), head.get(name))]
    if differing:
        shown = "; ".join(differing[:_SHOWN]) + ("; …" if len(differing) > _SHOWN else "")
        raise OutputError(f"{folder.path}: holds another run: {shown}; choose another --out or remove it")


def find_work(folder: RunFolder, batches: Sequence[Batch], *, retry_failed: bool) -> Work:
    """Find which batches are not done, and forget those that other events make void.

    Args:
        folder: Of the same run, written by nobody else.
        batches: All of the run.
        retry_failed: Whether batches are done again that hold a failed event, or one that something was held
            back from.

    Raises:
        OutputError: The folder holds events that are not in the batches.
    """
    planned = {batch.name for batch in batches}
    held = folder.events.read(["event_id", "status", "reason", "batch"])
    _check_all_listed(folder, held["event_id"].to_pylist(), batches)
    void = set(held["batch"].to_pylist()) - planned
    if retry_failed:
        void.update(held.filter(is_worth_a_retry(held))["batch"].to_pylist())
    folder.drop(void)
    done = planned.intersection(held["batch"].to_pylist()) - void
    missing = tuple(batch for batch in batches if batch.name not in done)
    return Work(missing, count_outcomes(folder.events.read()))


def _check_all_listed(folder: RunFolder, held: Iterable[str], batches: Iterable[Batch]) -> None:
    listed = {event_id for batch in batches for event_id in batch.event_ids}
    if unlisted := sorted(set(held) - listed):
        names = ", ".join(unlisted[:_SHOWN]) + (", …" if len(unlisted) > _SHOWN else "")
        message = f"holds {len(unlisted)} events that are not listed now ({names}); list them too"
        raise OutputError(f"{folder.path}: {message}, or choose another --out")


def _differences(name: str, held: Any, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Tell in which fields two values of JSON types differ."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for key in sorted(held.keys() | wanted.keys()):
            yield from _differences(f"{name}.{key}", held.get(key), wanted.get(key))
    elif held != wanted:
        yield f"{name} is {held} there, and {wanted} here"
