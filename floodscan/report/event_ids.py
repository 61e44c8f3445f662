"""Find an event of a run by its id, and suggest an id if it is misspelled."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from floodscan.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from floodscan.store import RunFolder

_CLOSE_IDS = 200  # compared by difflib
_LISTED_IDS = 20


def check_event(folder: RunFolder, event_id: str) -> None:
    """Refuse an event that the run does not have.

    Raises:
        InputError: There is no such event; the message names the id with the nearest spelling.
    """
    folder.check_events()
    known = folder.events.read(["event_id"])["event_id"].combine_chunks()
    if pc.index(known, event_id).as_py() < 0:
        raise InputError(f"{folder.path}: has no event '{event_id}'; {_suggest(event_id, known)}")


def _suggest(event_id: str, known: pa.Array) -> str:
    """Suggest the known id with the spelling nearest to an unknown one.

    ``difflib`` needs a minute for a million ids, because the ids of one run look alike. So it only
    compares the ids that share most letters and pairs of letters with the unknown one.
    """
    pieces = {*event_id, *map("".join, pairwise(event_id))}
    shared = np.zeros(len(known))
    for piece in pieces:
        shared += pc.match_substring(known, piece).to_numpy(zero_copy_only=False)
    likeness = shared / (len(event_id) + pc.utf8_length(known).to_numpy())
    closest = known.take(np.argsort(-likeness, kind="stable")[:_CLOSE_IDS]).to_pylist()
    if near := get_close_matches(event_id, closest, n=1):
        return f"did you mean '{near[0]}'?"
    more = ", …" if len(known) > _LISTED_IDS else ""
    return f"known: {', '.join(closest[:_LISTED_IDS])}{more}"
