"""Passes that were acquired, and that the collection lacks, are named in their slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner

import floodscan
from floodscan import CatalogError, Phase, Policy, Recipe, Sensor
from floodscan.assessment.labels import WarningCode
from floodscan.catalogs.sources import NOT_HELD
from floodscan.choosing import choose
from floodscan.cli.group import cli
from floodscan.clusters import open_client
from floodscan.geometry.footprints import bbox_polygon
from floodscan.model import Decision, SearchPrices
from floodscan.reselection import NOT_ASKED
from floodscan.testing.fake_catalog import FakeCatalog, ItemsInMemory, RaiseError
from floodscan.testing.servers import catalog as catalog_files
from floodscan.testing.servers.launch import lean_server, pgstac_server
from tests.catalogs.archive.test_same_as_api import write_archive
from tests.products import PRODUCTS, SCENES, product_of
from tests.runs import result_bytes
from tests.servers import records
from tests.services import open_service
from tests.sweeps import DEMO
from tests.test_reselection import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan import Event

    Item = dict[str, Any]

CATALOG_ID = "items-in-memory"
LOST = ("20210715T0550", "20210715T0551", "20210721T055")
"""The passes of track 37 after the onset: those whose scenes the collection lacks."""


def asking(recipe: Recipe) -> Recipe:
    """Return rules that ask for what was acquired."""
    radar = replace(recipe.sensors[Sensor.S1RTC], acquired_in=PRODUCTS)
    return replace(recipe, sensors={**recipe.sensors, Sensor.S1RTC: radar})


PLAIN = Recipe(tile_size_m=40_000)
ASKING = asking(PLAIN)
ASKING_DEMO = asking(Recipe())
CHANGE_DETECTION = asking(Recipe(policy=Policy.CHANGE_DETECTION))


def is_lost(item: Item) -> bool:
    """Whether the catalog lacks a scene."""
    return item["collection"] == SCENES and any(start in item["id"] for start in LOST)


def demo_items() -> list[Item]:
    """The items of the demo without the lost scenes, and all products."""
    items = records.demo_items()
    products = [product_of(item) for item in items if item["collection"] == SCENES]
    return [*(item for item in items if not is_lost(item)), *products]


def lost_over(area: shapely.Geometry) -> set[str]:
    """The products of the lost scenes that cover some of an area."""
    lost = [product_of(item) for item in records.demo_items() if is_lost(item)]
    return {
        item["id"]
        for item in lost
        if shapely.geometry.shape(item["geometry"]).intersection(area).area > 0
    }


def lost_scene() -> Item:
    """A lost scene that covers the area."""
    over = lost_over(DEMO.aoi)
    lost = (item for item in records.demo_items() if is_lost(item))
    return next(item for item in lost if product_of(item)["id"] in over)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of both collections, on disk."""
    path, items = tmp_path_factory.mktemp("catalog"), demo_items()
    collections = records.collections_for(items, records.demo_collections())
    catalog_files.write(path, collections=collections, items=items)
    return path


