"""Transformers between coordinate systems, each opened once."""

from __future__ import annotations

import re
from functools import lru_cache

import pyproj

WGS84 = "OGC:CRS84"
"""WGS 84 with longitude first."""

_UTM = re.compile(r"EPSG:32(?P<half>[67])(?P<zone>0[1-9]|[1-5]\d|60)")


@lru_cache(maxsize=256)
def open_transformer(source: str, target: str) -> pyproj.Transformer:
    """Open the transformer from one system to another, x first.

    To open one takes as long as to transform thousands of points.
    """
    return pyproj.Transformer.from_crs(_spell_out(source), _spell_out(target), always_xy=True)


def _spell_out(crs: str) -> str:
    """Write the parameters of a UTM zone instead of its code.

    PROJ's database needs ten times as long to look the code up, and the coordinates are the same.
    """
    if found := _UTM.fullmatch(crs):
        south = " +south" if found["half"] == "7" else ""
        return f"+proj=utm +zone={int(found['zone'])}{south} +datum=WGS84 +type=crs"
    return crs
