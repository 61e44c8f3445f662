"""Documents that break the STAC specification cost an answer at most, never the run."""

from __future__ import annotations

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floodscan import CatalogError, Recipe
from floodscan.catalogs import StacApiCatalog, open_catalog
from floodscan.catalogs.archive import CATALOG_KEY
from floodscan.catalogs.endpoint import Endpoint
from floodscan.catalogs.limits import Limits
from floodscan.inputs.event_files import load_events
from floodscan.pipeline import Run, ask, choose
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.store import RunFolder
from floodscan.testing.build_demo import DEMO_FOLDER
from tests.catalogs.faulty import SEARCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.fixtures import StacApi

ONE_TRY = Limits(tries=1, tries_too_much=1, max_bisections=0, request_seconds=10.0)
COLLECTION = SEARCH.collection
COLLECTION_PATH = f"/collections/{COLLECTION}"
MANY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ODD_VALUES = [
    *("null", "true", "0", "-1", "1.5", "1e400", "-1e300", "1" + "0" * 400, "9" * 5000),
    *('""', '"x"', '"\\ud800"', '"\\u0000"', '"http://[x"', '"file:///x"', '"\\n"'),
    *('"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"', '"2021-07-15"'),
    *("[]", "{}", "[[]]", "[null]", "[{}]", '{"a": 1}', "[1, 2, 3, 4]", "[1e308, 1, 1e308, 2]"),
    *("[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000),
    '{"type": "Polygon", "coordinates": [[], [[0, 0], [1, 0], [1, 1], [0, 0]]]}',
    '{"type": "Polygon", "coordinates": [[[6, 49], [7, 49], [7, 51], [6, 49]], []]}',
    '{"type": "Polygon", "coordinates": [[[0, -1e300], [1e300, 90], [-1e300, 0], [0, -1e300]]]}',
    '{"type": "MultiPolygon", "coordinates": [[[["a", 1]]]]}',
    '{"rel": "next", "href": 5}',
    '{"rel": "next", "method": "POST", "body": {"token": 1' + "0" * 30 + "}}",
]
"""JSON texts to put in place of other values."""

json_texts = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.integers(-(2**31), 2**64).map(str),
    st.floats(-1e6, 1e6).map(str),
    st.text().map(lambda text: orjson.dumps(text).decode()),
)


