"""One contract for all kinds of catalogs, and the behaviour of each kind."""

from __future__ import annotations

import traceback
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from floodscan import CatalogError, MissingCollectionError, Recipe
from floodscan.catalogs import ArchiveCatalog, Catalog, StacApiCatalog, open_catalog
from floodscan.catalogs.endpoint import public_url
from floodscan.model import Search, TimeWindow
from floodscan.schemas import ITEMS
from floodscan.selection.pairing import find_unique
from floodscan.testing.servers.process import free_port
from tests.catalogs.faulty import LIMITS, SEARCH, faulty

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi

KINDS = ["archive", "lean_api", "pgstac_api"]
ASSETS = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
LUXEMBOURG = (5.7333, 49.4426, 6.5282, 50.1830)


@pytest.fixture(params=KINDS)
def catalog(request: pytest.FixtureRequest) -> Catalog:
    """Each kind of catalog over the demo's items."""
    if request.param == "archive":
        return open_catalog("demo")
    api: StacApi = request.getfixturevalue(request.param)
    return open_catalog(api.url)


def search(collection: str, days: int | None = 4) -> Search:
    """Make a search in Luxembourg around the flood."""
    window = None if days is None else TimeWindow.around(date(2021, 7, 15), days)
    return Search(collection, LUXEMBOURG, window, ASSETS[collection])


@pytest.mark.parametrize(
    ("collection", "days", "n"),
    [("sentinel-1-rtc", 4, 12), ("sentinel-2-l2a", 10, 40), ("cop-dem-glo-30", None, 4)],
)
def test_search_finds_items_in_the_box_and_the_window(
    catalog: Catalog, collection: str, days: int | None, n: int
) -> None:
    """All kinds find at least the demo's items, as an ITEMS table."""
    answer = catalog.search(search(collection, days))
    assert answer.items.schema.equals(ITEMS)
    assert answer.complete
    assert len(answer.items) >= n
    assert set(answer.items["collection"].to_pylist()) == {collection}


@pytest.mark.parametrize("collection", list(ASSETS))
@pytest.mark.parametrize("api", ["lean_api", "pgstac_api"])
def test_rows_are_those_of_the_archive(
    api: str, collection: str, request: pytest.FixtureRequest
) -> None:
    """Every item of an API has the same row in the archive, to the last byte."""
    days = None if collection == "cop-dem-glo-30" else 4
    server: StacApi = request.getfixturevalue(api)
    found = open_catalog(server.url).search(search(collection, days)).items
    held = open_catalog("demo").search(search(collection, days)).items
    found, held = (items.take(find_unique(items)) for items in (found, held))
    same = held.filter(pa.compute.is_in(held["item_id"], found["item_id"]))
    assert len(found) > 0
    assert found.equals(same)


def test_describe_returns_the_stac_id(catalog: Catalog) -> None:
    """A catalog and an archive of it have the same id."""
    assert catalog.describe(list(ASSETS)) == "floodscan-demo"


def test_a_missing_collection_is_reported(catalog: Catalog) -> None:
    """The error names the catalog and the collection."""
    with pytest.raises(MissingCollectionError, match="no collection 'sentinel-9'") as error:
        catalog.describe(["sentinel-9"])
    assert catalog.location in str(error.value)


def test_empty_answers_are_tables(catalog: Catalog) -> None:
    """Without items the table has no rows; an archive knows that it lacks the time."""
    window = TimeWindow.around(date(1999, 1, 1), 3)
    answer = catalog.search(Search("sentinel-1-rtc", LUXEMBOURG, window, ASSETS["sentinel-1-rtc"]))
    covered = not isinstance(catalog, ArchiveCatalog)
    assert (len(answer.items), answer.complete) == (0, covered)


