"""One rate limiter for all workers: the requests are counted at the server."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
from dask import config
from distributed import Client, Event, LocalCluster

import floodscan
from floodscan import Recipe
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.rate_limiter import RateLimits
from floodscan.clusters.local import SETTINGS
from floodscan.engine import rate_limiter as rate_limiter_module
from floodscan.engine.rate_limiter import RateLimiterPlugin, open_rate_limiter, remember_worker
from floodscan.errors import ClusterError
from floodscan.model import SearchPrices
from floodscan.testing.servers.proxy import fault_proxy
from tests.runs import result_bytes
from tests.sweeps import make_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed.scheduler import Scheduler

    from floodscan.catalogs.rate_limiter import RateLimiter
    from floodscan.result import ScanResult
    from floodscan.testing.servers.proxy import FaultProxy
    from tests.servers.fixtures import StacApi

APART = Recipe(searches=SearchPrices(request_items=0))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Four workers of four threads."""
    with (
        config.set(SETTINGS),
        LocalCluster(n_workers=4, threads_per_worker=4, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def scan_apart(
    proxy: FaultProxy, access: Access, client: Client, out: Path, *, n_events: int
) -> ScanResult:
    """Scan events through a proxy, with one search for each slot."""
    return floodscan.scan(
        make_events(n_events),
        catalog=proxy.url,
        recipe=APART,
        client=client,
        access=access,
        out=out,
    )


def test_the_server_never_sees_more_requests_than_the_limit(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """Sixteen threads search; eight have a permit at a time, no more and no fewer."""
    with fault_proxy(lean_api.url, latency=0.05) as proxy:
        result = scan_apart(proxy, Access(max_in_flight=8), client, tmp_path, n_events=16)
    assert proxy.most_at_once == 8
    assert len(proxy.visits) == sum(outcome.n_requests for outcome in result.outcomes) > 100


def test_a_pause_for_one_worker_holds_for_all(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """After ``Retry-After: 3`` no worker sends a request for three seconds."""
    with fault_proxy(
        lean_api.url, latency=0.02, script=lambda n: "429 for 3 s" if n == 30 else None
    ) as proxy:
        result = scan_apart(proxy, Access(max_in_flight=8), client, tmp_path, n_events=16)
    answered = proxy.visits[30].began + 0.02
    # requests with a permit are in progress when the answer is read
    on_the_way = 1.5
    assert not [
        visit for visit in proxy.visits if answered + on_the_way < visit.began < answered + 3.0
    ]
    assert [visit for visit in proxy.visits if visit.began >= answered + 3.0]
    assert proxy.most_at_once <= 8
    assert all(outcome.n_candidates for outcome in result.outcomes)


def test_the_next_page_of_a_search_goes_first() -> None:
    """The others get their permits in the order in which they asked."""
    granted: list[str] = []

    def send_all(_: dict[str, Any], messages: dict[str, list[dict[str, str]]]) -> None:
        granted.extend(message["permit"] for found in messages.values() for message in found)

    async def ask() -> None:
        plugin = RateLimiterPlugin(RateLimits(max_in_flight=1), "limiter")
        scheduler = SimpleNamespace(
            stream_handlers={}, handlers={}, plugins={"limiter": plugin}, send_all=send_all
        )
        await plugin.start(cast("Scheduler", scheduler))
        for permit in ("first", "second", "third", "next page"):
            plugin.acquire(permit, "worker", first=permit == "next page")
        for permit in ("first", "next page", "second"):
            plugin.release(permit)

    asyncio.run(ask())
    assert granted == ["first", "next page", "second", "third"]


def test_a_waiting_thread_needs_no_connection(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """Each worker has a few connections to the scheduler, however many threads wait."""
    port = int(client.scheduler_info()["address"].rpartition(":")[2])
    found: list[int] = []

    def count_connections() -> None:
        connections = psutil.Process().net_connections("tcp")
        found.append(
            sum(
                each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
                for each in connections
            )
        )

    with fault_proxy(
        lean_api.url, latency=0.05, script=lambda n: count_connections() if n == 40 else None
    ) as proxy:
        scan_apart(proxy, Access(max_in_flight=2), client, tmp_path, n_events=16)
    assert found
    assert found[0] < 4 * len(client.nthreads())


def test_no_more_requests_start_in_a_second_than_the_limit(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """At 40 a second, n requests take n/40 s to start."""
    with fault_proxy(lean_api.url) as proxy:
        scan_apart(proxy, Access(max_per_second=40), client, tmp_path, n_events=8)
    began = sorted(visit.began for visit in proxy.visits)
    n = len(began) - 1
    assert n > 40
    assert began[-1] - began[0] >= n / 40 - 0.2


def test_permits_of_a_lost_worker_are_released_late(
    tmp_path: Path, lean_api: StacApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog may still work on its requests, so the limit holds; the result is the same."""
    monkeypatch.setattr("floodscan.engine.rate_limiter.LOST_SECONDS", 1.5)
    events = make_events(24)
    floodscan.scan(events, catalog=lean_api.url, recipe=APART, out=tmp_path / "alone")
    with (
        config.set(SETTINGS),
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        fault_proxy(
            lean_api.url, latency=0.4, script=lambda n: kill_one() if n == 20 else None
        ) as proxy,
    ):
        killed: list[int] = []

        def kill_one() -> None:
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

        floodscan.scan(
            events,
            catalog=proxy.url,
            recipe=APART,
            client=client,
            access=Access(max_in_flight=3),
            out=tmp_path / "killed",
        )
    assert killed
    assert proxy.most_at_once == 3
    assert result_bytes(tmp_path / "killed") == result_bytes(tmp_path / "alone")


def hold_permit(rate_limiter: RateLimiter, name: str) -> None:
    """Acquire a permit, report it, and release it when asked to."""
    remember_worker()
    with rate_limiter.acquire():
        Event(f"{name} acquired").set()
        Event(f"{name} may release").wait()


def test_tasks_of_a_run_that_has_ended_get_no_permits(client: Client) -> None:
    """A granted permit stays valid; waiting and later ones are refused, and no worker is lost."""
    workers = set(client.nthreads())
    with open_rate_limiter(client, RateLimits(max_in_flight=1)) as rate_limiter:
        granted = client.submit(hold_permit, rate_limiter, "first")
        assert Event("first acquired", client=client).wait(30)
        waiting = client.submit(hold_permit, rate_limiter, "second")
    late = client.submit(hold_permit, rate_limiter, "third")
    assert isinstance(waiting.exception(timeout=30), ClusterError)
    assert isinstance(late.exception(timeout=30), ClusterError)
    Event("first may release", client=client).set()
    assert granted.result(timeout=30) is None
    assert set(client.nthreads()) == workers


def acquire_while_closing(rate_limiter: RateLimiter) -> None:
    """Wait for a permit on a worker that does not run."""
    remember_worker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limiter_module, "CHECK_SECONDS", 0.05)
        patch.setattr(rate_limiter_module, "WORKER_ANY_RUNNING", frozenset())
        with rate_limiter.acquire():
            pass


def test_a_thread_does_not_wait_on_a_worker_that_closes(client: Client) -> None:
    """It checks the status of the worker now and then."""
    with open_rate_limiter(client, RateLimits(max_in_flight=1)) as rate_limiter:
        granted = client.submit(hold_permit, rate_limiter, "only")
        assert Event("only acquired", client=client).wait(30)
        waiting = client.submit(acquire_while_closing, rate_limiter)
        assert isinstance(waiting.exception(timeout=30), ClusterError)
        Event("only may release", client=client).set()
        assert granted.result(timeout=30) is None


def test_a_scheduler_keeps_no_rate_limiter_after_a_run(client: Client) -> None:
    """The handlers stay, the same for all runs; the plugins go, also after an error."""

    def count(dask_scheduler: Scheduler) -> tuple[int, int]:
        handlers = [*dask_scheduler.handlers, *dask_scheduler.stream_handlers]
        return sum("rate_limiter" in name for name in dask_scheduler.plugins), sum(
            "rate_limiter" in name for name in handlers
        )

    for _ in range(2):
        with open_rate_limiter(client, RateLimits()):
            pass
        with pytest.raises(ZeroDivisionError), open_rate_limiter(client, RateLimits()):
            raise ZeroDivisionError
    assert client.run_on_scheduler(count) == (0, 3)


def test_the_landing_page_is_read_once_for_all_workers(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """Apart from searches, a run reads the landing page and each collection once."""
    before = lean_api.server.requests()
    floodscan.scan(make_events(16), catalog=lean_api.url, recipe=APART, client=client, out=tmp_path)
    asked = lean_api.server.requests() - before
    others = {path: n for path, n in asked.items() if not path.endswith("/search")}
    assert others == {"GET /": 1} | {
        f"GET /collections/{s.collection}": 1 for s in APART.sensors.values()
    }


def test_an_archive_needs_no_permits(tmp_path: Path, client: Client) -> None:
    """It is scanned on a cluster too."""
    assert floodscan.scan("demo", client=client, out=tmp_path).ok


def test_a_process_has_a_rate_limiter_of_its_own(tmp_path: Path, lean_api: StacApi) -> None:
    """The limit holds for the requests before the first search too."""
    with fault_proxy(lean_api.url, latency=0.05) as proxy:
        proxy.everywhere = True
        floodscan.scan(
            "demo", catalog=StacApiCatalog(proxy.url), access=Access(max_in_flight=1), out=tmp_path
        )
    assert proxy.most_at_once == 1
