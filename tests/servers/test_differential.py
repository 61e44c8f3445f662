"""The lean STAC API against the real one: the same answers to hundreds of random searches."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import requests

from tests.servers.searches import ask, neighbourhoods, random_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.testing.servers.catalog import Json
    from tests.servers.fixtures import StacApi

_SEARCHES_PER_SEED = 40


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """An HTTP session."""
    with requests.Session() as opened:
        yield opened


@pytest.mark.parametrize("seed", range(6))
def test_answers_are_those_of_pgstac(
    seed: int,
    session: requests.Session,
    lean_api: StacApi,
    pgstac_api: StacApi,
    served_items: list[Json],
) -> None:
    """Ids, order, contents and paging are the same, item by item."""
    compare_answers(seed, session, (lean_api, pgstac_api), served_items)


@pytest.mark.parametrize("seed", range(6, 11))
def test_answers_about_real_items_are_those_of_pgstac(
    seed: int,
    session: requests.Session,
    foreign_lean_api: StacApi,
    foreign_pgstac_api: StacApi,
    foreign_items: list[Json],
) -> None:
    """As above, with items that others made."""
    compare_answers(seed, session, (foreign_lean_api, foreign_pgstac_api), foreign_items)


def compare_answers(
    seed: int, session: requests.Session, apis: tuple[StacApi, StacApi], items: list[Json]
) -> None:
    """Make the same random searches in both APIs, and compare the answers."""
    lean, real = apis
    rng = random.Random(seed)  # noqa: S311
    groups = neighbourhoods(items)
    found = 0
    for _ in range(_SEARCHES_PER_SEED):
        body = random_search(rng, rng.choice(groups))
        by_get = rng.random() < 0.2
        expected = ask(session, real.url, body, by_get=by_get)
        answer = ask(session, lean.url, body, by_get=by_get)
        assert answer == expected, body
        assert set(expected.statuses) == {200}, body
        found += sum(map(len, expected.features))
    assert found > _SEARCHES_PER_SEED
