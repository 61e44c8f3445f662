"""The cache of answers: each answer is complete, fresh and requested once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import floodscan
from floodscan.catalogs import Access, ArchiveCatalog, StacApiCatalog, open_catalog
from floodscan.catalogs.cache import CachedCatalog
from floodscan.cli.group import cli
from floodscan.store.atomic import replacing
from tests.catalogs.faulty import LIMITS, SEARCH, faulty
from tests.runs import result_bytes
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


@pytest.fixture
def cached(lean_api: StacApi, tmp_path: Path) -> CachedCatalog:
    """An API with an empty cache."""
    return CachedCatalog(StacApiCatalog(lean_api.url), tmp_path / "cache", not_before=0.0)


def files(catalog: CachedCatalog) -> list[Path]:
    """List all files of the cache, also the half-written ones."""
    return [path for path in catalog.folder.rglob("*") if path.is_file()]


def test_a_repeated_scan_makes_no_request(tmp_path: Path, lean_api: StacApi) -> None:
    """Not even for the landing page. The results are the same bytes."""
    access = Access(cache=tmp_path / "cache")
    floodscan.scan("demo", catalog=lean_api.url, access=access, out=tmp_path / "first")
    before = lean_api.server.requests().total()
    again = floodscan.scan("demo", catalog=lean_api.url, access=access, out=tmp_path / "again")
    assert lean_api.server.requests().total() == before
    assert result_bytes(tmp_path / "again") == result_bytes(tmp_path / "first")
    assert again.ok
    assert again.outcomes[0].n_requests == 0


def test_a_run_sums_up_its_searches(tmp_path: Path, lean_api: StacApi) -> None:
    """How many were complete, how many came from the cache, and how many were retried.

    The manifests do not depend on it.
    """
    found = []
    with faulty(lean_api, {0: "503", 1: "504", 2: "504"}.get) as (catalog, _):
        for name in ("asked", "kept"):
            access = Access(cache=tmp_path / "cache", max_in_flight=1)
            result = floodscan.scan("demo", catalog=catalog, access=access, out=tmp_path / name)
            found.append(result.folder.read_run()["searches"])
    asked, kept = found
    assert (asked["made"], asked["complete"], asked["cached"]) == (2, 2, 0)
    assert asked["retries"] > 0
    counts = {"complete": 2, "cached": 2, "dropped": 0, "retries": 0, "bisections": 0}
    assert kept == {"made": 2, **counts}
    assert result_bytes(tmp_path / "kept") == result_bytes(tmp_path / "asked")


def test_refresh_requests_everything_again(tmp_path: Path, lean_api: StacApi) -> None:
    """It caches the new answers, and uses them itself."""
    access = Access(cache=tmp_path / "cache")
    floodscan.scan("demo", catalog=lean_api.url, access=access, out=tmp_path / "first")
    before = lean_api.searches()
    floodscan.scan(
        "demo", catalog=lean_api.url, access=replace(access, refresh=True), out=tmp_path / "again"
    )
    assert lean_api.searches() == before + 2


def test_the_command_line_caches_answers_by_default(
    tmp_path: Path, lean_api: StacApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--cache`` names a folder, else it is the user's own; ``--refresh`` requests again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))  # without answers of other tests
    command = ["scan", "demo", "--cluster", "none", "--catalog", lean_api.url]
    counts = []
    for name, more in (
        ("a", []),
        ("b", []),
        ("c", ["--refresh"]),
        ("d", ["--cache", str(tmp_path / "own")]),
    ):
        before = lean_api.searches()
        done = CliRunner().invoke(
            cli, [*command, "--out", str(tmp_path / name), *more], standalone_mode=False
        )
        assert done.return_value == 0
        counts.append(lean_api.searches() - before)
    assert counts == [2, 0, 2, 2]
    assert any((tmp_path / "own").rglob("*.arrow"))


def test_a_cached_answer_equals_the_first_one(cached: CachedCatalog) -> None:
    """To the last byte."""
    first, again = cached.search(SEARCH), cached.search(SEARCH)
    assert again.items.equals(first.items)
    assert (first.cached, again.cached) == (False, True)
    assert (first.n_requests, again.n_requests) == (1, 0)


def test_every_part_of_a_search_counts(cached: CachedCatalog) -> None:
    """Another box, window, collection, asset or catalog is another search."""
    cached.search(SEARCH)
    assert SEARCH.window
    others = [
        replace(SEARCH, bbox=(5.8, 49.4, 6.5, 50.1)),
        replace(SEARCH, window=replace(SEARCH.window, end=SEARCH.window.start)),
        replace(SEARCH, collection="sentinel-1-rtc"),
        replace(SEARCH, assets=("B02",)),
    ]
    assert not any(cached.search(other).cached for other in others)
    assert len(files(cached)) == 5
    elsewhere = replace(
        cached, catalog=StacApiCatalog(cached.catalog.url.replace("127.0.0.1", "localhost"))
    )
    assert not elsewhere.search(SEARCH).cached


def test_catalogs_and_users_of_one_host_have_caches_of_their_own(cached: CachedCatalog) -> None:
    """Query and user count; a new password or token does not."""
    base = cached.catalog.url

    def ask(url: str) -> bool:
        return replace(cached, catalog=StacApiCatalog(url)).search(SEARCH).cached

    private = base.replace("//", "//user:%s@") + "/?map=one&token=%s"
    mine, another = private % ("old", "old"), private.replace("user", "other") % ("old", "old")
    assert not any(ask(url) for url in (f"{base}/?map=one", f"{base}/?map=two", mine, another))
    assert ask(private % ("new", "new"))
    assert "old" not in StacApiCatalog(mine).identity


def test_an_answer_has_an_age_limit(cached: CachedCatalog) -> None:
    """An older answer is requested again, and is fresh then."""
    cached.search(SEARCH)
    (path,) = files(cached)
    os.utime(path, (1_000, 1_000))
    young = replace(cached, not_before=time.time() - 60)
    assert not young.search(SEARCH).cached
    assert young.search(SEARCH).cached


def test_old_files_are_removed(cached: CachedCatalog) -> None:
    """Answers and half-written files are removed when the next run begins.

    Fresh answers and files of other programs stay.
    """
    cached.search(SEARCH)
    (answer,) = files(cached)
    cached.search(replace(SEARCH, assets=()))
    (young,) = set(files(cached)) - {answer}
    half = answer.with_name(f".{answer.name}.{uuid.uuid4().hex}.tmp")
    others = [
        answer.with_name("thesis.json"),
        cached.folder / "ab" / "notes.tmp",
        cached.folder / answer.name,
    ]
    for path in (half, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    for path in (answer, half, *others):
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    cached.forget(time.time() - 9 * 86_400)
    assert answer.exists()
    Access(cache=cached.folder, max_age_days=1, refresh=True).keep(cached.catalog)
    wait_for(lambda: not answer.exists() and not half.exists(), "old answers are there still")
    assert set(files(cached)) == {young, *others}


@pytest.mark.parametrize("content", [b"", b"ARROW1", None])
def test_a_broken_file_counts_as_missing(content: bytes | None, cached: CachedCatalog) -> None:
    """If it is empty, incomplete or of another kind, the answer is requested again."""
    whole = cached.search(SEARCH)
    (path,) = files(cached)
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    again = cached.search(SEARCH)
    assert not again.cached
    assert again.items.equals(whole.items)
    assert cached.search(SEARCH).cached


def test_an_incomplete_answer_is_not_cached(tmp_path: Path, lean_api: StacApi) -> None:
    """It is requested again the next time."""
    with faulty(lean_api, lambda n: "400" if n == 0 else None) as (catalog, _):
        cached = CachedCatalog(catalog, tmp_path / "cache", not_before=0.0)
        assert not cached.search(SEARCH).complete
        assert files(cached) == []
        again = cached.search(SEARCH)
    assert again.complete
    assert not again.cached


def test_many_threads_write_one_complete_file(cached: CachedCatalog) -> None:
    """They do not disturb each other, and leave nothing half written."""
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(cached.search(SEARCH).items)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(files(cached)) == 1


def search_again_and_again(catalog: CachedCatalog) -> list[set[bytes]]:
    """Send three searches, with a refresh every second time; return all answers to each."""
    questions = [replace(SEARCH, assets=SEARCH.assets[:n]) for n in range(3)]
    found: list[set[bytes]] = [set() for _ in questions]
    for number in range(20):
        asked = replace(catalog, not_before=time.time() * (number % 2))
        for answers, question in zip(found, questions, strict=True):
            answers.add(pickle.dumps(asked.search(question).items.to_pylist()))
    return found


def test_many_processes_read_write_and_refresh_at_once(cached: CachedCatalog) -> None:
    """Each gets the right answers, and one complete file for each search is left."""
    with ProcessPoolExecutor(6, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(search_again_and_again, [cached] * 6))
    for answers in zip(*found, strict=True):
        assert len(set.union(*answers)) == 1
    assert len(files(cached)) == 3
    assert all(path.suffix == ".arrow" for path in files(cached))


def die_while_writing(path: Path) -> None:
    """Be killed with half of a file written."""
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_nothing_that_is_read(cached: CachedCatalog) -> None:
    """Its half-written file does not stop the next process either."""
    whole = cached.search(SEARCH)
    (path,) = files(cached)
    path.unlink()
    process = multiprocessing.get_context("spawn").Process(target=die_while_writing, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [left.read_bytes() for left in files(cached)] == [b"half"]
    assert cached.search(SEARCH).items.equals(whole.items)
    assert cached.search(SEARCH).cached


def test_results_do_not_need_a_cache_that_can_be_written(lean_api: StacApi, tmp_path: Path) -> None:
    """Even if a file has the name of the folder, searches are answered."""
    (tmp_path / "cache").write_text("in the way")
    cached = CachedCatalog(StacApiCatalog(lean_api.url, LIMITS), tmp_path / "cache", not_before=0.0)
    assert cached.describe([]) == "floodscan-demo"
    assert cached.search(SEARCH).complete


def test_an_archive_needs_no_cache(tmp_path: Path) -> None:
    """It is on disk already."""
    assert isinstance(Access(cache=tmp_path).keep(open_catalog("demo")), ArchiveCatalog)
