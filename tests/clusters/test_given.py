"""A caller's client: a client, a cluster, an address, or a function."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, LocalCluster, get_task_stream

from floodscan import InputError, Recipe, reselect, scan
from floodscan.clusters.given import prepare_given
from tests.runs import result_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster of the caller's own, with one worker."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0"
    ) as started:
        yield started


class Gateway:
    """A cluster that is reached only through the clients that it makes, as behind a gateway."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get_client(self) -> Client:
        """Return the client."""
        return self._client


@pytest.mark.parametrize("kind", ["client", "cluster", "address", "gateway", "function"])
def test_scan_and_reselect_take_every_kind(
    kind: str, cluster: LocalCluster, tmp_path: Path
) -> None:
    """The tasks run there, with the bytes of this process; the cluster goes on."""
    scan("demo", out=tmp_path / "here")
    with Client(cluster) as client:
        kinds: dict[str, Any] = {
            "client": client,
            "cluster": cluster,
            "address": cluster.scheduler_address,
            "gateway": Gateway(client),
            "function": lambda: nullcontext(client),
        }
        with get_task_stream(client=client) as tasks:
            scan("demo", out=tmp_path / "there", client=kinds[kind])
            reselect(tmp_path / "there", out=tmp_path / "again", client=kinds[kind])
        assert client.status == "running"
        assert len(client.nthreads()) == 1
    names = {task["key"].rpartition("-")[0] for task in tasks.data}
    assert {"floodscan-write", "floodscan-reselect"} < names
    assert result_bytes(tmp_path / "there") == result_bytes(tmp_path / "here")
    assert result_bytes(tmp_path / "again") == result_bytes(tmp_path / "here")


def test_an_address_without_a_scheduler_is_an_input_error(tmp_path: Path) -> None:
    """It is reported before the folder is made."""
    with pytest.raises(InputError, match=r"client nonsense: no Dask scheduler answers there"):
        scan("demo", out=tmp_path / "out", client="nonsense", recipe=Recipe())
    assert not (tmp_path / "out").exists()


def test_another_type_is_named() -> None:
    """The message lists what is taken."""
    with pytest.raises(TypeError, match=r"expected a Dask client, a cluster, .* got int"):
        prepare_given(3).__enter__()
