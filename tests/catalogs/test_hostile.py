"""A hostile STAC API costs the slots of its searches: no hang, no crash, no memory, no secret."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from socket import EAI_NONAME, gaierror
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from floodscan import CatalogError
from floodscan.catalogs import StacApiCatalog
from floodscan.catalogs.hrefs import RefusedHrefError, resolve
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.model import Search, TimeWindow
from floodscan.testing.servers.process import free_port
from tests.catalogs.hostile_runs import LIMITS, PATIENT
from tests.paths import REPO_ROOT
from tests.servers.hostile import HostileApi, hostile_api
from tests.servers.hostile_kinds import C1, COLOUR, KINDS, SCRIPT, SENSORS, TITLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.catalogs.base import Answer

COLLECTION = "sentinel-2-l2a"
SEARCH = Search(
    COLLECTION,
    (5.7333, 49.4426, 6.5282, 50.1830),
    TimeWindow(datetime(2021, 6, 5, tzinfo=UTC), datetime(2021, 7, 28, 23, 59, 59, tzinfo=UTC)),
    SENSORS[COLLECTION].assets,
)
READ = {"markup", "escapes", "odd ids", "other type", "hrefs", "no collection"}
"""Kinds whose answers are odd, and complete all the same."""

UNTIL_THE_END = {"new items", "a million items"}
"""Kinds that have time to find as many items as a search may."""

MOST_MB = 700


@dataclass(frozen=True, slots=True)
class Run:
    """A scan from a hostile catalog.

    Attributes:
        folder: Its results.
        screen: What arrived on its terminal.
        status: Its exit status.
        peak_mb: The most memory that it took.
        seconds: Its time.
    """

    folder: Path
    screen: str
    status: int
    peak_mb: float
    seconds: float

    def searches(self) -> list[dict[str, Any]]:
        """Return its searches."""
        rows: list[dict[str, Any]] = pq.read_table(self.folder / "searches.parquet").to_pylist()
        return rows

    def candidates(self, collection: str = COLLECTION) -> list[dict[str, Any]]:
        """Return its candidates of a collection."""
        (path,) = (self.folder / "candidates").glob("*.parquet")
        rows = pq.read_table(path).to_pylist()
        return [row for row in rows if row["collection"] == collection]


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    """The hostile API."""
    with hostile_api() as api:
        yield api


@pytest.fixture(scope="module")
def runs(api: HostileApi, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Scan the demo event once from each kind of hostile catalog."""
    folder = tmp_path_factory.mktemp("hostile")
    urls = [api.landing(kind) + (PATIENT if kind in UNTIL_THE_END else "") for kind in KINDS]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.catalogs.hostile_runs", str(folder), *urls],
        cwd=REPO_ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stderr == ""
    lines = map(json.loads, done.stdout.splitlines())
    return {
        kind: Run(folder / str(number), **found)
        for number, (kind, found) in enumerate(zip(KINDS, lines, strict=True))
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_catalog_costs_its_slots_and_not_the_run(kind: str, runs: dict[str, Run]) -> None:
    """Every scan ends in time, with little memory, and says what it did not get."""
    run = runs[kind]
    assert run.status == (0 if kind in READ - {"hrefs"} else 1)
    assert "Traceback" not in run.screen
    assert run.peak_mb < MOST_MB
    may_take = 60.0 if kind in UNTIL_THE_END else LIMITS.search_seconds
    searches = run.searches()
    assert [len(search["collections"]) for search in searches] == [2, 1]
    for search in searches:
        assert search["seconds"] < may_take + 10
        assert search["complete"] is (kind in READ)
        assert search["complete"] is (search["reason"] is None)
        assert (search["reason"] or "").isprintable()
    (event,) = pq.read_table(run.folder / "events.parquet").to_pylist()
    codes = {reason["code"] for reason in event["reasons"]}
    if kind not in READ:
        assert event["n_filled"] == 0
        assert codes == {"search_failed"}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_hostile_catalog_has_an_effect_on_a_terminal(
    kind: str, runs: dict[str, Run]
) -> None:
    """Its words are printed literally."""
    for raw in (TITLE, COLOUR, C1, "\x1b]", "\x9b", "\x07"):
        assert raw not in runs[kind].screen
    if kind == "markup":
        assert "[/x][bold]:smile:" in runs[kind].screen
    if kind == "escapes":
        assert r"\x1b]0;owned\x07" in runs[kind].screen


def ask(api: HostileApi, kind: str, **limits: Any) -> Answer:  # noqa: ANN401 - of Limits
    """Search in a catalog of a kind."""
    return StacApiCatalog(api.landing(kind), replace(LIMITS, **limits)).search(SEARCH)


@pytest.mark.parametrize(
    ("kind", "reason", "most_requests"),
    [
        ("same items", "a page repeats earlier items, and links to a next page", 30),
        ("empty pages", "the next links lead in a circle, or only to empty pages", 150),
        ("full pages", "a full page has no link to a next page", 50),
        ("next elsewhere", "the link to the next page leads to another host", 15),
    ],
)
def test_parts_that_all_fail_the_same_way_are_few(
    kind: str, reason: str, most_requests: int, api: HostileApi
) -> None:
    """A search is cut only while its parts bring new items, or may still bring some."""
    before = api.n_visits(kind)
    answer = ask(api, kind, search_seconds=600.0, page_items=100)
    assert answer.problem == reason
    assert answer.n_requests <= most_requests
    assert api.n_visits(kind) - before <= most_requests + 1


@pytest.mark.parametrize("kind", ["new items", "one new item", "slow drip", "large body"])
def test_a_search_ends_when_its_time_is_over(kind: str, api: HostileApi) -> None:
    """Whether each page is answered or none, and in the middle of an answer too."""
    answer = ask(api, kind, search_seconds=1.0, request_seconds=60.0, page_items=10)
    assert not answer.complete
    assert answer.seconds < 5.0
    if kind != "large body":
        assert answer.problem == "the search was not done in 1 s"


def test_a_search_ends_when_its_tries_are_spent(api: HostileApi) -> None:
    """It is looked at after every page."""
    answer = ask(api, "new items", search_seconds=600.0, search_tries=0)
    assert answer.problem == "the search was not done after 0 repeated requests"
    assert (answer.n_requests, len(answer.items)) == (1, 1000)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_items": 2500}, "there are more than 2500 items"),
        ({"max_items_bytes": 2**20}, "the first 1000 items take more than 1 MiB of memory"),
    ],
)
def test_a_search_with_more_items_than_fit_in_memory_fails(
    limits: dict[str, int], reason: str, api: HostileApi
) -> None:
    """Its items are dropped: nothing may be chosen from a part of them."""
    answer = ask(api, "a million items", search_seconds=600.0, **limits)
    assert answer.problem == f"{reason}; make the area or the windows smaller"
    assert not answer.complete
    assert len(answer.items) == 0
    assert answer.n_requests <= 3
    assert not answer.answer_for(SEARCH).complete


