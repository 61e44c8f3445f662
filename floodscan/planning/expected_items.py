"""How many items searches will find, by the prices of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from floodscan.planning.extents import Extents, number_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.model import Recipe, Search
    from floodscan.planning.extents import Numbers


def expect_items(searches: Sequence[Search], recipe: Recipe) -> Numbers:
    """Estimate how many items each search finds in all of its collections, shape (n,)."""
    sensors = {
        name: sensor
        for sensor, asked in recipe.sensors.items()
        for name in (asked.collection, asked.acquired_in)
        if name is not None
    }
    looks, found = number_each((search.collection, search.also) for search in searches)
    wanted = [
        {(sensors[name], name) for name in (collection, *dict(also))} for collection, also in found
    ]
    return Extents.of(searches, looks, wanted).expect_items(recipe.searches)


def largest_first(searches: Sequence[Search], recipe: Recipe) -> list[Search]:
    """Sort searches by the items that they will find; equal ones keep their order.

    A search of several pages asks for them one after the other, so it starts first. The searches
    that end last are small: what waits for them is chosen soon.
    """
    order = np.argsort(-expect_items(searches, recipe), kind="stable")
    return [searches[number] for number in order]
