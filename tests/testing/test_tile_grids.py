"""Where tiles lie."""

from __future__ import annotations

import pytest

from floodscan.testing.tile_grids import dem_column_width, tile_square


@pytest.mark.parametrize(
    ("tile", "square"),
    [
        ("31UGR", (32631, 699960, 5600040)),
        ("32ULA", (32632, 300000, 5600040)),
        ("47XML", (32647, 399960, 9100020)),
        ("35MNM", (32735, 499980, 9200020)),
        ("01KAB", (32701, 99960, 8200000)),
    ],
)
def test_tiles_lie_on_the_grid(tile: str, square: tuple[int, int, int]) -> None:
    """Corners are those in the metadata of real products, south of the equator too."""
    assert tile_square(tile) == square


@pytest.mark.parametrize(
    ("lat", "width"), [(0, 1), (49, 1), (50, 1.5), (-50, 1), (-51, 1.5), (84, 5), (-90, 10)]
)
def test_dem_columns_widen_towards_the_poles(lat: int, width: float) -> None:
    """The factor depends on the edge that is nearer to the equator."""
    assert dem_column_width(lat) == width