@pytest.mark.parametrize("kind", ["foreign_lean_api", "foreign_pgstac_api"])
def test_search_across_the_antimeridian_finds_both_sides(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """A bbox with west > east finds the items there, and none from the rest of the world."""
    server: StacApi = request.getfixturevalue(kind)
    wanted = Search("sentinel-2-l2a", (177.0, -20.0, -177.0, 72.0), None, ("B02",))
    found = open_catalog(server.url).search(wanted)
    assert found.n_requests >= 2
    assert 3 <= len(find_unique(found.items)) <= 7


def test_unreachable_api_is_reported() -> None:
    """An address without a server is one clear error."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CatalogError, match="can't be reached") as error:
        StacApiCatalog(url, LIMITS).describe([])
    assert url in str(error.value)


def test_a_document_of_another_kind_is_reported(sas_endpoint: object) -> None:
    """A server without STAC is an error, not a traceback."""
    url = sas_endpoint.url  # type: ignore[attr-defined]
    with pytest.raises(CatalogError):
        StacApiCatalog(url, LIMITS).describe([])


@pytest.mark.parametrize("path", ["", "/collections/sentinel-1-rtc", "/elsewhere"])
def test_no_secret_of_a_url_is_in_a_traceback(path: str, lean_api: StacApi) -> None:
    """Whether the address has other JSON, a collection or nothing."""
    with faulty(lean_api, lambda _: None if path else "no page") as (catalog, proxy):
        proxy.everywhere = True
        secret = StacApiCatalog(
            f"{catalog.url}{path}?token=hidden".replace("//", "//user:hidden@"), LIMITS
        )
        with pytest.raises(CatalogError) as error:
            secret.describe([])
    assert catalog.url + path in str(error.value)
    assert "hidden" not in "".join(traceback.format_exception(error.value))


def test_a_run_begins_although_most_requests_fail(lean_api: StacApi) -> None:
    """Landing page and collection are retried like searches, after all kinds of faults."""
    faults = dict(
        enumerate(("503", "silence", "504", "slow head", "no page", "reset", "truncated"))
    )
    with faulty(lean_api, faults.get) as (catalog, proxy):
        proxy.everywhere = True
        assert catalog.describe(["sentinel-1-rtc"]) == "floodscan-demo"
    assert len(proxy.visits) == len(faults) + 2


def test_a_collection_of_another_kind_is_reported(lean_api: StacApi) -> None:
    """The landing page is fine, but the address of the collection has no STAC."""
    with faulty(lean_api, lambda n: "no page" if n else None) as (catalog, proxy):
        proxy.everywhere = True
        with pytest.raises(CatalogError, match="can't be read"):
            catalog.describe(["sentinel-1-rtc"])


def test_requests_for_the_landing_page_are_counted(lean_api: StacApi) -> None:
    """A search that fails because of it counts each try."""
    with faulty(lean_api, lambda _: "503") as (catalog, proxy):
        proxy.everywhere = True
        answer = catalog.search(SEARCH)
    assert (answer.complete, answer.problem) == (False, "answered with HTTP status 503")
    assert answer.n_requests == answer.n_retries + 1 == len(proxy.visits) == LIMITS.tries


def test_secrets_of_a_url_are_not_shown() -> None:
    """User, password and query are not in the location."""
    assert (
        public_url("https://user:secret@host:8080/stac/v1?key=secret#x")
        == "https://host:8080/stac/v1"
    )
    catalog = StacApiCatalog("https://user:secret@host/stac?key=secret")
    assert catalog.location == "https://host/stac"
    assert "secret" not in repr(catalog)


@pytest.mark.parametrize(
    "url", ["http://[hidden", "http://user:hid/den@127.0.0.1:9", "http://127.0.0.1:hidden"]
)
def test_an_invalid_url_is_refused(url: str) -> None:
    """The error does not quote it: a slash in the password makes a URL invalid."""
    with pytest.raises(CatalogError, match="its URL is not valid") as error:
        open_catalog(url)
    assert "hid" not in str(error.value)


def test_secrets_of_a_url_are_not_in_errors() -> None:
    """An address that can't be reached is reported without user, password and query."""
    with pytest.raises(CatalogError) as error:
        StacApiCatalog(
            f"http://user:hidden@127.0.0.1:{free_port()}/stac?key=hidden", LIMITS
        ).describe([])
    assert "127.0.0.1" in str(error.value)
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"not parquet"])
def test_unreadable_archive_is_reported(tmp_path: Path, content: bytes | None) -> None:
    """A missing or a broken file is one clear error."""
    path = tmp_path / "items.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogError, match="can't be read"):
        open_catalog(str(path)).describe([])


def test_archive_without_its_columns_is_reported(tmp_path: Path) -> None:
    """The error names the missing columns."""
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(CatalogError, match="no column collection, geometry"):
        open_catalog(str(path)).describe([])


def test_archive_of_real_items_is_read(foreign_data: Path) -> None:
    """A file of another tool, without our metadata, is a catalog."""
    path = next((foreign_data / "planetary-computer").glob("*.parquet"))
    catalog = open_catalog(str(path))
    assert catalog.describe(["sentinel-2-l2a"]) == path.stem
    found = catalog.search(
        Search("sentinel-2-l2a", (-180.0, -90.0, 180.0, 90.0), None, ASSETS["sentinel-2-l2a"])
    )
    assert len(found.items) == 1000
    assert all(len(assets) == 12 for assets in found.items["assets"].to_pylist())
