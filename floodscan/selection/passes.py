"""Which candidates are of one pass, and which SAR candidates are of one track.

A *pass* is one flight of a satellite over a target. Its scenes share a datatake, or they follow one
another on one relative orbit of one satellite with gaps of at most ten minutes: a flight may be cut
into several datatakes. A *track* is a SAR viewing geometry: a relative orbit, an orbit state and a
set of polarisations.

Both ids are texts that depend on the candidates of the same event, target and sensor alone. So they
are the same for any order of the rows and for any cut of the events into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.model import Sensor
from floodscan.selection.columns import (
    NO_INSTANT,
    dense_ranks,
    encode,
    group_starts,
    is_value,
    microseconds,
    one_array,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_GAP = 600_000_000  # microseconds
_SECOND = 1_000_000  # microseconds
_LAST_INSTANT = np.iinfo(np.int64).max
_PLACE = ("event_id", "target_id", "sensor")
_ORBIT = ("platform", "relative_orbit", "orbit_state")
_NAMED = (*_PLACE, *_ORBIT, "datetime", "item_id")
_BASELINE = r"_N\d\d\.\d\d$"  # reprocessing changes the end of a Sentinel-2 datatake's id
_UNKNOWN = "?"


def identify_passes(candidates: pa.Table) -> pa.Array:
    """Name the pass of each candidate.

    Args:
        candidates: Table with ``event_id``, ``target_id``, ``sensor``, ``item_id``, ``datetime``,
            ``platform``, ``relative_orbit``, ``orbit_state`` and ``datatake_id``. It holds all
            candidates of an event, target and sensor, or none.

    Returns:
        ``pass_id`` as in CANDIDATES, shape (n,).
    """
    runs, firsts = _find_runs(candidates)
    first_scenes = candidates.select(_NAMED).take(pa.array(firsts))
    links = _link_datatakes(candidates, runs, first_scenes)
    passes = connected_components(len(firsts), links)
    names = _name_runs(first_scenes)
    starts = microseconds(first_scenes["datetime"])
    starts = np.where(starts == NO_INSTANT, _LAST_INSTANT, starts)
    # a pass has the name of its earliest run
    order = np.lexsort([dense_ranks(names), starts, passes])
    earliest = order[group_starts([passes[order]])]
    of_dem = is_value(candidates["sensor"], Sensor.DEM)
    return names.take(pa.array(earliest[passes[runs]], mask=of_dem))


def _find_runs(candidates: pa.Table) -> tuple[Indices, Indices]:
    """Cut the scenes of each orbit over each target into runs without a gap of over ten minutes.

    A scene without a time is a run of its own.

    Returns:
        The number of each row's run, shape (n,), and a first row of each run, shape (runs,).
    """
    times = microseconds(candidates["datetime"])
    keys = [encode(candidates[name]) for name in (*_PLACE, *_ORBIT)]
    order = np.lexsort([times, *keys])
    times = times[order]
    starts = group_starts([key[order] for key in keys])
    starts[1:] |= (times[1:] > times[:-1] + _GAP) | (times[1:] == NO_INSTANT)
    runs = np.empty(len(times), dtype=np.int64)
    runs[order] = np.cumsum(starts) - 1
    return runs, order[starts]


def _link_datatakes(
    candidates: pa.Table, runs: Indices, first_scenes: pa.Table
) -> NDArray[np.int64]:
    """List pairs of runs over one target that share a datatake, shape (links, 2)."""
    known = candidates["datatake_id"].is_valid()
    datatakes = one_array(candidates["datatake_id"].filter(known)).dictionary_encode()
    bases = encode(
        pa.chunked_array([pc.replace_substring_regex(datatakes.dictionary, _BASELINE, "")])
    )
    # each run of each datatake once
    pairs = np.unique(bases[datatakes.indices] * len(first_scenes) + runs[known])
    of_datatakes, of_runs = np.divmod(pairs, len(first_scenes))
    places = [encode(first_scenes[name])[of_runs] for name in (*_PLACE, "platform")]
    order = np.lexsort([of_datatakes, *places])
    starts = group_starts([key[order] for key in (of_datatakes, *places)])
    neighbours = np.column_stack([of_runs[order][:-1], of_runs[order][1:]])
    return neighbours[~starts[1:]]


def connected_components(n_nodes: int, links: NDArray[np.int64]) -> Indices:
    """Number the connected components of a graph, from 0 in the order of their first nodes.

    With 5 nodes and the links 0-1, 3-4 and 1-4, nodes 0, 1, 3 and 4 are one component and node 2 is
    another one: ``[0, 0, 1, 0, 0]``.

    This is union-find: every node points to another node of its component or to itself, and the
    node at the end of the pointers stands for the component. scipy has the same, but its import
    takes half a second and 36 MiB in each worker, and links are few here.

    Args:
        n_nodes: Number of nodes.
        links: Pairs of nodes, shape (links, 2).

    Returns:
        Number of each node's component, shape (n_nodes,).
    """
    parents = {node: node for node in links.ravel().tolist()}

    def find_root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]  # shorten the way for the next call
            node = parents[node]
        return node

    for one, other in links.tolist():
        first, second = sorted((find_root(one), find_root(other)))
        parents[second] = first
    roots = np.arange(n_nodes)  # few nodes have links
    roots[[*parents]] = [find_root(node) for node in parents]
    return np.unique(roots, return_inverse=True)[1]


def _name_runs(first_scenes: pa.Table) -> pa.Array:
    """Write platform, orbit and time of the first scene of each run; its id if it has no time."""
    seconds = microseconds(first_scenes["datetime"]) // _SECOND
    texts = pa.array(np.datetime_as_string(seconds.astype("datetime64[s]")), pa.string())
    times = pc.if_else(
        one_array(first_scenes["datetime"].is_valid()),
        pc.binary_join_element_wise(texts, "Z", ""),
        one_array(first_scenes["item_id"]),
    )
    parts = [_texts(first_scenes[name]) for name in _ORBIT]
    return pc.binary_join_element_wise(*parts, times, " ")


def identify_tracks(candidates: pa.Table) -> pa.Array:
    """Name the track of each SAR candidate.

    Args:
        candidates: Table with ``sensor``, ``relative_orbit``, ``orbit_state`` and
            ``polarizations``.

    Returns:
        ``track_id`` as in CANDIDATES, shape (n,).
    """
    lists = one_array(candidates["polarizations"])
    encoded = pc.fill_null(pc.binary_join(lists, "+"), "").dictionary_encode()
    sets = ["+".join(sorted(set(text.split("+")))) for text in encoded.dictionary.to_pylist()]
    channels = pa.array([text or _UNKNOWN for text in sets], pa.string()).take(encoded.indices)
    orbits, states = (_texts(candidates[name]) for name in ("relative_orbit", "orbit_state"))
    names = pc.binary_join_element_wise(orbits, states, channels, " ")
    of_radar = pc.equal(one_array(candidates["sensor"]), Sensor.S1RTC)
    return pc.if_else(of_radar, names, None)


def _texts(values: pa.ChunkedArray) -> pa.Array:
    return pc.fill_null(one_array(values).cast(pa.string()), _UNKNOWN)
