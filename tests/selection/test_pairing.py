"""Which items a slot may take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.model import Phase, Recipe, Sensor
from floodscan.planning.slots import plan_event
from floodscan.selection.pairing import pair_items
from tests.selection.worlds import ALL, LEFT, day, make_event, s1_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.planning.slots import Slot
    from tests.selection.worlds import Item

RECIPE = Recipe()
RADAR = RECIPE.sensors[Sensor.S1RTC]


def tabulate(*items: Item) -> pa.Table:
    """Parse items of Sentinel-1."""
    return parse_items(decode_items(items), collection=RADAR.collection, assets=RADAR.assets)


def pairs_of(items: pa.Table, slots: Sequence[Slot]) -> list[tuple[int, str | None, str, float]]:
    """List event number, phase, item and overlap of each pair, in their order."""
    found = pair_items(items, slots, RECIPE)
    ids = items["item_id"].take(pa.array(found.items)).to_pylist()
    events = list(dict.fromkeys(slot.event_id for slot in slots))
    own = [slots[number] for number in found.slots.tolist()]
    return [
        (events.index(slot.event_id), slot.phase, item_id, overlap)
        for slot, item_id, overlap in zip(own, ids, found.overlaps.tolist(), strict=True)
    ]


def test_an_item_of_unknown_time_is_in_each_window_once() -> None:
    """Among items with a time, and alone."""
    timeless = s1_item("timeless", day(0), ALL)
    timeless["properties"]["datetime"] = None
    slots = plan_event(make_event(), RECIPE).slots
    both = pairs_of(tabulate(timeless, s1_item("known", day(0), LEFT)), slots)
    assert [phase for _, phase, item_id, _ in both if item_id == "timeless"] == list(Phase)
    known = [(phase, overlap) for _, phase, item_id, overlap in both if item_id == "known"]
    assert known == [(phase, 0.5) for phase in (Phase.PRE_EVENT, Phase.EVENT, Phase.POST_EVENT)]
    alone = pairs_of(tabulate(timeless), slots)
    assert [phase for _, phase, _, _ in alone] == list(Phase)


def test_the_first_of_repeated_items_counts() -> None:
    """Even if its footprint misses the target and that of a later one does not."""
    here, far = s1_item("scene", day(0), ALL), s1_item("scene", day(0), (50.0, 50.0, 51.0, 51.0))
    slots = plan_event(make_event(), RECIPE).slots
    assert pairs_of(pa.concat_tables([tabulate(far), tabulate(here)]), slots) == []
    assert len(pairs_of(pa.concat_tables([tabulate(here), tabulate(far)]), slots)) == 3


def test_events_with_the_same_area_have_the_same_pairs() -> None:
    """And pairs are in the order of the slots, then of the ids."""
    one = make_event()
    slots = [
        *plan_event(one, RECIPE).slots,
        *plan_event(replace(one, event_id="again"), RECIPE).slots,
    ]
    items = tabulate(s1_item("b", day(0), ALL), s1_item("a", day(0), LEFT))
    found = pairs_of(items, slots)
    phases = (Phase.PRE_EVENT, Phase.EVENT, Phase.POST_EVENT)
    assert found == [
        (number, phase, *pair)
        for number in (0, 1)
        for phase in phases
        for pair in (("a", 0.5), ("b", 1.0))
    ]
