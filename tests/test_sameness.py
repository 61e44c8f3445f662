"""The same input gives the same bytes, wherever items come from and wherever tasks run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from floodscan import Recipe, scan
from floodscan.clusters import open_client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


def written(folder: Path) -> dict[str, bytes]:
    """Read the candidate parts and the manifests of a run, by name."""
    files = [*folder.glob("candidates/*"), *folder.glob("manifests/*")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the demo writes in this process, from the snapshot."""
    out = tmp_path_factory.mktemp("reference") / "out"
    scan("demo", recipe=Recipe(tile_size_m=20_000), out=out)
    return written(out)


@pytest.mark.parametrize("api", ["lean_api", "pgstac_api"])
def test_stac_api_gives_the_bytes_of_the_snapshot(
    api: str, reference: dict[str, bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Candidates and manifests of the demo do not tell which kind of catalogue they came from."""
    server: StacApi = request.getfixturevalue(api)
    result = scan("demo", catalog=server.url, recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out")
    assert sum(outcome.n_requests for outcome in result.outcomes) == 3
    assert written(tmp_path / "out") == reference


@pytest.mark.parametrize("n_workers", [1, 3])
def test_local_cluster_gives_the_bytes_of_one_process(
    n_workers: int, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Candidates and manifests do not hang on the number of workers."""
    with open_client("local", n_workers=n_workers) as client:
        scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out", client=client)
        assert client is not None
        address = client.scheduler_info()["address"]
        with open_client(address) as other:
            scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "other", client=other)
    assert written(tmp_path / "out") == reference
    assert written(tmp_path / "other") == reference


def test_a_second_run_gives_the_bytes_of_the_first(reference: dict[str, bytes], tmp_path: Path) -> None:
    """A run into the folder of the same run writes the same files over it."""
    for _ in range(2):
        scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out")
    assert written(tmp_path / "out") == reference
