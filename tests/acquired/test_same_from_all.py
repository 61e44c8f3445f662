"""What was acquired is the same from any catalog, on any cluster, and for any number of runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner

import floodscan
from floodscan import Policy, Recipe
from floodscan.choosing import choose
from floodscan.cli.group import cli
from floodscan.clusters import open_client
from floodscan.geometry.footprints import bbox_polygon
from floodscan.model import Decision, SearchPrices
from floodscan.testing.fake_catalog import ItemsInMemory
from floodscan.testing.servers import catalog as catalog_files
from floodscan.testing.servers.launch import lean_server
from floodscan.testing.synthetic import Region, make_items, region_frames
from tests.acquired.products import (
    ASKING,
    CATALOG_ID,
    CHANGE_DETECTION,
    PLAIN,
    PRODUCTS,
    RADAR,
    SCENES,
    TILED,
    asking,
    demo_items,
    lost_scene,
    product_of,
)
from tests.catalogs.archive.test_same_as_api import events_between, write_archive
from tests.runs import result_bytes
from tests.servers import records
from tests.sweeps import DEMO
from tests.test_reselection import contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan import Event
    from tests.acquired.products import Item


@pytest.fixture(scope="module")
def expected(archive: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results from the archive, in this process."""
    out = tmp_path_factory.mktemp("expected") / "out"
    floodscan.scan(DEMO, catalog=archive, recipe=TILED, out=out)
    return result_bytes(out)


