"""The columns ``pass_id`` and ``track_id``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from floodscan.model import Recipe
from floodscan.selection.passes import connected_components, identify_passes
from tests.selection.worlds import (
    FLOOD,
    World,
    dem_item,
    make_event,
    random_world,
    s1_item,
    s2_item,
)

if TYPE_CHECKING:
    from tests.selection.worlds import Item

ALL = (9.0, 49.0, 12.0, 52.0)
NOON = datetime(FLOOD.year, FLOOD.month, FLOOD.day, 12, tzinfo=UTC)


def ids_of(*items: Item, column: str = "pass_id") -> dict[str, str | None]:
    """Score items and return one column by item id; an item has one value in all of its slots."""
    table = World(make_event(), list(items), Recipe()).scored()
    pairs = set(zip(table["item_id"].to_pylist(), table[column].to_pylist(), strict=True))
    assert len(pairs) == len(set(table["item_id"].to_pylist()))
    return dict(pairs)


def later(**parts: float) -> datetime:
    """Return a moment after noon of the flood's day."""
    return NOON + timedelta(**parts)


def test_a_pass_has_the_name_of_its_first_scene() -> None:
    """Platform, relative orbit, orbit state and time, in every slot; the DEM has none."""
    found = ids_of(
        s1_item("a", later(seconds=25), ALL, take="1"),
        s1_item("b", NOON, ALL, take="1"),
        dem_item(10.0),
    )
    name = "SENTINEL-1A 37 descending 2021-07-15T12:00:00Z"
    assert found == {"a": name, "b": name, "dem_10.0": None}


def test_scenes_of_a_run_are_of_one_pass() -> None:
    """Ten minutes without a scene end the run; two orbits are two runs."""
    minutes = {"a": 0, "b": 9, "c": 18, "d": 29}
    items = [s1_item(name, later(minutes=m), ALL, take=None) for name, m in minutes.items()]
    items.append(s1_item("other", later(minutes=1), ALL, take=None, orbit=139))
    found = ids_of(*items)
    assert (
        found["a"] == found["b"] == found["c"] == "SENTINEL-1A 37 descending 2021-07-15T12:00:00Z"
    )
    assert found["d"] == "SENTINEL-1A 37 descending 2021-07-15T12:29:00Z"
    assert found["other"] == "SENTINEL-1A 139 descending 2021-07-15T12:01:00Z"


def test_a_datatake_joins_runs() -> None:
    """Also by way of a third run, and under the names of two processing baselines."""
    items = [
        s2_item("a", NOON, ALL, take="GS2A_1", baseline="03.01"),
        s2_item("b", later(minutes=40), ALL, take="GS2A_1", baseline="05.00"),
        s2_item("c", later(minutes=41), ALL, take="GS2A_2"),
        s2_item("d", later(minutes=90), ALL, take="GS2A_2"),
        s2_item("e", later(minutes=140), ALL, take="GS2A_3"),
    ]
    found = ids_of(*items)
    name = "Sentinel-2A 8 descending 2021-07-15T12:00:00Z"
    assert [found[key] for key in "abcd"] == [name] * 4
    assert found["e"] == "Sentinel-2A 8 descending 2021-07-15T14:20:00Z"


def test_unknown_parts_of_a_name_are_question_marks() -> None:
    """The item's id takes the place of an unknown time."""
    item = s1_item("a", NOON, ALL, orbit=None, polarizations=[])
    del item["properties"]["platform"]
    assert ids_of(item) == {"a": "? ? descending 2021-07-15T12:00:00Z"}
    assert ids_of(item, column="track_id") == {"a": "? descending ?"}
    timeless = s1_item("b", NOON, ALL)
    timeless["properties"]["datetime"] = "soon"
    assert ids_of(timeless) == {"b": "SENTINEL-1A 37 descending b"}


def test_a_timed_scene_names_the_pass_of_a_timeless_one() -> None:
    """They share a datatake."""
    timeless = s1_item("a", NOON, ALL, take="1")
    timeless["properties"]["datetime"] = "soon"
    name = "SENTINEL-1A 37 descending 2021-07-15T12:00:00Z"
    assert ids_of(timeless, s1_item("b", NOON, ALL, take="1")) == {"a": name, "b": name}


def test_a_track_is_an_orbit_a_state_and_a_set_of_polarisations() -> None:
    """The order of the polarisations does not count; optical scenes and the DEM have no track."""
    found = ids_of(
        s1_item("a", NOON, ALL),
        s1_item("b", NOON, ALL, polarizations=["VH", "VV"]),
        s1_item("c", NOON, ALL, orbit=15, state="ascending", polarizations=["VV"]),
        s2_item("d", NOON, ALL),
        dem_item(10.0),
        column="track_id",
    )
    assert found == {
        "a": "37 descending VH+VV",
        "b": "37 descending VH+VV",
        "c": "15 ascending VV",
        "d": None,
        "dem_10.0": None,
    }


@pytest.mark.parametrize("seed", range(20))
def test_ids_depend_on_no_order_and_on_no_other_event(seed: int) -> None:
    """Candidates in another order, and beside those of another event, keep their ids."""
    scored = random_world(seed).scored()
    event = pa.array(["other"] * len(scored))
    beside = random_world(seed + 1).scored().slice(0, len(scored))
    beside = beside.set_column(0, beside.schema.field(0), event.slice(0, len(beside)))
    order = list(range(len(scored) + len(beside)))
    Random(seed).shuffle(order)  # noqa: S311 - a test's seed
    mixed = pa.concat_tables([scored, beside]).take(order)
    found = np.array(identify_passes(mixed).to_pylist(), dtype=object)[np.argsort(order)]
    assert found[: len(scored)].tolist() == scored["pass_id"].to_pylist()


def test_passes_of_two_events_are_two_passes() -> None:
    """Two datatakes are one pass in an event, and two in another event that has the same names."""
    moments = {"one": (NOON, later(minutes=1)), "other": (NOON, later(days=2))}
    tables = []
    for name, (first, second) in moments.items():
        items = [s1_item("a", first, ALL, take="1"), s1_item("b", second, ALL, take="2")]
        tables.append(World(make_event(event_id=name), items, Recipe()).scored())
    passes = pa.concat_tables(tables).select(["event_id", "pass_id"]).to_pylist()
    assert len({tuple(row.values()) for row in passes}) == 3


def test_linked_nodes_are_one_component() -> None:
    """Also if a later link joins two components."""
    links = np.array([[0, 1], [3, 4], [1, 4]])
    assert connected_components(5, links).tolist() == [0, 0, 1, 0, 0]
    assert connected_components(3, np.empty((0, 2), dtype=np.int64)).tolist() == [0, 1, 2]
    assert connected_components(0, np.empty((0, 2), dtype=np.int64)).tolist() == []
