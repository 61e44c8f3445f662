"""The lean STAC API against the real one: the same answers to hundreds of random searches."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import requests

from tests.servers.searches import ask, neighbourhoods, random_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.catalog import Json
    from tests.servers.fixtures import StacApi

_SEARCHES_PER_SEED = 40


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """An HTTP session."""
    with requests.Session() as opened:
        yield opened


@pytest.mark.parametrize("seed", range(11))
def test_answers_are_those_of_pgstac(
    seed: int,
    session: requests.Session,
    lean_api: StacApi,
    pgstac_api: StacApi,
    served_items: list[Json],
) -> None:
    """Ids, order, contents and paging are the same, item by item."""
    rng = random.Random(seed)  # noqa: S311
    groups = neighbourhoods(served_items)
    found = 0
    for _ in range(_SEARCHES_PER_SEED):
        body = random_search(rng, rng.choice(groups))
        by_get = rng.random() < 0.2
        expected = ask(session, pgstac_api.url, body, by_get=by_get)
        answer = ask(session, lean_api.url, body, by_get=by_get)
        assert answer == expected, body
        assert set(expected.statuses) == {200}, body
        found += sum(map(len, expected.features))
    assert found > _SEARCHES_PER_SEED
