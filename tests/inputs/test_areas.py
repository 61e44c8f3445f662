"""Areas of events: repaired as footprints are, and never around the Earth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from floodscan.geometry.footprints import bbox_of, repair
from floodscan.inputs.areas import REPAIRED, SPLIT, parse_area, parse_bbox
from floodscan.inputs.notices import FieldError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

BOWTIE = shapely.from_wkt("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))")


def parse(value: object) -> tuple[BaseGeometry, BBox, list[str]]:
    """Parse an area; gives it, its bbox and the facts that are noted."""
    noted: list[str] = []

    def note(fact: str, *, detail: str = "") -> None:
        assert (fact == REPAIRED) == bool(detail)
        noted.append(fact)

    area, bbox = parse_area("geometry", value, note)
    assert area.is_valid
    return area, bbox, noted


def test_an_invalid_polygon_is_repaired_as_a_footprint_is() -> None:
    """And noted."""
    area, bbox, noted = parse(BOWTIE)
    assert area.equals(repair(np.array([BOWTIE], dtype=object))[0])
    assert (area.area, bbox, noted) == (0.5, (0, 0, 1, 1), [REPAIRED])


def test_a_valid_polygon_is_not_noted() -> None:
    """It stays as it is."""
    area, _, noted = parse(shapely.box(6, 49, 7, 50))
    assert (area.equals(shapely.box(6, 49, 7, 50)), noted) == (True, [])


RINGS = {
    "a jump from 177 to -179": [[177, -18], [-179, -18], [-179, -17], [177, -17], [177, -18]],
    "beyond 180": [[177, -18], [181, -18], [181, -17], [177, -17], [177, -18]],
    "beyond -180": [[-183, -18], [-179, -18], [-179, -17], [-183, -17], [-183, -18]],
}


@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS)
def test_a_ring_across_180_is_split_there(ring: list[list[float]]) -> None:
    """It is 4° wide, and not 356°."""
    area, bbox, noted = parse({"type": "Polygon", "coordinates": [ring]})
    assert area.equals(
        shapely.union_all([shapely.box(177, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
    )
    assert (bbox, noted) == ((177, -18, -179, -17), [SPLIT])


def test_an_invalid_ring_across_180_is_repaired_and_split() -> None:
    """Both are noted."""
    ring = [[177, -18], [-179, -17], [-179, -18], [177, -17], [177, -18]]
    area, bbox, noted = parse({"type": "Polygon", "coordinates": [ring]})
    assert area.area == pytest.approx(2)
    assert (bbox, noted) == ((177, -18, -179, -17), [REPAIRED, SPLIT])


def test_parts_on_both_sides_of_180_have_the_narrow_bbox() -> None:
    """Also if none of them touches 180°."""
    parts = [shapely.box(178, -18, 179, -17), shapely.box(-179, -18, -178, -17)]
    _, bbox, noted = parse(shapely.MultiPolygon(parts))
    assert (bbox, noted) == ((178, -18, -178, -17), [])


def test_bbox_of_parts_that_are_not_across_180_stays() -> None:
    """The gap between them is narrower than the rest of the Earth."""
    parts = [shapely.box(-80, 0, -79, 1), shapely.box(20, 0, 21, 1)]
    assert bbox_of(shapely.MultiPolygon(parts)) == (-80, 0, 21, 1)
    assert bbox_of(shapely.box(-180, -90, 180, 90)) == (-180, -90, 180, 90)


@pytest.mark.parametrize(
    "area",
    [
        shapely.box(-180, -90, 180, 90),
        shapely.segmentize(shapely.box(-180, -90, 180, 90), 1),
        shapely.segmentize(shapely.box(-170, 0, 170, 1), 1),
    ],
)
def test_an_area_around_the_earth_is_refused(area: BaseGeometry) -> None:
    """No flood is so wide."""
    with pytest.raises(FieldError, match="wider than half the Earth"):
        parse(area)


def test_one_area_has_one_form() -> None:
    """Whichever way its rings run, wherever they start, and with heights."""
    forms = [
        shapely.box(6, 49, 7, 50),
        shapely.box(6, 49, 7, 50, ccw=False),
        shapely.MultiPolygon([shapely.box(6, 49, 7, 50)]),
        shapely.force_3d(shapely.box(6, 49, 7, 50), 300),
        shapely.box(6, 49, 7, 50).wkb,
        "polygon z ((7 50 1, 6 50 1, 6 49 1, 7 49 1, 7 50 1))",
    ]
    assert len({parse(form)[0].wkb for form in forms}) == 1


@pytest.mark.parametrize("text", ["6, 49, 7, 50", "[6.0, 49, 7, 50]", "6 49 7 50", "(6;49;7;50)"])
def test_a_box_can_be_a_text(text: str) -> None:
    """As spreadsheets have it."""
    assert parse_bbox(text)[1] == (6, 49, 7, 50)