def test_a_page_of_more_values_than_fit_in_memory_is_not_decoded(api: HostileApi) -> None:
    """A value takes up to twenty times as much memory as its text."""
    answer = ask(api, "many values", search_seconds=600.0, max_bisections=0)
    assert answer.problem == "answered with more than 2097152 values"


def test_refused_answers_do_not_stay_in_memory(api: HostileApi) -> None:
    """Errors hold no bodies, so that memory does not wait for the garbage collector."""
    limits = {"max_bytes": 2**22, "tries": 8, "tries_too_much": 8, "max_bisections": 0}
    ask(api, "large body", **limits)  # imports and opens what stays
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        answer = ask(api, "large body", **limits)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert answer.n_requests == 8
    assert kept < 2**22
    assert peak < 3 * 2**22


def test_no_request_follows_a_link_to_another_host(api: HostileApi, runs: dict[str, Run]) -> None:
    """Neither a redirect nor a next link; the search says so."""
    assert {kind for host, kind in api.visits if host.startswith("localhost")} == set()
    reasons = {search["reason"] for search in runs["redirect"].searches()}
    assert reasons == {"answered with HTTP status 302"}


def test_features_without_an_id_are_counted(runs: dict[str, Run]) -> None:
    """In the table of searches and in the record of the run; the other items are chosen from."""
    assert [search["n_dropped"] for search in runs["odd ids"].searches()] == [16, 8]
    record = json.loads((runs["odd ids"].folder / "run.json").read_text())
    assert record["searches"]["dropped"] == 24
    assert all(row["item_id"] for row in runs["odd ids"].candidates())
    assert [search["n_dropped"] for search in runs["other type"].searches()] == [0, 0]


def test_a_search_of_several_collections_is_sent_again_for_each(runs: dict[str, Run]) -> None:
    """If the catalog refuses it, or its items do not say of which collection they are.

    Three requests each, twice: the early search took the ``fields`` extension for granted.
    """
    for kind in ("no collection", "other type"):
        (merged, _) = runs[kind].searches()
        assert (merged["complete"], merged["n_bisections"], merged["n_requests"]) == (True, 1, 6)
    for collection in SENSORS:
        assert runs["no collection"].candidates(collection) == runs["other type"].candidates(
            collection
        )