@pytest.mark.parametrize("api", ["products_lean_api", "products_pgstac_api"])
@pytest.mark.parametrize("request_items", [1000, 0])
def test_an_api_gives_the_bytes_of_the_archive(
    api: str,
    request_items: int,
    expected: dict[str, bytes],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """With merged searches, and with a search for each slot."""
    recipe = replace(TILED, searches=SearchPrices(request_items=request_items))
    result = floodscan.scan(
        DEMO, catalog=request.getfixturevalue(api), recipe=recipe, out=tmp_path / "out"
    )
    assert result_bytes(tmp_path / "out") == expected
    assert result.counts["requests"] == (2 if request_items else 15)


def test_an_own_archive_has_what_its_recipe_searches(
    expected: dict[str, bytes], products_lean_api: str, tmp_path: Path
) -> None:
    """Scenes in the larger box, and products."""
    recipe = tmp_path / "acquired.toml"
    recipe.write_text(f"tile_size_m = 40000\n[S1RTC]\nacquired_in = '{PRODUCTS}'\n")
    own = str(tmp_path / "own")
    words = ["archive", "build", "demo", "--recipe", str(recipe), "--out", own]
    built = CliRunner().invoke(cli, [*words, "--catalog", products_lean_api])
    assert built.exit_code == 0, built.output
    floodscan.scan(DEMO, catalog=own, recipe=TILED, out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == expected


def test_the_products_may_have_a_source_of_their_own(
    expected: dict[str, bytes], products_lean_api: str, tmp_path: Path
) -> None:
    """Scenes from an archive without products, and products from an API."""
    scenes = [item for item in demo_items() if item["collection"] != PRODUCTS]
    write_archive(tmp_path / "archive", scenes, row_group_size=50)
    recipe = replace(TILED, sources={PRODUCTS: products_lean_api})
    main = str(tmp_path / "archive")
    result = floodscan.scan(DEMO, catalog=main, recipe=recipe, out=tmp_path / "out")
    assert result.counts["requests"] == 1
    assert result_bytes(tmp_path / "out") == expected


def test_merged_searches_ask_for_both_collections_at_once(products_lean_api: str) -> None:
    """Without a request more, and with the items that the guide names."""
    counts = []
    for recipe in (Recipe(), ASKING):
        result = floodscan.scan(DEMO, catalog=products_lean_api, recipe=recipe)
        n_items = sum(result.folder.searches.read()["n_items"].to_pylist())
        counts.append((result.counts["requests"], n_items))
    assert counts == [(2, 189), (2, 297)]


@pytest.mark.processes
def test_a_cluster_gives_the_bytes_of_one_process(
    archive: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """A second scan into the same folder changes nothing."""
    with open_client("local", n_workers=2) as client:
        for _ in range(2):
            floodscan.scan(DEMO, catalog=archive, recipe=TILED, out=tmp_path / "out", client=client)
    assert result_bytes(tmp_path / "out") == expected


def test_a_run_that_continues_says_the_same(archive: str, tmp_path: Path) -> None:
    """The batch of a run that was cut off is run again."""
    out = tmp_path / "out"
    floodscan.scan(DEMO, catalog=archive, recipe=TILED, out=out)
    whole = result_bytes(out)
    run = orjson.loads((out / "run.json").read_bytes())
    del run["finished"], run["counts"]
    (out / "run.json").write_bytes(orjson.dumps(run))
    (out / "events.parquet").unlink()
    for part in (out / "events").glob("*.parquet"):
        part.unlink()
    floodscan.scan(DEMO, catalog=archive, recipe=TILED, out=out)
    assert result_bytes(out) == whole


def test_the_candidates_are_those_of_a_run_that_does_not_ask(archive: str, tmp_path: Path) -> None:
    """Products are never candidates, and no choice depends on them."""
    for name, recipe in (("plain", PLAIN), ("asking", TILED)):
        floodscan.scan(DEMO, catalog=archive, recipe=recipe, out=tmp_path / name)
    tables = [
        pq.read_table(file)
        for name in ("plain", "asking")
        for file in (tmp_path / name / "candidates").glob("*.parquet")
    ]
    assert len(tables) == 2
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    "rules",
    [
        Recipe(),
        Recipe(assumed_onset_hour=12),
        Recipe(policy=Policy.CHANGE_DETECTION, relax=(), onset_guard_minutes=60),
    ],
    ids=["reference", "another onset", "no ladder"],
)
def test_choosing_again_says_what_a_scan_says(rules: Recipe, tmp_path: Path) -> None:
    """By other windows, and by another side of the onset."""
    scene = lost_scene()
    days = ("2021-06-06", "2021-06-16", "2021-07-05", "2021-07-14", "2021-07-15", "2021-07-30")
    products = [
        product_of({**scene, "id": day, "properties": {**scene["properties"], "datetime": time}})
        for day in days
        for time in [f"{day}T05:50:00Z"]
    ]
    items = [item for item in demo_items() if item["collection"] != PRODUCTS] + products
    assets = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
    catalog = ItemsInMemory.read(items, {**assets, PRODUCTS: ()})
    wide = floodscan.scan(DEMO, catalog=catalog, recipe=CHANGE_DETECTION, out=tmp_path / "wide")
    named = wide.manifests[DEMO.event_id].content["not_in_collection"]["scenes"]
    assert [scene["id"] for scene in named] == [*days]
    floodscan.scan(DEMO, catalog=catalog, recipe=asking(rules), out=tmp_path / "scan")
    floodscan.reselect(tmp_path / "wide", recipe=asking(rules), out=tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "scan")
    floodscan.reselect(tmp_path / "wide", out=tmp_path / "same")
    assert contents(tmp_path / "same") == contents(tmp_path / "wide")
    decision = Decision(track=139)
    manifest = choose(tmp_path / "wide", DEMO.event_id, decision)
    assert manifest.content["not_in_collection"]["scenes"] == named


@pytest.mark.parametrize("west", [179.2, 179.93, -179.97])
def test_events_at_the_antimeridian(
    west: float, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The larger box of the scenes may cross it where that of the products does not."""
    template = lost_scene()
    scenes = [
        {
            **template,
            "id": f"S1A_IW_GRDH_1SDV_{number}_rtc",
            "bbox": [-180.0, 50.0, 180.0, 52.0],
            "geometry": shapely.geometry.mapping(bbox_polygon(178.0, 50.0, -178.5, 52.0)),
            "properties": {**template["properties"], "datetime": f"2021-07-1{number}T05:50:00Z"},
        }
        for number in (6, 7)
    ]
    products = [
        {**scene, "id": scene["id"].removesuffix("_rtc"), "collection": PRODUCTS}
        for scene in scenes
    ]
    items = [*demo_items(), scenes[0], *products]  # those of the demo cover all windows
    write_archive(tmp_path / "archive", items, row_group_size=5)
    collections = records.collections_for(items, records.demo_collections())
    catalog_files.write(tmp_path, collections=collections, items=items)
    box = (west, 50.5, west + 0.05, 50.55)
    event = replace(DEMO, aoi=shapely.box(*box), bbox=box)
    log = tmp_path_factory.mktemp("server") / "server.log"
    with lean_server(tmp_path, landing_id=CATALOG_ID, log=log) as server:
        found = floodscan.scan(event, catalog=server.url, recipe=RADAR, out=tmp_path / "api")
    joined = str(tmp_path / "archive")
    floodscan.scan(event, catalog=joined, recipe=RADAR, out=tmp_path / "joined")
    assert result_bytes(tmp_path / "api") == result_bytes(tmp_path / "joined")
    manifest = found.manifests[event.event_id].content
    lost = [scene["id"] for scene in manifest["not_in_collection"]["scenes"]]
    assert lost == ["S1A_IW_GRDH_1SDV_7"]


def test_many_events_name_exactly_what_was_lost(tmp_path: Path) -> None:
    """Generated passes over a large area, a fifth of whose scenes is lost: archive and searches."""
    start, end = datetime(2021, 5, 20, tzinfo=UTC), datetime(2021, 8, 5, tzinfo=UTC)
    frames = region_frames(Region((6.0, 49.0, 9.0, 51.0), start, end), from_first=True)
    scenes = list(make_items(frames=frames, scenes=(), dem_cells=()))
    draw = np.random.default_rng(0)
    lost = {item["id"] for item in scenes if draw.random() < 0.2}
    products = [product_of(scene) for scene in scenes]
    items = [*(scene for scene in scenes if scene["id"] not in lost), *products]
    write_archive(tmp_path / "archive", items, row_group_size=100)
    memory = ItemsInMemory.read(items, {SCENES: ("vv", "vh"), PRODUCTS: ()})
    events = events_between(60, (6.0, 49.0, 9.0, 51.0))
    floodscan.scan(events, catalog=memory, recipe=RADAR, out=tmp_path / "searched")
    joined = floodscan.scan(
        events, catalog=str(tmp_path / "archive"), recipe=RADAR, out=tmp_path / "joined"
    )
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")
    lost_products = [each for each in products if f"{each['id']}_rtc" in lost]
    n_named = 0
    for event in events:
        named = joined.manifests[event.event_id].content["not_in_collection"]["scenes"]
        assert {each["id"] for each in named} == expect_lost(event, lost_products)
        n_named += len(named)
    assert n_named > 100


def expect_lost(event: Event, lost: Sequence[Item]) -> set[str]:
    """List the lost products over an event, up to four days from the date of a phase."""
    found = set()
    for product in lost:
        day = datetime.fromisoformat(product["properties"]["datetime"]).date()
        near = any(abs((day - date).days) <= 4 for date in event.phase_dates.values())
        footprint = shapely.geometry.shape(product["geometry"])
        if near and footprint.intersection(event.aoi).area > 0:
            found.add(product["id"])
    return found
