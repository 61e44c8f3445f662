"""Items are read from STAC JSON, with all kinds of odd values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import shapely

from floodscan.catalogs.hrefs import unsigned
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items, decode_page

if TYPE_CHECKING:
    from pathlib import Path


def parse(*items: dict[str, Any], assets: tuple[str, ...] = ("vv", "vh")) -> list[dict[str, Any]]:
    """Parse items; each needs only the members of its test."""
    whole = [
        {"id": "x", "bbox": [0, 0, 1, 1], "geometry": None, "properties": {}, "assets": {}, **item}
        for item in items
    ]
    rows: list[dict[str, Any]] = parse_items(
        decode_items(whole), collection="c", assets=assets
    ).to_pylist()
    return rows


def properties(**values: object) -> dict[str, Any]:
    """Write an item's properties, with ``__`` for a colon."""
    return {"properties": {name.replace("__", ":"): value for name, value in values.items()}}


def test_real_items_of_each_collection_are_read(foreign_data: Path) -> None:
    """Items of Planetary Computer fill every column that they have values for."""
    folder = foreign_data / "planetary-computer"
    rows = {
        name: parse_items(
            decode_items(orjson.loads((folder / f"{name}-pc.json").read_bytes())),
            collection=name,
            assets=assets,
        ).to_pylist()[0]
        for name, assets in {
            "sentinel-1-rtc": ["vv", "vh"],
            "sentinel-2-l2a": ["B02"],
            "cop-dem-glo-30": ["data"],
        }.items()
    }
    radar, optical, dem = rows.values()
    assert radar["datetime"] == datetime(2024, 4, 19, 4, 59, 10, 436706, UTC)
    assert (radar["relative_orbit"], radar["orbit_state"], radar["datatake_id"]) == (
        51,
        "descending",
        "425458",
    )
    assert radar["polarizations"] == ["VV", "VH"]
    assert [key for key, _ in radar["assets"]] == ["vv", "vh"]
    assert (optical["mgrs_tile"], optical["processing_baseline"], optical["cloud_cover"]) == (
        "47XML",
        "05.10",
        0.219774,
    )
    assert dem["cloud_cover"] is None
    assert dem["assets"][0][1].endswith("Copernicus_DSM_COG_10_S90_00_W180_00_DEM.tif")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"datetime": "2021-07-15T05:51:04.897499Z"}, datetime(2021, 7, 15, 5, 51, 4, 897499, UTC)),
        ({"datetime": "2021-07-15 05:51:04+02:00"}, datetime(2021, 7, 15, 3, 51, 4, tzinfo=UTC)),
        ({"datetime": "2021-07-15T05:51:04"}, datetime(2021, 7, 15, 5, 51, 4, tzinfo=UTC)),
        (
            {"datetime": None, "start_datetime": "2021-07-15 05:51:04+00:00"},
            datetime(2021, 7, 15, 5, 51, 4, tzinfo=UTC),
        ),
        (
            {"datetime": "soon", "start_datetime": "2021-07-15T00:00:00Z"},
            datetime(2021, 7, 15, tzinfo=UTC),
        ),
        ({"datetime": "soon"}, None),
        ({"datetime": 20210715}, None),
        ({"datetime": "9999-12-31T23:59:59-14:00"}, None),
        ({"datetime": "0001-01-01T00:00:00+14:00"}, None),
        ({}, None),
    ],
)
def test_time_is_datetime_or_else_the_start(given: dict[str, Any], read: datetime | None) -> None:
    """With a blank or a T, with any zone or none; null if neither is a time."""
    assert parse({"properties": given})[0]["datetime"] == read


