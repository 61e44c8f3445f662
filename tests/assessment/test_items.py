"""The items of a manifest are valid STAC, whatever a catalog says of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from floodscan import Policy, Recipe, scan
from floodscan.assessment.items import list_items
from tests.selection.worlds import ALL, day, s1_item, s2_item, world_of
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
_NUMBER = {"type": "number"}
_POSITIVE = {"type": "integer", "minimum": 1}
_GRID: Json = {
    "proj:bbox": {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4},
    "proj:shape": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "proj:transform": {"type": "array", "items": _NUMBER, "minItems": 6, "maxItems": 6},
}
RULES: dict[str, tuple[str, Json]] = {
    "projection/v1.1.0": ("proj", {"proj:epsg": {"type": ["integer", "null"]}, **_GRID}),
    "projection/v2.0.0": ("proj", {"proj:code": {"type": ["string", "null"]}, **_GRID}),
    "eo/v1.1.0": ("eo", {"eo:cloud_cover": {"type": "number", "minimum": 0, "maximum": 100}}),
    "sat/v1.0.0": (
        "sat",
        {
            "sat:orbit_state": {"enum": ["ascending", "descending", "geostationary"]},
            "sat:relative_orbit": _POSITIVE,
        },
    ),
}
"""What the extensions say of the fields that floodscan writes; no package has their schemas.

pystac reads version 1 of ``projection`` as version 2.
"""


def rules_of(prefix: str, fields: Json) -> Json:
    """Make a schema that allows these fields of an extension and no others, somewhere in an item.

    At least one of them must be there.
    """
    known = {"properties": fields, "patternProperties": {f"^(?!{prefix}:)": {}}}
    only = {**known, "type": "object", "additionalProperties": False}
    one = {"anyOf": [{"required": [name]} for name in fields]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["properties", "assets"],
        "properties": {
            "properties": {"allOf": [only, one]},
            "assets": {"type": "object", "additionalProperties": only},
        },
    }


@pytest.fixture
def validator() -> JsonSchemaSTACValidator:
    """Pystac's validator, with its own core schemas and the rules above: it asks no network."""
    made = JsonSchemaSTACValidator()
    made.schema_cache |= {
        _EXTENSION.format(name): rules_of(*rules) for name, rules in RULES.items()
    }
    return made


def check(items: list[Json], validator: JsonSchemaSTACValidator) -> list[pystac.Item]:
    """Validate items as they are written, and as pystac reads them."""
    read = [pystac.Item.from_dict(item) for item in items]
    for item, raw in zip(read, items, strict=True):
        item.validate(validator)
        for url in raw["stac_extensions"]:
            validator._validate_from_uri(raw, pystac.STACObjectType.ITEM, url)
        (link,) = item.get_links("collection")
        assert link.href == f"collections/{item.collection_id}"
        assert all(asset.roles == ["data"] for asset in item.assets.values())
    return read


@pytest.mark.parametrize(
    "recipe",
    [Recipe(), Recipe(policy=Policy.CHANGE_DETECTION), Recipe(tile_size_m=40_000)],
    ids=["reference", "change-detection", "tiles"],
)
def test_each_item_of_the_demo_is_valid(
    recipe: Recipe, tmp_path: Path, validator: JsonSchemaSTACValidator
) -> None:
    """With collection, extensions, grid, types, roles and phases."""
    run = scan("demo", recipe=recipe, out=tmp_path / "out")
    content = run.manifests[DEMO.event_id].content
    for item in check(content["items"], validator):
        assert item.ext.has("proj")
        assert item.ext.proj.epsg is not None
        for asset in item.assets.values():
            assert asset.media_type == "image/tiff; application=geotiff"
            assert asset.ext.proj.shape is not None
            assert asset.ext.proj.transform is not None
    chosen = {
        scene["id"]: phase
        for target in (content, *content["tiles"])
        for phase, slots in target["selected"].items()
        for choice in slots.values()
        if choice
        for scene in choice["items"]
    }
    phases = {item["id"]: item["properties"]["floodscan:phases"] for item in content["items"]}
    assert all(phase in phases[scene] for scene, phase in chosen.items())
    assert [each for each, found in phases.items() if not found] == [
        tile["id"] for tile in content["dem_items"]
    ]


def odd_rows(**facts: object) -> list[Json]:
    """Choose two scenes, and change what is known of them."""
    items = [s1_item("a", day(0), ALL), s2_item("b", day(0), ALL)]
    table = world_of(*items).chosen()
    return [row | facts for row in table.filter(table["selected"]).to_pylist()]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"datetime": None},
        {"cloud_cover": 130.0},
        {"cloud_cover": float("nan")},
        {"orbit_state": "[/x]", "relative_orbit": 0},
        {"orbit_state": None, "relative_orbit": None, "platform": None, "polarizations": None},
        {"proj_epsg": 32632, "proj_bbox": None, "proj_shapes": [("vv", [10, 10])]},
        {"proj_epsg": None, "proj_bbox": [0.0, 0.0, 9.0, 9.0], "proj_shapes": [("vv", [9, 9])]},
        {"assets": [("vv", "https://[x"), ("vh", "a b.tif?c#d")]},
    ],
    ids=str,
)
def test_odd_facts_make_valid_items(facts: Json, validator: JsonSchemaSTACValidator) -> None:
    """What the schemas forbid is left out; a scene without a time may be of any time."""
    assert len(check(list_items(odd_rows(**facts)), validator)) == 2


def test_a_grid_is_the_edges_divided_by_the_shape() -> None:
    """Of each asset by itself, in the system of the item."""
    facts = {
        "proj_epsg": 32632,
        "proj_bbox": [300000.0, 5490240.0, 409800.0, 5600040.0],
        "proj_shapes": [("B02", [10980, 10980]), ("B09", [1830, 1830])],
        "assets": [("B02", "b02.tif"), ("B09", "b09.jp2"), ("B11", "b11")],
    }
    (item, _) = list_items(odd_rows(**facts))
    assert item["properties"]["proj:epsg"] == 32632
    assets = item["assets"]
    assert assets["B02"]["proj:shape"] == [10980, 10980]
    assert assets["B02"]["proj:transform"] == [10.0, 0.0, 300000.0, 0.0, -10.0, 5600040.0]
    assert assets["B09"]["proj:transform"] == [60.0, 0.0, 300000.0, 0.0, -60.0, 5600040.0]
    assert assets["B09"]["type"] == "image/jp2"
    assert assets["B11"] == {"href": "b11", "roles": ["data"]}


def test_the_rules_refuse_what_the_extensions_forbid(validator: JsonSchemaSTACValidator) -> None:
    """So that the tests above can fail."""
    for change in ({"eo:cloud_cover": 130.0}, {"sat:relative_orbit": 0}, {"proj:color": 1}):
        item = list_items(odd_rows(proj_epsg=32632))[1]
        item["properties"] |= change
        with pytest.raises(pystac.STACValidationError):
            check([item], validator)