@pytest.fixture(scope="module")
def lean(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A STAC API of it, in memory."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with lean_server(folder, landing_id=CATALOG_ID, log=log) as server:
        yield server.url


@pytest.fixture(scope="module")
def pgstac(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The STAC API of Planetary Computer; skipped without PostGIS, except on CI, where it fails."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with open_service(pgstac_server(folder, landing_id=CATALOG_ID, log=log)) as server:
        yield server.url


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of it."""
    path = tmp_path_factory.mktemp("archive") / "both"
    write_archive(path, demo_items(), row_group_size=50)
    return str(path)


@pytest.fixture(scope="module")
def memory() -> ItemsInMemory:
    """A catalog of it without a server."""
    assets = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
    return ItemsInMemory.read(demo_items(), {**assets, PRODUCTS: ()})


@pytest.fixture(scope="module")
def expected(archive: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results from the archive, in this process."""
    out = tmp_path_factory.mktemp("expected") / "out"
    floodscan.scan(DEMO, catalog=archive, recipe=ASKING, out=out)
    return result_bytes(out)


def slots_of(manifest: Item) -> dict[tuple[str, str], Item]:
    """Return what the slots of a manifest say, by target and phase."""
    found = manifest["not_in_collection"]["slots"]
    return {(slot["target_id"], slot["phase"]): slot for slot in found}


def test_each_slot_names_the_passes_that_the_collection_lacks(
    memory: ItemsInMemory, tmp_path: Path
) -> None:
    """Those over its target, in its window, and on its side of the onset: none more, none less."""
    result = floodscan.scan(DEMO, catalog=memory, recipe=ASKING, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    known = {scene["id"]: scene for scene in manifest["not_in_collection"]["scenes"]}
    assert known.keys() == lost_over(DEMO.aoi)
    slots = slots_of(manifest)
    assert len(slots) == 4 * (1 + len(manifest["tiles"]))
    assert all(slot["checked"] for slot in slots.values())
    areas = {tile["target_id"]: shapely.box(*tile["bbox"]) for tile in manifest["tiles"]}
    for (target_id, phase), slot in slots.items():
        wanted = {
            item_id
            for item_id, scene in known.items()
            if phase in {"event", "post_event"} and scene["overlap_frac"].get(target_id, 0) > 0
            if abs((_day(scene) - DEMO.phase_dates[Phase(phase)]).days) <= 4
        }
        assert set(slot["items"]) == wanted
        if target_id in areas:
            assert wanted <= lost_over(areas[target_id])
    assert slots["aoi", "event"]["items"]


def _day(scene: Item) -> Any:  # noqa: ANN401 - a date
    return datetime.fromisoformat(scene["datetime"]).date()


def test_a_warning_and_a_sentence_name_the_pass(memory: ItemsInMemory, tmp_path: Path) -> None:
    """In the manifest, in the table of events, and in what ``explain`` prints."""
    result = floodscan.scan(DEMO, catalog=memory, recipe=asking(Recipe()), out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    (warning,) = [
        each
        for each in manifest["warnings"]
        if (each["code"], each["phase"]) == (WarningCode.NOT_IN_COLLECTION, "event")
    ]
    sentence = (
        "Sentinel-1A track 37, 2021-07-15 05:51 UTC was acquired (sentinel-1-grd) "
        "but is not in sentinel-1-rtc; it covers 100.0% of the target"
    )
    assert warning["text"].startswith(sentence)
    (outcome,) = result.outcomes
    kinds = [each.code for each in outcome.choice_warnings]
    assert kinds.count(WarningCode.NOT_IN_COLLECTION) == 2
    words = ["explain", str(tmp_path / "out"), DEMO.event_id, "event", "S1RTC"]
    shown = CliRunner().invoke(cli, [*words, "--json"])
    (slot,) = orjson.loads(shown.stdout)
    assert slot["not_in_collection"][0].startswith(sentence)
    printed = CliRunner().invoke(cli, words).stdout
    assert "Sentinel-1A track 37, 2021-07-15 05:51 UTC was acquired" in " ".join(printed.split())


def test_the_hint_of_an_empty_slot_names_the_pass(memory: ItemsInMemory, tmp_path: Path) -> None:
    """What is known takes the place of what the cycle of the orbit suggests."""
    radar = replace(ASKING.sensors[Sensor.S1RTC], window_days=0)
    recipe = Recipe(sensors={Sensor.S1RTC: radar})
    result = floodscan.scan(DEMO, catalog=memory, recipe=recipe, out=tmp_path / "out")
    failures = result.manifests[DEMO.event_id].failures
    (failure,) = [each for each in failures if each["phase"] == "event"]
    hint = "take the pass of Sentinel-1A track 37, 2021-07-15 05:51 UTC from sentinel-1-grd"
    assert f"{hint}: sentinel-1-rtc lacks it" in failure["hint"]
    assert "look in Sentinel-1 GRD" not in failure["hint"]


@pytest.mark.parametrize("api", ["lean", "pgstac"])
@pytest.mark.parametrize("request_items", [1000, 0])
def test_an_api_gives_the_bytes_of_the_archive(
    api: str,
    request_items: int,
    expected: dict[str, bytes],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """With merged searches, and with a search for each slot."""
    recipe = replace(ASKING, searches=SearchPrices(request_items=request_items))
    result = floodscan.scan(
        DEMO, catalog=request.getfixturevalue(api), recipe=recipe, out=tmp_path / "out"
    )
    assert result_bytes(tmp_path / "out") == expected
    assert result.counts["requests"] == (2 if request_items else 15)


def test_merged_searches_ask_for_both_collections_at_once(lean: str) -> None:
    """Without a request more, and with the items that the guide names."""
    counts = []
    for recipe in (Recipe(), ASKING_DEMO):
        result = floodscan.scan(DEMO, catalog=lean, recipe=recipe)
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
            floodscan.scan(
                DEMO, catalog=archive, recipe=ASKING, out=tmp_path / "out", client=client
            )
    assert result_bytes(tmp_path / "out") == expected


def test_a_run_that_continues_says_the_same(archive: str, tmp_path: Path) -> None:
    """The batch of a run that was cut off is run again."""
    out = tmp_path / "out"
    floodscan.scan(DEMO, catalog=archive, recipe=ASKING, out=out)
    whole = result_bytes(out)
    run = orjson.loads((out / "run.json").read_bytes())
    del run["finished"], run["counts"]
    (out / "run.json").write_bytes(orjson.dumps(run))
    (out / "events.parquet").unlink()
    for part in (out / "events").glob("*.parquet"):
        part.unlink()
    floodscan.scan(DEMO, catalog=archive, recipe=ASKING, out=out)
    assert result_bytes(out) == whole


def test_the_candidates_are_those_of_a_run_that_does_not_ask(archive: str, tmp_path: Path) -> None:
    """Products are never candidates, and no choice depends on them."""
    for name, recipe in (("plain", PLAIN), ("asking", ASKING)):
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


def test_a_run_that_did_not_ask_can_be_chosen_from(tmp_path: Path) -> None:
    """The record says that nothing was checked."""
    floodscan.scan(DEMO, catalog="demo", out=tmp_path / "plain")
    result = floodscan.reselect(tmp_path / "plain", recipe=ASKING_DEMO, out=tmp_path / "again")
    assert result.folder.read_run()["not_checked"] == {PRODUCTS: NOT_ASKED}
    assert contents(tmp_path / "again") == contents(tmp_path / "plain")


def test_a_catalog_without_the_products_is_no_error(tmp_path: Path) -> None:
    """The results are those without the question, and the record says so; so does ``explain``."""
    result = floodscan.scan(DEMO, catalog="demo", recipe=ASKING_DEMO, out=tmp_path / "asking")
    floodscan.scan(DEMO, catalog="demo", out=tmp_path / "plain")
    assert result_bytes(tmp_path / "asking") == result_bytes(tmp_path / "plain")
    run = result.folder.read_run()
    assert run["not_checked"] == {PRODUCTS: NOT_HELD}
    assert run["run_id"] == orjson.loads((tmp_path / "plain" / "run.json").read_bytes())["run_id"]
    words = ["explain", str(tmp_path / "asking"), DEMO.event_id, "event", "S1RTC", "--json"]
    (slot,) = orjson.loads(CliRunner().invoke(cli, words).stdout)
    assert slot["not_in_collection"] == [f"not checked: {PRODUCTS}: {NOT_HELD}"]
    again = floodscan.reselect(tmp_path / "asking", out=tmp_path / "again")
    assert again.folder.read_run()["not_checked"] == {PRODUCTS: NOT_HELD}


def test_the_other_collections_must_be_there(tmp_path: Path) -> None:
    """The name of a sensor's collection is still checked."""
    radar = replace(ASKING_DEMO.sensors[Sensor.S1RTC], collection="sentinel-1-other")
    recipe = Recipe(sensors={Sensor.S1RTC: radar})
    with pytest.raises(floodscan.MissingCollectionError, match="sentinel-1-other"):
        floodscan.scan(DEMO, catalog="demo", recipe=recipe, out=tmp_path / "out")


def test_a_failed_search_for_products_leaves_the_choices(
    memory: ItemsInMemory, tmp_path: Path
) -> None:
    """The slots say that nothing is known; a retry asks again, and reselect keeps it."""
    away = RaiseError(CatalogError("fake", "is away"), collection=PRODUCTS)
    broken, whole = FakeCatalog(source=memory, faults=(away,)), FakeCatalog(source=memory)
    result = floodscan.scan(DEMO, catalog=broken, recipe=ASKING_DEMO, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    assert not any(slot["checked"] for slot in slots_of(manifest).values())
    kinds = [each["code"] for each in manifest["warnings"]]
    assert kinds.count(WarningCode.NOT_CHECKED) == 4
    floodscan.reselect(tmp_path / "out", out=tmp_path / "again")
    assert result_bytes(tmp_path / "again") == result_bytes(tmp_path / "out")
    good = floodscan.scan(DEMO, catalog=whole, recipe=ASKING_DEMO, out=tmp_path / "good")
    chosen = [each.manifests[DEMO.event_id].content["selected"] for each in (result, good)]
    assert chosen[0] == chosen[1]
    floodscan.scan(DEMO, catalog=whole, recipe=ASKING_DEMO, out=tmp_path / "out", retry_failed=True)
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "good")


def test_windows_that_an_archive_does_not_cover_are_not_checked(tmp_path: Path) -> None:
    """The slots of other windows are, and all are filled."""
    until_june = [
        item
        for item in demo_items()
        if item["collection"] != PRODUCTS or item["properties"]["datetime"] < "2021-07"
    ]
    write_archive(tmp_path / "archive", until_june, row_group_size=50)
    result = floodscan.scan(
        DEMO, catalog=str(tmp_path / "archive"), recipe=ASKING_DEMO, out=tmp_path / "out"
    )
    slots = slots_of(result.manifests[DEMO.event_id].content)
    checked = {phase: slot["checked"] for (_, phase), slot in slots.items()}
    assert checked == {"pre_month": True, "pre_event": False, "event": False, "post_event": False}
    assert result.counts["filled"] == result.counts["slots"]


def edge_event() -> tuple[Event, Item]:
    """Make a small event just beside a scene, and inside the footprint of its product."""
    scene = lost_scene()
    corners = shapely.get_coordinates(shapely.geometry.shape(scene["geometry"]))
    x, y = corners[corners[:, 0].argmax()].tolist()
    box = (x + 0.005, y - 0.005, x + 0.015, y + 0.005)
    return replace(DEMO, event_id="edge", aoi=shapely.box(*box), bbox=box), scene


def test_a_scene_that_just_misses_the_area_is_not_missing() -> None:
    """Footprints of products and of scenes differ a little at their edges."""
    event, scene = edge_event()
    product = product_of(scene, margin=0.05)
    assert shapely.geometry.shape(product["geometry"]).contains(event.aoi)
    assert not shapely.geometry.shape(scene["geometry"]).intersects(event.aoi)
    assets = {SCENES: ("vv", "vh"), PRODUCTS: ()}
    recipe = Recipe(sensors={Sensor.S1RTC: ASKING_DEMO.sensors[Sensor.S1RTC]})
    for items, n_lost in (([scene, product], 0), ([product], 1)):
        catalog = ItemsInMemory.read(items, assets)
        result = floodscan.scan(event, catalog=catalog, recipe=recipe)
        manifest = result.manifests["edge"].content
        assert len(manifest["not_in_collection"]["scenes"]) == n_lost


def test_a_scene_with_another_id_is_known_by_its_satellite_and_time() -> None:
    """As in catalogs that name products otherwise."""
    scene = lost_scene()
    product = product_of(scene)
    later = {**scene["properties"], "datetime": "2021-07-15T09:00:00Z"}
    other = {**scene, "id": "other", "properties": {**scene["properties"], "platform": "S1X"}}
    recipe = Recipe(sensors={Sensor.S1RTC: ASKING_DEMO.sensors[Sensor.S1RTC]})
    lower = {**scene["properties"], "platform": "sentinel-1a"}
    for there, n_lost in (
        ({**scene, "id": "other", "properties": lower}, 0),
        ({**scene, "id": "other", "properties": later}, 1),
        (other, 1),
    ):
        catalog = ItemsInMemory.read([there, product], {SCENES: ("vv", "vh"), PRODUCTS: ()})
        manifest = floodscan.scan(DEMO, catalog=catalog, recipe=recipe).manifests[DEMO.event_id]
        assert len(manifest.content["not_in_collection"]["scenes"]) == n_lost


def test_products_without_the_channels_of_the_recipe_are_no_loss(tmp_path: Path) -> None:
    """No rule would have chosen their scenes; the manifest has them all the same."""
    scene = lost_scene()
    single = {**scene["properties"], "sar:polarizations": ["VV"]}
    product = product_of({**scene, "properties": single})
    recipe = Recipe(sensors={Sensor.S1RTC: ASKING_DEMO.sensors[Sensor.S1RTC]})
    catalog = ItemsInMemory.read([product], {SCENES: ("vv", "vh"), PRODUCTS: ()})
    result = floodscan.scan(DEMO, catalog=catalog, recipe=recipe, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    assert len(manifest["not_in_collection"]["scenes"]) == 1
    assert not any(slot["items"] for slot in slots_of(manifest).values())


def test_the_plan_says_what_is_searched_and_what_is_not_checked(
    archive: str, tmp_path: Path
) -> None:
    """An archive says by itself whether it has the products."""
    recipe = tmp_path / "acquired.toml"
    recipe.write_text(f"[S1RTC]\nacquired_in = '{PRODUCTS}'\n")
    words = ["plan", "demo", "--recipe", str(recipe), "--catalog"]
    without, both = (CliRunner().invoke(cli, [*words, name]) for name in ("demo", archive))
    assert f"not checked: {PRODUCTS}: {NOT_HELD}" in without.stderr
    assert PRODUCTS not in without.stdout
    assert PRODUCTS in both.stdout
    assert both.stderr == ""


def test_a_scan_says_what_is_not_checked(archive: str, tmp_path: Path) -> None:
    """At its end, where it also counts the slots that lack passes."""
    recipe = tmp_path / "acquired.toml"
    recipe.write_text(f"[S1RTC]\nacquired_in = '{PRODUCTS}'\n")
    for name, expected in (
        ("demo", f"passes that are missing in the catalog are not known: {PRODUCTS}: {NOT_HELD}"),
        (archive, f"2 {WarningCode.NOT_IN_COLLECTION}"),
    ):
        words = ["scan", "demo", "--recipe", str(recipe), "--catalog", name]
        done = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / name[-4:])])
        assert expected in " ".join(done.stdout.split())


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
    recipe = Recipe(sensors={Sensor.S1RTC: ASKING_DEMO.sensors[Sensor.S1RTC]})
    log = tmp_path_factory.mktemp("server") / "server.log"
    with lean_server(tmp_path, landing_id=CATALOG_ID, log=log) as server:
        found = floodscan.scan(event, catalog=server.url, recipe=recipe, out=tmp_path / "api")
    joined = str(tmp_path / "archive")
    floodscan.scan(event, catalog=joined, recipe=recipe, out=tmp_path / "joined")
    assert result_bytes(tmp_path / "api") == result_bytes(tmp_path / "joined")
    manifest = found.manifests[event.event_id].content
    lost = [scene["id"] for scene in manifest["not_in_collection"]["scenes"]]
    assert lost == ["S1A_IW_GRDH_1SDV_7"]
