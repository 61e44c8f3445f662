"""The same input gives the same bytes, from any kind of catalog and on any cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest

from floodscan import Recipe, scan
from floodscan.clusters import open_client
from floodscan.inputs.event_files import load_events
from floodscan.planning.targets import plan_targets
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Results of the demo from its archive, in this process."""
    out = tmp_path_factory.mktemp("reference") / "out"
    scan("demo", recipe=Recipe(tile_size_m=20_000), out=out)
    return result_bytes(out)


@pytest.mark.parametrize("api", ["lean_api", "pgstac_api"])
def test_stac_api_gives_the_bytes_of_the_snapshot(
    api: str, reference: dict[str, bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Candidates and manifests of the demo are the same from any kind of catalog."""
    server: StacApi = request.getfixturevalue(api)
    result = scan(
        "demo", catalog=server.url, recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out"
    )
    assert sum(outcome.n_requests for outcome in result.outcomes) == 2
    assert result_bytes(tmp_path / "out") == reference


@pytest.mark.processes
@pytest.mark.parametrize("n_workers", [1, 3])
def test_local_cluster_gives_the_bytes_of_one_process(
    n_workers: int, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Candidates and manifests do not depend on the number of workers."""
    with open_client("local", n_workers=n_workers) as client:
        scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out", client=client)
        assert client is not None
        address = client.scheduler_info()["address"]
        with open_client(address) as other:
            scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "other", client=other)
    assert result_bytes(tmp_path / "out") == reference
    assert result_bytes(tmp_path / "other") == reference


def test_a_second_run_gives_the_bytes_of_the_first(
    reference: dict[str, bytes], tmp_path: Path
) -> None:
    """A run into the folder of the same run writes the same files over it."""
    for _ in range(2):
        scan("demo", recipe=Recipe(tile_size_m=20_000), out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == reference


def test_a_tile_is_chosen_for_as_an_area_of_its_own(tmp_path: Path) -> None:
    """Candidates of a tile are those of an event whose area is the tile."""
    recipe = Recipe(tile_size_m=40_000)
    (event,) = load_events("demo", phase_offset_days=recipe.phase_offset_days)
    tiled = scan(
        event, catalog="demo", recipe=recipe, out=tmp_path / "tiled"
    ).folder.read_candidates()
    tiles = [
        replace(event, event_id=target.target_id, aoi=target.area, bbox=target.bbox)
        for target in plan_targets(event, recipe.tile_size_m)[1:]
    ]
    alone = scan(tiles, catalog="demo", out=tmp_path / "alone").folder.read_candidates()
    assert len(tiles) > 4
    for tile in tiles:
        of_tile = tiled.filter(pc.field("target_id") == tile.event_id).drop_columns(
            ["event_id", "target_id"]
        )
        by_itself = alone.filter(pc.field("event_id") == tile.event_id).drop_columns(
            ["event_id", "target_id"]
        )
        assert of_tile.equals(by_itself)
