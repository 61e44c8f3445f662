"""Passes that were acquired, and that the collection lacks, are named in their slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import shapely
import yaml
from click.testing import CliRunner

import floodscan
from floodscan import Phase, Recipe, Sensor
from floodscan.assessment.acquired_passes import describe_pass, group_passes, name_pass
from floodscan.assessment.labels import WarningCode
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.cli.group import cli
from floodscan.model import AcquiredScene
from floodscan.testing.fake_catalog import ItemsInMemory
from tests.acquired.products import (
    ASKING,
    PRODUCTS,
    RADAR,
    SCENES,
    TILED,
    lost_over,
    lost_scene,
    product_of,
    slots_of,
)
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan import Event
    from tests.acquired.products import Item


def test_each_slot_names_the_passes_that_the_collection_lacks(
    memory: ItemsInMemory, tmp_path: Path
) -> None:
    """Those over its target, in its window, and on its side of the onset: none more, none less."""
    result = floodscan.scan(DEMO, catalog=memory, recipe=TILED, out=tmp_path / "out")
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
    result = floodscan.scan(DEMO, catalog=memory, recipe=ASKING, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    (warning,) = [
        each
        for each in manifest["warnings"]
        if (each["code"], each["phase"]) == (WarningCode.NOT_IN_COLLECTION, "event")
    ]
    sentence = (
        "a scene of Sentinel-1A track 37, 2021-07-15 05:51 UTC was acquired (sentinel-1-grd) "
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
    radar = replace(TILED.sensors[Sensor.S1RTC], window_days=0)
    recipe = Recipe(sensors={Sensor.S1RTC: radar})
    result = floodscan.scan(DEMO, catalog=memory, recipe=recipe, out=tmp_path / "out")
    failures = result.manifests[DEMO.event_id].failures
    (failure,) = [each for each in failures if each["phase"] == "event"]
    hint = "take from sentinel-1-grd what sentinel-1-rtc lacks of Sentinel-1A track 37, 2021-07-15"
    assert hint in failure["hint"]
    assert "look in Sentinel-1 GRD" not in failure["hint"]


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
    for items, n_lost in (([scene, product], 0), ([product], 1)):
        catalog = ItemsInMemory.read(items, assets)
        result = floodscan.scan(event, catalog=catalog, recipe=RADAR)
        manifest = result.manifests["edge"].content
        assert len(manifest["not_in_collection"]["scenes"]) == n_lost


def test_a_scene_with_another_id_is_known_by_its_satellite_and_time() -> None:
    """As in catalogs that name products otherwise."""
    scene = lost_scene()
    product = product_of(scene)
    later = {**scene["properties"], "datetime": "2021-07-15T09:00:00Z"}
    other = {**scene, "id": "other", "properties": {**scene["properties"], "platform": "S1X"}}
    lower = {**scene["properties"], "platform": "sentinel-1a"}
    for there, n_lost in (
        ({**scene, "id": "other", "properties": lower}, 0),
        ({**scene, "id": "other", "properties": later}, 1),
        (other, 1),
    ):
        catalog = ItemsInMemory.read([there, product], {SCENES: ("vv", "vh"), PRODUCTS: ()})
        manifest = floodscan.scan(DEMO, catalog=catalog, recipe=RADAR).manifests[DEMO.event_id]
        assert len(manifest.content["not_in_collection"]["scenes"]) == n_lost


def test_products_without_the_channels_of_the_recipe_are_no_loss(tmp_path: Path) -> None:
    """No rule would have chosen their scenes; the manifest has them all the same."""
    scene = lost_scene()
    single = {**scene["properties"], "sar:polarizations": ["VV"]}
    product = product_of({**scene, "properties": single})
    catalog = ItemsInMemory.read([product], {SCENES: ("vv", "vh"), PRODUCTS: ()})
    result = floodscan.scan(DEMO, catalog=catalog, recipe=RADAR, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    assert len(manifest["not_in_collection"]["scenes"]) == 1
    assert not any(slot["items"] for slot in slots_of(manifest).values())


def test_scenes_of_one_pass_are_one_sentence() -> None:
    """With what each of them covers, the pass nearest to the phase's date first."""
    scene = AcquiredScene(
        item_id="a",
        time=datetime(2021, 7, 18, 5, 50, tzinfo=UTC),
        platform="SENTINEL-1A",
        relative_orbit=37,
        orbit_state="descending",
        polarizations=("VV", "VH"),
        overlap_frac={"aoi": 0.654},
    )
    after = timedelta(seconds=25)
    next_scene = replace(scene, item_id="b", time=scene.time + after, overlap_frac={"aoi": 0.33})
    other = replace(scene, item_id="c", time=scene.time + timedelta(days=1), relative_orbit=None)
    unknown = replace(other, item_id="d", platform=None, time=scene.time - timedelta(days=3))
    day = scene.time.date()
    passes = group_passes([unknown, other, next_scene, scene], day)
    assert [[each.item_id for each in found] for found in passes] == [["a", "b"], ["c"], ["d"]]
    names = {"acquired_in": PRODUCTS, "collection": SCENES}
    assert describe_pass(passes[0], "aoi", **names) == (
        "2 scenes of Sentinel-1A track 37, 2021-07-18 05:50 UTC were acquired (sentinel-1-grd) "
        "but are not in sentinel-1-rtc; they cover 65.4% and 33.0% of the target"
    )
    assert name_pass(passes[2]) == "an unknown satellite on an unknown track, 2021-07-15 05:50 UTC"


def test_real_scenes_have_the_ids_and_times_of_their_products(foreign_data: Path) -> None:
    """Planetary Computer: a scene is derived from the product with its id, and has its time."""
    folder = foreign_data / "planetary-computer"
    scenes = orjson.loads((folder / "sentinel-1-rtc-pc.json").read_bytes())
    assert scenes
    for scene in scenes:
        (link,) = [each["href"] for each in scene["links"] if each["rel"] == "derived_from"]
        assert link.endswith(f"{PRODUCTS}/items/{scene['id'].removesuffix('_rtc')}")
    recorded = yaml.safe_load(
        (folder / "odd" / "s1-grd_empty-multipolygon-member.yaml").read_text("utf-8")
    )
    product = orjson.loads(recorded["interactions"][0]["response"]["body"]["string"])
    for item in (product, *scenes):
        times = (item["properties"][name] for name in ("start_datetime", "end_datetime"))
        start, end = map(datetime.fromisoformat, times)
        middle = start + (end - start) / 2
        taken = datetime.fromisoformat(item["properties"]["datetime"])
        assert abs(taken - middle) < timedelta(microseconds=2)


def test_a_real_product_is_read(foreign_data: Path) -> None:
    """Its orbit, channels and footprint, of which one part is empty."""
    path = foreign_data / "planetary-computer" / "odd" / "s1-grd_empty-multipolygon-member.yaml"
    recorded = yaml.safe_load(path.read_text("utf-8"))
    product = orjson.loads(recorded["interactions"][0]["response"]["body"]["string"])
    table = parse_items(decode_items([product]), collection=PRODUCTS, assets=())
    (row,) = table.to_pylist()
    assert (row["platform"], row["relative_orbit"]) == ("SENTINEL-1A", 111)
    assert (row["orbit_state"], row["polarizations"]) == ("ascending", ["HH"])
    assert not shapely.is_empty(shapely.from_wkb(row["geometry"]))
