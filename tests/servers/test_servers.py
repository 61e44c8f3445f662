"""The test servers do as the tests assume: names, paging, counts, antimeridian and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.servers.fixtures import LANDING_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.testing.servers.catalog import Json
    from tests.servers.fixtures import SasEndpoint, StacApi

_CONFORMANCE = {
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#query",
}
_BLOB = "https://acct.blob.core.windows.net/container/x.tif"


@pytest.fixture(params=["lean_api", "pgstac_api"])
def api(request: pytest.FixtureRequest) -> StacApi:
    """Each of the STAC APIs."""
    chosen: StacApi = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """An HTTP session."""
    with requests.Session() as opened:
        yield opened


def _search(session: requests.Session, api: StacApi, **body: object) -> Json:
    response = session.post(f"{api.url}/search", json=body, timeout=60)
    response.raise_for_status()
    page: Json = response.json()
    return page


def _ids(page: Json) -> list[str]:
    return [feature["id"] for feature in page["features"]]


def test_landing_page_has_the_id_and_the_conformance_classes(
    api: StacApi, session: requests.Session
) -> None:
    """A client finds search, fields and query on the landing page."""
    landing = session.get(api.url, timeout=60).json()
    assert landing["id"] == api.landing_id == LANDING_ID
    assert set(landing["conformsTo"]) >= _CONFORMANCE


def test_collections_are_those_of_the_items(
    api: StacApi, session: requests.Session, served_items: list[Json]
) -> None:
    """Every collection that has items is listed, once."""
    listed = session.get(f"{api.url}/collections", timeout=60).json()["collections"]
    names = [collection["id"] for collection in listed]
    assert len(names) == len(set(names))
    assert set(names) >= {item["collection"] for item in served_items}


def test_paging_to_the_end_gives_every_item_once(
    api: StacApi, session: requests.Session, served_items: list[Json]
) -> None:
    """No item is lost or doubled between two pages."""
    body: Json = {"limit": 300, "fields": {"include": ["id"], "exclude": ["links"]}}
    found: list[str] = []
    while body:
        page = _search(session, api, **body)
        found += _ids(page)
        body = next((link["body"] for link in page["links"] if link["rel"] == "next"), {})
    assert sorted(found) == sorted(item["id"] for item in served_items)


def test_searches_are_counted_at_the_server(api: StacApi, session: requests.Session) -> None:
    """Searches by POST and GET count, other requests do not."""
    before = api.searches()
    _search(session, api, limit=1)
    session.get(f"{api.url}/search", params={"limit": "1"}, timeout=60)
    session.get(api.url, timeout=60)
    assert api.searches() == before + 2


def test_excluding_links_is_the_only_way_to_have_none(
    api: StacApi, session: requests.Session
) -> None:
    """Items have links unless these are excluded, whatever is included."""
    included = _search(session, api, limit=1, fields={"include": ["id"]})
    excluded = _search(session, api, limit=1, fields={"include": ["id"], "exclude": ["links"]})
    assert set(included["features"][0]) == {"id", "collection", "links"}
    assert set(excluded["features"][0]) == {"id", "collection"}


def test_one_item_and_one_collection_are_found_by_name(
    api: StacApi, session: requests.Session, served_items: list[Json]
) -> None:
    """Unknown names are a 404."""
    item = served_items[0]
    path = f"{api.url}/collections/{item['collection']}/items"
    assert session.get(f"{path}/{item['id']}", timeout=60).json()["id"] == item["id"]
    assert session.get(f"{path}/nothing", timeout=60).status_code == 404
    assert session.get(f"{api.url}/collections/nothing/items", timeout=60).status_code == 404


def test_items_of_a_collection_are_a_search(
    api: StacApi, session: requests.Session, served_items: list[Json]
) -> None:
    """The items endpoint answers as a search in one collection does."""
    name = served_items[0]["collection"]
    path = f"{api.url}/collections/{name}/items"
    page = session.get(path, params={"limit": "5"}, timeout=60).json()
    assert _ids(page) == _ids(_search(session, api, collections=[name], limit=5))


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"datetime": "2021-07-15"},
        {"bbox": [5.0, 50.0, 6.0, 49.0]},
        {"bbox": [5.0, 49.0, 6.0, 50.0], "intersects": {"type": "Point", "coordinates": [5, 49]}},
    ],
    ids=["limit 0", "date without time", "south above north", "bbox and intersects"],
)
def test_wrong_searches_are_refused(body: Json, api: StacApi, session: requests.Session) -> None:
    """An invalid search is the client's error."""
    assert session.post(f"{api.url}/search", json=body, timeout=60).status_code == 400


def test_lean_api_refuses_tokens_it_never_gave(
    lean_api: StacApi, session: requests.Session
) -> None:
    """A made-up token is the client's error."""
    body = {"token": "next:6e6f:6e6f"}
    assert session.post(f"{lean_api.url}/search", json=body, timeout=60).status_code == 400


def test_lean_api_reads_a_bbox_across_the_antimeridian_the_short_way(
    foreign_lean_api: StacApi, session: requests.Session
) -> None:
    """It finds what the boxes on both sides find together, and nothing else."""
    limits = {"limit": 500, "fields": {"include": ["id"]}}
    across = _search(session, foreign_lean_api, bbox=[178.0, -85.0, -178.0, 80.0], **limits)
    sides = ([178.0, -85.0, 180.0, 80.0], [-180.0, -85.0, -178.0, 80.0])
    expected = {
        i for side in sides for i in _ids(_search(session, foreign_lean_api, bbox=side, **limits))
    }
    assert set(_ids(across)) == expected
    assert "S2A_T01WCP_20230625T234624_L2A" in expected


def test_urls_are_signed_with_the_local_tokens(local_signing: SasEndpoint) -> None:
    """`planetary_computer` asks once for a container and signs from then on."""
    import planetary_computer  # noqa: PLC0415

    before = local_signing.tokens()
    signed = [planetary_computer.sign(_BLOB) for _ in range(2)]
    assert signed[0] == signed[1]
    assert signed[0].startswith(f"{_BLOB}?st=")
    assert "sig=acct.container." in signed[0]
    assert local_signing.tokens() == before + 1
