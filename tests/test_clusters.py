"""Clusters: what they open, and that they close it."""

from __future__ import annotations

import psutil
import pytest

from floodscan import InputError
from floodscan.clusters import open_client


def listeners() -> set[str]:
    """List the addresses at which this process and its children listen."""
    own = psutil.Process()
    processes = [own, *own.children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections("inet")]
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_local_cluster_listens_to_this_machine_alone() -> None:
    """Scheduler, workers and their HTTP servers are on loopback, and gone afterwards."""
    before = len(psutil.Process().children(recursive=True))
    with open_client("local", n_workers=2) as client:
        assert client is not None
        assert client.submit(sum, [1, 2]).result() == 3
        assert listeners() == {"127.0.0.1"}
    assert len(psutil.Process().children(recursive=True)) <= before + 1  # the resource tracker stays


def test_two_local_clusters_do_not_disturb_each_other() -> None:
    """Neither takes a port that the other wants."""
    with open_client("local", n_workers=1) as one, open_client("local", n_workers=1) as other:
        assert one is not None
        assert other is not None
        assert one.scheduler_info()["address"] != other.scheduler_info()["address"]


def test_none_is_this_process() -> None:
    """No client, nothing started."""
    with open_client("none") as client:
        assert client is None


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_address_without_a_scheduler_is_told(address: str) -> None:
    """The error names it and what else may stand there."""
    with pytest.raises(InputError, match="no Dask scheduler answers"), open_client(address):
        pass
