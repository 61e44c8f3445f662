"""A map of the world in characters: coasts as dots of braille, and a mark where events are."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.parquet as pq
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_NORTH, _SOUTH = 84.0, -60.0
_BLANK: Final = 0x2800  # the braille pattern without dots; each dot is a bit
_BITS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_MARKS: Final = ((100, "█"), (10, "●"), (1, "○"))
_ASCII_MARKS: Final = ((100, "@"), (10, "O"), (1, "o"))


def draw_characters(
    points: Sequence[tuple[float, float]], width: int, *, ascii_only: bool = False
) -> Iterator[str]:
    """Draw a map from 84° N to 60° S, and a line that explains the marks.

    A character has two dots by four. Events farther north or south are drawn at the edge.

    Args:
        points: Longitude and latitude of each event, degrees.
        width: Number of characters of a line.
        ascii_only: True draws coasts as full stops, for terminals without other characters.
    """
    width = max(width, 10)
    height = max(round(width * (_NORTH - _SOUTH) / 360 / 2), 4)
    cells = _draw_coasts(width, height)
    lines = np.where(cells > 0, "." if ascii_only else _to_braille(cells), " ")
    columns, rows = _place(np.array(points), width, height)
    marks = _ASCII_MARKS if ascii_only else _MARKS
    places, counts = np.unique(np.stack([rows, columns]), axis=1, return_counts=True)
    for (row, column), count in zip(places.T, counts.tolist(), strict=True):
        lines[row, column] = next(mark for least, mark in marks if count >= least)
    yield from ("".join(line).rstrip() for line in lines)
    many, some, few = (mark for _, mark in marks)
    yield f"{few} 1 to 9 events   {some} 10 to 99   {many} 100 and more"


def _draw_coasts(width: int, height: int) -> NDArray[np.int64]:
    """Set the bits of the dots on coasts, shape (height, width)."""
    x, y = _place(_coast_points(), width * 2, height * 4)
    cells = np.zeros((height, width), dtype=np.int64)
    np.bitwise_or.at(cells, (y // 4, x // 2), _BITS[y % 4, x % 2])
    return cells


@lru_cache(maxsize=1)
def _coast_points() -> NDArray[np.float64]:
    """Read points on the coasts, less than half a degree apart, shape (n, 2)."""
    table = pq.read_table(
        str(files("floodscan.data") / "borders.parquet"), filters=[("kind", "==", "coast")]
    )
    lines = shapely.segmentize(shapely.from_wkb(table["geometry"].to_numpy()), 0.5)
    points: NDArray[np.float64] = shapely.get_coordinates(lines)
    return points[(points[:, 1] > _SOUTH) & (points[:, 1] < _NORTH)]


def _place(
    points: NDArray[np.float64], width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column and the row of each point on a grid, each of shape (n,)."""
    x = (points[:, 0] + 180) / 360 * width
    y = (_NORTH - points[:, 1]) / (_NORTH - _SOUTH) * height
    return (
        np.clip(x.astype(np.int64), 0, width - 1),
        np.clip(np.floor(y).astype(np.int64), 0, height - 1),
    )


def _to_braille(cells: NDArray[np.int64]) -> NDArray[np.str_]:
    letters: NDArray[np.str_] = np.vectorize(chr, otypes=["U1"])(cells + _BLANK)
    return letters
