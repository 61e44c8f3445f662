"""Each kind of list is recognised, and becomes the events that its rows say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
import shapely

from floodscan.errors import EventWarning
from floodscan.event_lists.convert import convert_list
from floodscan.event_lists.kinds import ListKind, recognise
from tests.event_lists.made_up import (
    BOW,
    CATALOG_YAML,
    HOLE,
    KML,
    RING,
    SQUARE,
    activation,
    answer,
    collection,
    convert,
    database,
    episode,
    observatory,
    product,
    quoted,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

ACTIVATIONS = {
    "EMSR470": {
        "title": "Flood in Togo",
        "country": "Togo",
        "start": "2020-10-07T07:59:00",
        "end": "2020-10-12T14:20:43",
        "lat": 10.3,
        "lon": 0.5,
    }
}


def test_each_area_of_an_activation_is_an_event_from_the_time_of_the_event(tmp_path: Path) -> None:
    """The onset is the time of the event, not that of the activation a day later."""
    done = convert(write(tmp_path / "list.json", answer(activation())))
    assert (done.kind, done.rejected) == (ListKind.EMS, [])
    first, second = done.events.to_pylist()
    assert [first["event_id"], second["event_id"]] == ["EMSR001_AOI01", "EMSR001_AOI02"]
    assert first["onset"] == datetime(2026, 3, 31, 15, tzinfo=UTC)
    assert first["event_date"] == date(2026, 3, 31)
    assert (first["date_kind"], first["assumed_onset_hour"]) == ("onset", None)
    assert (first["name"], first["country"]) == ("Flood in Nowhere: Upper", "Nowhere")


def test_the_scenes_of_experts_are_kept_in_order_of_time(tmp_path: Path) -> None:
    """Each once, with satellite and product."""
    twice = [product("DEL", "ICEYE", "2026-04-03T16:16:00")] * 2
    aoi = activation()["aois"][0]
    aoi["products"] += twice
    done = convert(write(tmp_path / "one.json", activation(aois=[aoi])))
    (event,) = done.events.to_pylist()
    scenes = [(s["satellite"], s["product"], s["time"].day) for s in event["expert_scenes"]]
    assert scenes == [("Sentinel-1", "FEP", 1), ("Sentinel-1", "DEL", 2), ("ICEYE", "DEL", 3)]


def test_an_activation_without_the_time_of_its_event_is_dated_by_the_activation(
    tmp_path: Path,
) -> None:
    """And says so, because scenes of the days before may show water."""
    done = convert(write(tmp_path / "list.json", answer(activation(eventTime=None))))
    event = done.events.to_pylist()[0]
    assert (event["date_kind"], event["onset"]) == ("activation", None)
    assert event["event_date"] == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("changes", "n_events"),
    [
        ({"category": "Wildfire", "subCategory": "Forest fire", "name": "Fire"}, 0),
        ({"category": "Storm", "subCategory": "Tropical cyclone", "name": "Storm Zoe"}, 2),
        ({"category": "Other", "subCategory": "Flash flood", "name": "Rain"}, 2),
        ({"category": None, "subCategory": None, "name": None}, 0),
    ],
    ids=["wildfire", "storm", "subcategory", "nothing"],
)
def test_only_activations_that_may_be_floods_are_taken(
    changes: dict[str, str | None], n_events: int, tmp_path: Path
) -> None:
    """Storms may be floods."""
    done = convert(write(tmp_path / "list.json", answer(activation(**changes))))
    assert len(done.events) == n_events
    assert [each.field for each in done.rejected] == ([] if n_events else ["category"])


def test_the_centre_of_an_activation_is_an_area_only_with_a_radius(tmp_path: Path) -> None:
    """As the API lists activations; the reason says how to get the areas."""
    listed = activation(aois=..., centroid="POINT (6.5 49.5)")
    path = write(tmp_path / "list.json", answer(listed))
    (rejected,) = convert(path).rejected
    assert "floodscan events fetch EMSR001 gets the areas" in rejected.reason
    (event,) = convert(path, buffer_km=10.0).events.to_pylist()
    assert event["event_id"] == "EMSR001"
    assert event["area_km2"] == pytest.approx(314, rel=0.01)


def test_a_page_of_a_longer_list_is_noted(tmp_path: Path) -> None:
    """The API gives a list page by page."""
    path = write(tmp_path / "list.json", answer(activation()) | {"count": 224})
    with pytest.warns(EventWarning, match=r"list.json is a page with 1 of 224 activations"):
        convert_list([path])


def test_global_flood_database_has_american_dates_and_kml(tmp_path: Path) -> None:
    """Its dates are days on which floods began, so that noon is assumed."""
    kml, island = quoted(KML.format(RING)), quoted(HOLE)
    text = database(f"1586|2/18/2015|3/1/2015|{kml}", f"1587|12/7/2016|1/2/2017|{island}")
    done = convert(write(tmp_path / "gfd.csv", text))
    assert done.kind == ListKind.GFD
    first, second = done.events.to_pylist()
    assert (first["event_id"], first["event_date"]) == ("GFD_1586", date(2015, 2, 18))
    assert (first["assumed_onset_hour"], first["onset"]) == (12.0, None)
    assert first["end"] == datetime(2015, 3, 1, 23, 59, 59, tzinfo=UTC)
    assert shapely.from_wkb(first["geometry"]).equals(shapely.from_wkt(SQUARE))
    assert shapely.from_wkb(second["geometry"]).area == 81 - 9


def test_dartmouth_shapefile_has_short_names_invalid_areas_and_an_id_twice(tmp_path: Path) -> None:
    """All rows are kept: the outline is repaired, and the second id gets a number."""
    path = observatory(tmp_path / "dfo.shp", [shapely.box(0, 0, 1, 1), BOW], [278, 278])
    done = convert(path)
    assert (done.kind, done.rejected) == (ListKind.DARTMOUTH, [])
    events = done.events.to_pylist()
    assert [each["event_id"] for each in events] == ["DFO_278", "DFO_278_2"]
    assert all(shapely.from_wkb(each["geometry"]).is_valid for each in events)
    assert (events[0]["country"], events[0]["assumed_onset_hour"]) == ("Nowhere", 12.0)


def test_episodes_of_a_flood_are_one_event_in_any_order_of_the_files(tmp_path: Path) -> None:
    """The affected areas are joined; the centre and the sum of all areas are left out."""
    whole = episode(2, "Poly_Global", west=50.0)
    paths = [
        write(tmp_path / "event.json", episode(1, "Point_Centroid")),
        write(tmp_path / "first.json", collection(episode(1))),
        write(tmp_path / "second.json", collection(episode(2, west=5.0), whole)),
    ]
    done = convert(*paths)
    (event,) = done.events.to_pylist()
    assert (done.kind, event["event_id"]) == (ListKind.GDACS, "GDACS_FL_7")
    assert shapely.from_wkb(event["geometry"]).area == 2
    assert event["onset"] == datetime(2024, 10, 27, 15, tzinfo=UTC)
    assert event["end"] == datetime(2024, 11, 4, 11, tzinfo=UTC)
    assert convert(*paths[::-1]).events.equals(done.events)


def test_point_of_gdacs_names_what_is_missing(tmp_path: Path) -> None:
    """The files of geometries."""
    (rejected,) = convert(write(tmp_path / "e.json", episode(1, "Point_Centroid"))).rejected
    assert "add the files of geometries" in rejected.reason
    (cyclone,) = convert(write(tmp_path / "e.json", episode(1, eventtype="TC"))).rejected
    assert cyclone.reason == "is 'TC', which is no flood"


def test_mmflood_is_dated_by_activations(tmp_path: Path) -> None:
    """Its points become circles."""
    path = write(tmp_path / "activations.json", ACTIVATIONS)
    assert [each.field for each in convert(path).rejected] == ["geometry"]
    (event,) = convert(path, buffer_km=5.0).events.to_pylist()
    assert (event["event_id"], event["date_kind"]) == ("EMSR470", "activation")
    assert (event["event_date"], event["onset"]) == (date(2020, 10, 7), None)


def test_kuro_siwo_takes_areas_of_another_list(tmp_path: Path) -> None:
    """By the area's id, or by that of its activation; the others are rejected."""
    path = write(tmp_path / "catalog.yaml", CATALOG_YAML)
    assert [each.field for each in convert(path).rejected] == ["geometry"] * 3
    areas = {"EMSR470_AOI01": shapely.box(0, 0, 1, 1), "EMSR470": shapely.box(0, 0, 9, 9)}
    done = convert(path, areas=areas)
    first, second = done.events.to_pylist()
    assert [first["event_id"], second["event_id"]] == ["EMSR470_AOI01", "EMSR470_AOI02"]
    assert first["onset"] == datetime(2020, 10, 5, 18, tzinfo=UTC)
    assert [shapely.from_wkb(each["geometry"]).area for each in (first, second)] == [1, 81]
    assert "neither KS_1111002_01" in done.rejected[0].reason


def test_hours_of_kuro_siwo_are_taken_from_activations_only(tmp_path: Path) -> None:
    """Its own floods all have the hour 08:00, which is made up."""
    path = write(tmp_path / "catalog.yaml", CATALOG_YAML)
    (event,) = convert(path, areas={"KS_1111002_01": shapely.box(0, 0, 1, 1)}).events.to_pylist()
    assert (event["event_date"], event["onset"]) == (date(2020, 9, 14), None)


def test_geojson_of_another_origin_is_a_table(tmp_path: Path) -> None:
    """A feature of GDACS is known by its properties."""
    plain = {**episode(1), "properties": {"event_id": "e", "event_date": "2021-07-15"}}
    assert recognise(write(tmp_path / "a.geojson", collection(plain))) == ListKind.TABLE
    assert recognise(write(tmp_path / "b.geojson", collection(episode(1)))) == ListKind.GDACS