def test_hrefs_are_resolved_or_refused(runs: dict[str, Run]) -> None:
    """A program is no address: the asset is missing, and the reason is recorded."""
    first = SENSORS[COLLECTION].assets[0]
    rows = runs["hrefs"].candidates()
    assert rows
    for row in rows:
        assert row["refused_assets"] == [(first, "its href begins with javascript:")]
        assert first in row["missing_assets"]
        assert first not in dict(row["assets"])
        assert {href for _, href in row["assets"]} == {row["assets"][0][1]}
        assert row["assets"][0][1].endswith("/hrefs/scene.tif")
    for path in runs["hrefs"].folder.rglob("*.json"):
        assert SCRIPT not in path.read_text()
    assert all(row["refused_assets"] is None for row in runs["other type"].candidates())


BASE = "https://example.org/stac/collections/c/items/x"


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("https://example.org/a.tif", "https://example.org/a.tif"),
        ("s3://bucket/a.tif", "s3://bucket/a.tif"),
        ("./a.tif", "https://example.org/stac/collections/c/items/a.tif"),
        ("a b.tif?x=y", "https://example.org/stac/collections/c/items/a b.tif?x=y"),
        ("../a.tif", "https://example.org/stac/collections/c/a.tif"),
        ("/a.tif", "https://example.org/a.tif"),
        ("//other.org/a.tif", "https://other.org/a.tif"),
    ],
)
def test_a_relative_href_refers_to_the_item(href: str, address: str) -> None:
    """An absolute one stays as it is."""
    assert resolve(href, lambda: BASE) == address


@pytest.mark.parametrize(
    ("href", "scheme"),
    [
        ("javascript:alert(1)", "javascript"),
        ("JavaScript:alert(1)", "javascript"),
        (" java\nscript:alert(1)", "javascript"),
        ("data:image/tiff;base64,AAAA", "data"),
        ("file:///etc/passwd", "file"),
        ("vbscript:x", "vbscript"),
        (r"C:\scenes\a.tif", "c"),
    ],
)
def test_an_href_that_is_no_address_of_a_file_is_refused(href: str, scheme: str) -> None:
    """Neither a program nor contents nor a file of the reader's own disk."""
    with pytest.raises(RefusedHrefError, match=f"its href begins with {scheme}:"):
        resolve(href, lambda: BASE)


def test_an_href_that_leads_from_an_odd_item_to_a_disk_is_refused() -> None:
    """The address of the item is foreign, too."""
    with pytest.raises(RefusedHrefError, match="its href begins with file:"):
        resolve("a.tif", lambda: "file:///etc/x")
    with pytest.raises(RefusedHrefError, match="not a valid address"):
        resolve("//[x/a.tif", lambda: BASE)


def test_assets_of_a_page_are_resolved_one_by_one() -> None:
    """A refused href takes neither the other assets nor the other items along."""
    items = decode_items(
        [
            {"id": "a", "assets": {"v": {"href": "https://x.org/v"}, "w": {"href": "w.tif"}}},
            {"id": "b", "assets": {"v": {"href": SCRIPT}, "w": {"href": "data:,x"}}},
            {"id": "c", "assets": {"v": {"href": 5}, "w": {"href": "https://u:p@x.org/w"}}},
        ]
    )
    rows = parse_items(
        items, collection="c", assets=["v", "w"], locate=lambda item: f"https://y.org/{item.id}/i"
    ).to_pylist()
    assert [row["assets"] for row in rows] == [
        [("v", "https://x.org/v"), ("w", "https://y.org/a/w.tif")],
        [],
        [("w", "https://x.org/w")],
    ]
    assert [row["refused_assets"] for row in rows] == [
        None,
        [("v", "its href begins with javascript:"), ("w", "its href begins with data:")],
        None,
    ]


def test_a_refused_connection_is_reported_as_such() -> None:
    """It is not late."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CatalogError, match="can't be reached: connection refused"):
        StacApiCatalog(url, LIMITS).describe([])


def test_an_unknown_host_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a name server, so the answer of one is given."""

    def know_nobody(*_: object) -> None:
        raise gaierror(EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", know_nobody)
    with pytest.raises(CatalogError, match="can't be reached: unknown host"):
        StacApiCatalog("http://stac.invalid", LIMITS).describe([])


def test_messages_about_a_catalog_hold_no_control_characters() -> None:
    """They are recorded and logged, and may quote the catalog."""
    err = CatalogError(f"a{TITLE}", f"has no collection 'x'; it has {COLOUR}\n{C1}")
    assert str(err).isprintable()
    assert err.problem == r"has no collection 'x'; it has \x1b[31;5m\n\x9b2J"
    assert str(type(err)(*err.args)) == str(err)
