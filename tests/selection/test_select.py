"""``select`` takes all rules from the recipe."""

from __future__ import annotations

import pytest

from floodscan.model import Policy, Recipe
from floodscan.selection import select
from tests.selection.worlds import random_world


def test_the_rules_cannot_be_left_out() -> None:
    """Else the candidates would be chosen by other rules than the caller asked for."""
    world = random_world(1)
    with pytest.raises(TypeError, match="recipe"):
        select(world.scored(), [world.plan])  # type: ignore[call-arg]


def test_the_recipe_names_the_policy() -> None:
    """The reference policy takes no ladder steps, so it lists none."""
    world = random_world(1)
    scored = world.scored()
    relaxed = {
        policy: select(scored, [world.plan], Recipe(policy=policy))["relaxed"].drop_null()
        for policy in Policy
    }
    assert len(relaxed[Policy.REFERENCE]) == 0
    assert len(relaxed[Policy.CHANGE_DETECTION]) > 0
