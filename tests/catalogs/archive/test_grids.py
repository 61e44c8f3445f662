"""Pixel grids that are read as columns are those that are read row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from floodscan.catalogs.archive.grids import read_column_grids, read_row_grids

KEY = "B04"
UPRIGHT = [10.0, 0.0, 399960.0, 0.0, -10.0, 5300040.0, 0.0, 0.0, 1.0]
EDGES = [399960.0, 5190240.0, 509760.0, 5300040.0]
SHAPES = [[10980, 10980], [5490, 10980]]

FORMS = {
    "transforms": (None, [UPRIGHT, [20.0, *UPRIGHT[1:]]]),
    "six terms": (None, [UPRIGHT[:6]] * 2),
    "turned": (None, [UPRIGHT, [10.0, 0.5, *UPRIGHT[2:]]]),
    "from the south": (None, [UPRIGHT, [*UPRIGHT[:4], 10.0, *UPRIGHT[5:]]]),
    "not finite": (None, [UPRIGHT, [10.0, 0.0, float("nan"), *UPRIGHT[3:]]]),
    "edges": ([EDGES, EDGES], [UPRIGHT] * 2),
    "whole numbers": ([[1, 2, 3, 4]] * 2, None),
    "one transform": (None, [UPRIGHT, None]),
    "short": (None, [UPRIGHT, UPRIGHT[:5]]),
    "all short": (None, [UPRIGHT[:5]] * 2),
    "a term is missing": (None, [UPRIGHT, [10.0, None, *UPRIGHT[2:]]]),
    "one has edges": ([None, EDGES], [UPRIGHT] * 2),
    "three edges": ([EDGES[:3]] * 2, [UPRIGHT] * 2),
    "edges without an end": ([[*EDGES[:3], float("inf")]] * 2, [UPRIGHT] * 2),
    "nothing": (None, None),
}


@pytest.mark.parametrize("of_assets", [True, False])
@pytest.mark.parametrize("form", list(FORMS))
def test_columns_and_rows_give_the_same_grids(form: str, *, of_assets: bool) -> None:
    """Values of the asset, and of the whole item."""
    edges, transforms = FORMS[form]
    values = {"proj:bbox": edges, "proj:shape": SHAPES, "proj:transform": transforms}
    columns = {name: pa.array(each) for name, each in values.items() if each is not None}
    found = pa.table({"id": ["a", "b"]} if of_assets else {"id": ["a", "b"], **columns})
    members = {(KEY, name): column for name, column in columns.items()} if of_assets else {}
    rows: list[dict[str, dict[str, Any]]] = [
        {KEY: {name: column[n].as_py() for name, column in columns.items() if of_assets}}
        for n in range(2)
    ]
    by_column = read_column_grids(found, members, [KEY])
    by_row = read_row_grids(found, rows, [KEY])
    for one, other in zip(by_column, by_row, strict=True):
        assert one.type == other.type
        assert one.to_pylist() == other.to_pylist()


def test_an_upright_raster_has_the_edges_of_its_transform() -> None:
    """Rows go south, columns go east."""
    found = pa.table({"id": ["a"], "proj:shape": [SHAPES[1]], "proj:transform": [UPRIGHT]})
    edges, shapes = read_column_grids(found, {}, [KEY])
    assert edges.to_pylist() == [[399960.0, 5300040.0 - 54900.0, 509760.0, 5300040.0]]
    assert np.asarray(shapes.to_pylist()[0][0][1]).tolist() == SHAPES[1]
