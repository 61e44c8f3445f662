"""Transformers between coordinate systems, opened once."""

from __future__ import annotations

import re
from functools import lru_cache

import pyproj

WGS84 = "OGC:CRS84"
"""WGS 84 with longitude first."""

_UTM = re.compile(r"EPSG:32(?P<half>[67])(?P<zone>0[1-9]|[1-5]\d|60)")


@lru_cache(maxsize=256)
def open_transformer(source: str, target: str) -> pyproj.Transformer:
    """Open the way from one system to another, x first.

    Opening one takes as long as moving thousands of points.
    """
    return pyproj.Transformer.from_crs(_spell_out(source), _spell_out(target), always_xy=True)


def _spell_out(crs: str) -> str:
    """Spell out a UTM zone's code: looking it up in PROJ's database takes ten times as long, for the same numbers."""
    if found := _UTM.fullmatch(crs):
        south = " +south" if found["half"] == "7" else ""
        return f"+proj=utm +zone={int(found['zone'])}{south} +datum=WGS84 +type=crs"
    return crs