def test_a_value_of_a_wrong_type_is_missing() -> None:
    """Numbers as text, text as numbers, booleans and lists affect their own cell only."""
    rows = parse(
        properties(
            eo__cloud_cover="few", sat__relative_orbit="37", platform=3, sar__polarizations="VV"
        ),
        properties(
            eo__cloud_cover=True,
            sat__relative_orbit=1.5,
            orbit_state=["x"],
            sar__polarizations=["VV", None],
        ),
        properties(
            eo__cloud_cover=7,
            sat__relative_orbit=37.0,
            s1__datatake_id=425458,
            sar__polarizations=["VV"],
        ),
    )
    assert [row["cloud_cover"] for row in rows] == [None, None, 7.0]
    assert [row["relative_orbit"] for row in rows] == [None, None, 37]
    assert rows[0]["platform"] == "3"
    assert rows[2]["datatake_id"] == "425458"
    assert [row["polarizations"] for row in rows] == [None, ["VV"], ["VV"]]


def test_a_number_that_is_too_large_is_missing() -> None:
    """A number beyond the range of a float affects its own cell only."""
    item = {
        "id": "a",
        "bbox": ["huge", 0, 1, 1],
        "assets": {"vv": {"href": "x", "proj:bbox": ["huge", 0, 1, 1]}},
        **properties(eo__cloud_cover="huge", sat__relative_orbit="huge", proj__epsg="huge"),
    }
    text = orjson.dumps({"features": [item]}).replace(b'"huge"', b"1" + b"0" * 400)
    (row,) = parse_items(
        decode_page(text).features or [], collection="c", assets=["vv"]
    ).to_pylist()
    assert row["assets"] == [("vv", "x")]
    for name in ("cloud_cover", "relative_orbit", "proj_epsg", "proj_bbox"):
        assert row[name] is None
    assert shapely.from_wkb(row["geometry"]).is_empty


@pytest.mark.parametrize(
    "bbox", [["-inf", 0, "inf", 1], ["nan", 0, 1, 1], ["x", 0, 1, 1], [0, 0, 1]]
)
def test_an_invalid_bbox_is_empty(bbox: list[Any]) -> None:
    """An item without geometry then has an empty footprint."""
    assert shapely.from_wkb(parse({"bbox": bbox})[0]["geometry"]).is_empty


def test_items_may_have_the_same_footprint() -> None:
    """Each has its own row; without a footprint, the bbox of each item is its extent."""
    ring = [[0, 0], [2, 0], [2, 1], [0, 0]]
    first = {"geometry": {"type": "Polygon", "coordinates": [ring]}}
    second = {"geometry": {"type": "Polygon", "coordinates": [[[5, 5], *ring[1:3], [5, 5]]]}}
    empty = {"geometry": {"type": "Polygon", "coordinates": []}}
    alone = {id(item): parse(item)[0]["geometry"] for item in (first, second)}
    for items in ([first, second, first], [second, second]):
        rows = parse(*items)
        assert [row["geometry"] for row in rows] == [alone[id(item)] for item in items]
        assert [row["extent"] for row in rows] == [None] * len(items)
    boxes = [0, 0, 1, 1], [3, 0, 4, 1]
    rows = parse(first, *({**empty, "bbox": box} for box in boxes), first)
    assert [row["geometry"] for row in rows[::3]] == [alone[id(first)]] * 2
    extents = [shapely.from_wkb(row["extent"]).bounds for row in rows[1:3]]
    assert extents == [tuple(box) for box in boxes]