class Documents(ThreadingHTTPServer):
    """Serves documents by path; any other path is not found."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.documents: dict[str, bytes] = {}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the document of the path."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        content = server.documents.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    do_POST = do_GET  # noqa: N815 - as inherited

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[Documents]:
    """A server of documents."""
    with Documents() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def real(lean_api: StacApi, server: Documents) -> dict[str, Any]:
    """Return what the test API answers: its landing page, a collection, and a page with a link."""
    asked = {"collections": [COLLECTION], "bbox": SEARCH.bbox, "datetime": str(SEARCH.window)}
    found = [
        requests.get(f"{lean_api.url}/", timeout=30),
        requests.get(f"{lean_api.url}/collections/{COLLECTION}", timeout=30),
        requests.post(f"{lean_api.url}/search", json={**asked, "limit": 2}, timeout=30),
    ]
    contents = [each.content.replace(lean_api.url.encode(), server.url.encode()) for each in found]
    return dict(zip(("/", COLLECTION_PATH, "/search"), map(orjson.loads, contents), strict=True))


def paths_of(document: object, depth: int = 6) -> Iterator[tuple[str | int, ...]]:
    """List the places in a JSON document, each by its keys."""
    members: Any = ()
    if isinstance(document, dict) and depth:
        members = document.items()
    elif isinstance(document, list) and depth:
        members = enumerate(document[:3])
    for key, value in members:
        yield (key,)
        yield from ((key, *rest) for rest in paths_of(value, depth - 1))


def mutate(document: object, changes: list[tuple[tuple[str | int, ...], str]]) -> bytes:
    """Write a document as JSON with other texts at some places."""
    changed = orjson.loads(orjson.dumps(document))
    marks = {}
    for number, (path, text) in enumerate(changes):
        *parents, last = path
        place: Any = changed
        with suppress(KeyError, IndexError, TypeError):  # an earlier change took the place away
            for key in parents:
                place = place[key]
            place[last] = mark = f"@{number}@"
            marks[f'"{mark}"'] = text
    content = orjson.dumps(changed).decode()
    for mark, text in marks.items():
        content = content.replace(mark, text)
    return content.encode(errors="surrogatepass")


def draw_mutant(data: st.DataObject, document: object) -> bytes:
    """Draw a document with one or two odd values."""
    places = st.sampled_from(sorted(paths_of(document), key=str))
    changes = st.lists(st.tuples(places, json_texts), min_size=1, max_size=2)
    return mutate(document, data.draw(changes))


@MANY
@given(st.data())
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_an_odd_page_is_answered_or_reported(
    server: Documents, real: dict[str, Any], data: st.DataObject
) -> None:
    """The items that can be read are scored and selected like any others."""
    links = real["/search"]["links"] if data.draw(st.booleans()) else []
    server.documents = {"/search": draw_mutant(data, {**real["/search"], "links": links})}
    endpoint = Endpoint(f"{server.url}/search", lean=True)
    catalog = StacApiCatalog(server.url, ONE_TRY, endpoint=endpoint)
    (batch,) = cut_batches(list_events(load_events("demo", phase_offset_days={})), run_id="run")
    run = Run(catalog=catalog, catalog_id="odd", recipe=Recipe(), folder=RunFolder(Path()))
    plan = plan_batch(batch, run.recipe)
    answers = ask(run, plan.searches)
    for answer in answers:
        answer.items.validate(full=True)
        assert answer.complete is (answer.problem is None)
    part = choose(run, plan, dict(zip(plan.searches, answers, strict=True)))
    assert len(part.outcomes) == 1


@MANY
@given(st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # of pystac
@pytest.mark.parametrize("path", ["/", COLLECTION_PATH])
def test_an_odd_landing_page_or_collection_is_read_or_reported(
    path: str, server: Documents, real: dict[str, Any], data: st.DataObject
) -> None:
    """It raises nothing but a CatalogError."""
    server.documents = {each: orjson.dumps(document) for each, document in real.items()}
    server.documents[path] = draw_mutant(data, real[path])
    with suppress(CatalogError):
        assert isinstance(StacApiCatalog(server.url, ONE_TRY).describe([COLLECTION]), str)


@pytest.mark.parametrize(
    "link",
    [
        f'{{"rel": "next", "method": "POST", "body": {{"token": 1{"0" * 30}}}}}',
        f'{{"rel": "next", "method": "POST", "body": {{"token": {"[" * 300 + "]" * 300}}}}}',
        '{"rel": "next", "href": "http://127.0.0.1:1/\\u0000"}',
        '{"rel": "next", "href": "/search\\n?a b"}',
        '{"rel": "next", "method": ["POST"], "body": [["a", 1]]}',
    ],
)
def test_a_next_link_that_can_not_be_followed_makes_the_answer_incomplete(
    link: str, server: Documents, real: dict[str, Any]
) -> None:
    """Such as one with a body that our JSON encoder refuses."""
    server.documents = {
        "/search": mutate({**real["/search"], "links": [0]}, [(("links", 0), link)])
    }
    endpoint = Endpoint(f"{server.url}/search", lean=True)
    answer = StacApiCatalog(server.url, ONE_TRY, endpoint=endpoint).search(SEARCH)
    assert not answer.complete
    assert len(answer.items) == len(real["/search"]["features"])


def odd_columns(rows: pa.Table) -> dict[str, pa.Table]:
    """Make tables that are not stac-geoparquet, each with one odd column."""
    n = len(rows)
    others = {
        "numbers": pa.array(range(n)),
        "texts": pa.array(["x"] * n),
        "nulls": pa.nulls(n),
        "lists": pa.array([[1.0]] * n),
        "structs": pa.array([{"href": 1, "xmin": "w"}] * n),
        "nested": pa.array([{"B02": {"href": 5, "proj:bbox": "x"}, "B03": 3}] * n),
    }
    return {
        f"{column} of {kind}": rows.set_column(place, column, values)
        for place, column in enumerate(rows.column_names)
        for kind, values in others.items()
    }


def test_an_odd_archive_is_read_or_reported(tmp_path: Path) -> None:
    """It raises nothing but a CatalogError, whichever column is odd."""
    rows = pq.read_table(DEMO_FOLDER / f"{COLLECTION}.parquet").slice(0, 5)
    for name, table in odd_columns(rows).items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(table, path)
        with suppress(CatalogError):
            assert open_catalog(str(path)).describe([COLLECTION])
        with suppress(CatalogError):
            open_catalog(str(path)).search(SEARCH).items.validate(full=True)


@pytest.mark.parametrize("facts", [b"{", b"3", b"[]", b'{"no": "id"}', b"\xff"])
def test_an_archive_with_odd_metadata_goes_by_its_name(facts: bytes, tmp_path: Path) -> None:
    """Like one that another tool wrote."""
    rows = pq.read_table(DEMO_FOLDER / f"{COLLECTION}.parquet").slice(0, 5)
    path = tmp_path / "mine.parquet"
    pq.write_table(rows.replace_schema_metadata({CATALOG_KEY: facts}), path)
    assert open_catalog(str(path)).describe([COLLECTION]) == "mine"


def test_an_archive_with_an_empty_ring_does_not_crash(tmp_path: Path) -> None:
    """GEOS crashes on such a polygon, so the item gets an empty footprint."""
    shell = shapely.Polygon([(6, 49), (7, 49), (7, 51), (6, 49)])
    torn = shapely.Polygon(shell.exterior, [shapely.LinearRing()])
    rows = pq.read_table(DEMO_FOLDER / f"{COLLECTION}.parquet")
    place = rows.schema.get_field_index("geometry")
    wkb = pa.array([shapely.to_wkb(torn)] * len(rows), rows.schema.field(place).type)
    pq.write_table(rows.set_column(place, "geometry", wkb), tmp_path / "torn.parquet")
    found = open_catalog(str(tmp_path / "torn.parquet")).search(SEARCH).items
    assert len(found)
    assert all(shapely.is_empty(shapely.from_wkb(found["geometry"].to_pylist())))
