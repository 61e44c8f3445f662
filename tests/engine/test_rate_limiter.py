"""One rate_limiter for all workers, proved by counting at the server."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest
from dask import config
from distributed import Client, Event, LocalCluster
from distributed.comm.core import CommClosedError

import floodscan
from floodscan import Recipe
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.rate_limiter import RateLimits
from floodscan.clusters.local import SETTINGS
from floodscan.engine.rate_limiter import open_rate_limiter, remember_worker
from floodscan.model import SearchPrices
from floodscan.testing.servers.proxy import fault_proxy
from tests.planning.test_merged_searches import make_events
from tests.runs import result_bytes

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
    """Scan events through a proxy, each slot by a search of its own."""
    return floodscan.scan(
        make_events(n_events),
        catalog=proxy.url,
        recipe=APART,
        client=client,
        access=access,
        out=out,
    )


def test_the_server_never_sees_more_at_once_than_it_may(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """Sixteen threads would like to ask; eight are let through at a time, and eight there are."""
    with fault_proxy(lean_api.url, latency=0.05) as proxy:
        result = scan_apart(proxy, Access(max_in_flight=8), client, tmp_path, n_events=16)
    assert proxy.most_at_once == 8
    assert len(proxy.visits) == sum(outcome.n_requests for outcome in result.outcomes) > 100


def test_when_one_is_told_to_wait_all_do(tmp_path: Path, lean_api: StacApi, client: Client) -> None:
    """After ``Retry-After: 3`` the server sees no request for three seconds, and then all the rest."""
    with fault_proxy(
        lean_api.url, latency=0.02, script=lambda n: "429 for 3 s" if n == 30 else None
    ) as proxy:
        result = scan_apart(proxy, Access(max_in_flight=8), client, tmp_path, n_events=16)
    told = proxy.visits[30].began + 0.02
    # what had entered before the answer was read is on its way already
    on_the_way = 1.5
    assert not [visit for visit in proxy.visits if told + on_the_way < visit.began < told + 3.0]
    assert [visit for visit in proxy.visits if visit.began >= told + 3.0]
    assert proxy.most_at_once <= 8
    assert all(outcome.n_candidates for outcome in result.outcomes)


def test_who_waits_takes_no_connection(tmp_path: Path, lean_api: StacApi, client: Client) -> None:
    """However many threads wait, each worker talks to the scheduler on a connection or two."""
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


def test_no_more_start_in_a_second_than_may(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """At 40 a second, two requests that are n apart start n/40 s apart."""
    with fault_proxy(lean_api.url) as proxy:
        scan_apart(proxy, Access(max_per_second=40), client, tmp_path, n_events=8)
    began = sorted(visit.began for visit in proxy.visits)
    n = len(began) - 1
    assert n > 40
    assert began[-1] - began[0] >= n / 40 - 0.2


def test_a_worker_that_dies_leaves_no_room_before_its_requests_are_over(
    tmp_path: Path, lean_api: StacApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed amid slow requests: the server sees no more at once than it may, and the result is the same."""
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


def stay(rate_limiter: RateLimiter, name: str) -> None:
    """Enter, tell of it, and stay inside until told to leave."""
    remember_worker()
    with rate_limiter.enter():
        Event(f"{name} entered").set()
        Event(f"{name} may leave").wait()


def test_what_is_left_of_a_failed_run_makes_no_more_requests(client: Client) -> None:
    """Who is inside ends in peace, who waits or comes later is turned away, and no worker is lost of it."""
    workers = set(client.nthreads())
    with open_rate_limiter(client, RateLimits(max_in_flight=1)) as rate_limiter:
        inside = client.submit(stay, rate_limiter, "first")
        assert Event("first entered", client=client).wait(30)
        waiting = client.submit(stay, rate_limiter, "second")
    late = client.submit(stay, rate_limiter, "third")
    assert isinstance(waiting.exception(timeout=30), CommClosedError)
    assert isinstance(late.exception(timeout=30), CommClosedError)
    Event("first may leave", client=client).set()
    assert inside.result(timeout=30) is None
    assert set(client.nthreads()) == workers


def test_no_gate_is_left_on_a_scheduler_that_goes_on(client: Client) -> None:
    """However many runs there were, and however they ended."""

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


def test_the_landing_page_is_asked_once_for_all_workers(
    tmp_path: Path, lean_api: StacApi, client: Client
) -> None:
    """They are told where to search; besides searches a run asks for it and for each collection."""
    before = lean_api.server.requests()
    floodscan.scan(make_events(16), catalog=lean_api.url, recipe=APART, client=client, out=tmp_path)
    asked = lean_api.server.requests() - before
    others = {path: n for path, n in asked.items() if not path.endswith("/search")}
    assert others == {"GET /": 1} | {
        f"GET /collections/{s.collection}": 1 for s in APART.sensors.values()
    }


def test_a_catalog_without_requests_needs_no_gate(tmp_path: Path, client: Client) -> None:
    """The bundled snapshot is scanned on a cluster as ever."""
    assert floodscan.scan("demo", client=client, out=tmp_path).ok


def test_a_gate_of_this_process_is_enough_without_a_cluster(
    tmp_path: Path, lean_api: StacApi
) -> None:
    """In one process one request at a time is made, those before the first search too."""
    with fault_proxy(lean_api.url, latency=0.05) as proxy:
        proxy.everywhere = True
        floodscan.scan(
            "demo", catalog=StacApiCatalog(proxy.url), access=Access(max_in_flight=1), out=tmp_path
        )
    assert proxy.most_at_once == 1