def test_an_asset_is_there_if_it_has_an_href() -> None:
    """Assets without an href, or of a wrong type, count as missing.

    Other assets are left out.
    """
    assets = {
        "vv": {"href": "https://a/vv"},
        "vh": {"href": ""},
        "preview": {"href": "https://a/p"},
    }
    rows = parse(
        {"assets": assets}, {"assets": {"vv": None, "vh": {"title": "x"}}}, {"assets": None}
    )
    assert [row["assets"] for row in rows] == [[("vv", "https://a/vv")], [], []]


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://a/b.tif", "https://a/b.tif"),
        ("https://a/b.tif?st=1&sig=secret", "https://a/b.tif"),
        ("https://a/b.tif?X-Amz-Signature=secret", "https://a/b.tif"),
        ("https://a/b.tif?token=secret", "https://a/b.tif"),
        *(
            (f"https://a/b.tif?expires=1&{name}=secret", "https://a/b.tif")
            for name in (
                *(
                    "subscription-key",
                    "api_key",
                    "ApiKey",
                    "key",
                    "sas_token",
                    "jwt",
                    "auth",
                    "password",
                ),
                *(
                    "X-Amz-Security-Token",
                    "X-Amz-Credential",
                    "AWSAccessKeyId",
                    "GoogleAccessId",
                    "client%5Fsecret",
                ),
            )
        ),
        ("https://user:secret@a:80/b.tif", "https://a:80/b.tif"),
        ("https://user:p@ss@a/b@c.tif?x=@y#z", "https://a/b@c.tif?x=@y#z"),
        ("https://[b?x=1", "https://[b?x=1"),
        ("s3://bucket/a@b.tif", "s3://bucket/a@b.tif"),
        ("https://a/b?collection=x&item=y&monkeys=2", "https://a/b?collection=x&item=y&monkeys=2"),
    ],
)
def test_credentials_are_removed(href: str, kept: str) -> None:
    """A user is removed, and a query with a credential.

    Any other query stays, even if the href is not a URL.
    """
    assert unsigned(href) == kept
    assert parse({"assets": {"vv": {"href": href}}})[0]["assets"] == [("vv", kept)]


def test_odd_real_items_are_read(foreign_data: Path) -> None:
    """Items before ingest, with other channels or a bbox in metres, do not break a page."""
    folder = foreign_data / "planetary-computer" / "odd"
    items = [orjson.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    assert len(parse(*items)) == len(items) == 3


def test_page_is_decoded_with_its_links() -> None:
    """It has items, and a link to the next page."""
    page = decode_page(
        b'{"features": [{"id": "a", "geometry": null, "more": {"x": [1]}}],'
        b' "links": [{"rel": "next"}]}'
    )
    assert [item.id for item in page.features or []] == ["a"]
    assert page.links == [{"rel": "next"}]


def test_document_of_another_kind_has_no_features() -> None:
    """Such as a landing page."""
    assert decode_page(b'{"id": "catalog", "links": []}').features is None


def test_odd_members_count_as_missing() -> None:
    """An item with an odd asset, bbox or geometry is read without it."""
    assets = b'{"vv": "x", "vh": {"href": "h"}}'
    page = decode_page(
        b'{"features": [{"id": "a", "bbox": "x", "geometry": 3, "assets": '
        + assets
        + b'}], "links": 3}'
    )
    (item,) = page.features or []
    assert (item.bbox, bytes(item.geometry), list(item.assets or {}), page.links) == (
        None,
        b"null",
        ["vh"],
        [],
    )


@pytest.mark.parametrize("text", [b'{"features": [', b'{"features": [NaN]}', b"<html>", b""])
def test_a_text_that_is_not_json_is_an_error(text: bytes) -> None:
    """Such as half a page."""
    with pytest.raises(ValueError, match="the answer"):
        decode_page(text)


@pytest.mark.parametrize(
    "odd", ['{"id": ""}', '{"id": null}', '{"id": 5}', '{"id": ["a"]}', "{}", "3", "null", "[]"]
)
def test_a_feature_without_a_usable_id_is_dropped_and_counted(odd: str) -> None:
    """Nothing can refer to it: readers of manifests refuse such an id. The others are read."""
    page = decode_page(f'{{"features": [{odd}, {{"id": "a"}}, {odd}], "numberMatched": 3}}')
    assert [item.id for item in page.features or []] == ["a"]
    assert (page.n_dropped, page.matched) == (2, 3)


def test_edges_beyond_the_range_of_a_float_are_missing() -> None:
    """The edges of other items on the page are read."""
    items = b'{"id": "a", "assets": {"vv": {"href": "x", "proj:bbox": [%b, 0, 1, 1]}}}'
    page = b'{"features": [%b, %b]}' % (items % b"1e400", items % b"0")
    rows = parse_items(decode_page(page).features or [], collection="c", assets=["vv"]).to_pylist()
    assert [row["proj_bbox"] for row in rows] == [None, [0.0, 0.0, 1.0, 1.0]]
