"""Clusters that a user brings along: dask-jobqueue's own class, and Dask's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from dask import config
from distributed import Client

from floodscan import Access, scan
from floodscan.clusters import open_client
from floodscan.testing.servers.proxy import fault_proxy
from tests.runs import result_bytes
from tests.slurm.conftest import write_profile
from tests.slurm.test_reliable_slurm import OPTIONS, SECONDS
from tests.sweeps import APART, make_events

from dask_jobqueue.slurm import SLURMCluster  # isort: skip - as in test_reliable_slurm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.fixtures import StacApi
    from tests.slurm.site import SlurmSite


@pytest.fixture
def plain(site: SlurmSite, tmp_path: Path) -> Iterator[Client]:
    """A client of dask-jobqueue's own class: two jobs of two workers with two threads."""
    logs = {"log_directory": str(tmp_path / "logs"), "cores": 4}
    with SLURMCluster(**OPTIONS | logs) as cluster, Client(cluster) as client:
        cluster.scale(jobs=2)
        client.wait_for_workers(4, timeout=SECONDS)
        yield client
    site.wait_for_jobs(0)  # dask-jobqueue does not wait for them


def test_plain_cluster_gives_the_bytes_of_one_process(
    plain: Client, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """``scan`` takes the client of any cluster."""
    assert scan(events, catalog="demo", out=tmp_path / "out", client=plain).ok
    assert result_bytes(tmp_path / "out") == reference


def test_limit_of_requests_holds_on_a_plain_cluster(
    plain: Client, lean_api: StacApi, tmp_path: Path
) -> None:
    """Eight threads search; the server sees three requests at a time, no more and no fewer."""
    with fault_proxy(lean_api.url, latency=0.05) as proxy:
        scan(
            make_events(16),
            catalog=proxy.url,
            recipe=APART,
            client=plain,
            access=Access(max_in_flight=3),
            out=tmp_path / "out",
        )
    assert len(proxy.visits) > 100
    assert proxy.most_at_once == 3


def test_configuration_of_dask_replaces_a_profile(site: SlurmSite, tmp_path: Path) -> None:
    """The section ``jobqueue.slurm`` that dask-jobqueue itself reads describes the jobs."""
    section = yaml.safe_load(write_profile(tmp_path).read_text())["jobqueue"]["slurm"]
    configured = {f"jobqueue.slurm.{key}": value for key, value in section.items()}
    with config.set(configured), open_client("slurm", n_workers=1) as client:
        assert client is not None
        assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert len(site.jobs("RUNNING")) == 1
    assert site.jobs() == []
