"""Made-up clouds over areas, and what a reader of the scene classification would find there.

The clouds of a pass are where a smooth random field is high. In each scene they cover the share
that its cloud cover says. Their shadows lie beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely

from floodscan.model import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Classes = NDArray[np.uint8]
    Floats = NDArray[np.float64]

NODATA, DARK, SHADOW, PLANT, WATER, CLOUD, SNOW = 0, 2, 3, 4, 6, 9, 11
RESOLUTION_M = 160.0

_FRACTIONS: Final[Mapping[str, tuple[int, ...]]] = {
    "clear_frac": (4, 5, 7),
    "cloud_frac": (8, 9, 10),
    "shadow_frac": (SHADOW,),
    "dark_frac": (DARK,),
    "snow_frac": (SNOW,),
    "water_frac": (WATER,),
    "nodata_frac": (NODATA, 1),
}
_CLEAR: Final = (4, 5, 6, 7)
_CLEAR_IN_FLOOD: Final = (*_CLEAR, DARK, SHADOW)

# Most of the variance is in large fields of clouds; single clouds break their edges up.
_WAVELENGTHS_KM: Final = (160.0, 80.0, 40.0, 20.0, 10.0, 5.0)
_WAVES_EACH: Final = 5
_DEGREE_KM: Final = 111.2
_SHADOW_KM: Final = 3.0
_GRID: Final = 24


class Places(NamedTuple):
    """Places in degrees, shape (n,) each."""

    lons: Floats
    lats: Floats


def draw_field(places: Places, seed: int) -> Floats:
    """Draw the field of a pass at some places, with mean 0 and variance 1, shape (n,)."""
    random = np.random.default_rng(seed)
    scales = np.repeat(_WAVELENGTHS_KM, _WAVES_EACH)
    angles, phases = random.uniform(0, 2 * np.pi, (2, len(scales)))
    weights = scales / np.sqrt((scales**2).sum() / 2)
    east = places.lons * _DEGREE_KM * np.cos(np.radians(places.lats))
    north = places.lats * _DEGREE_KM
    total = np.zeros(len(places.lons))
    for scale, angle, phase, weight in zip(scales, angles, phases, weights, strict=True):
        along = (east * np.cos(angle) + north * np.sin(angle)) / scale
        total += weight * np.cos(2 * np.pi * along + phase)
    return total


def find_level(footprint: BaseGeometry, percent: float, seed: int) -> float:
    """Find above which level of a pass's field there is cloud, so that a scene has a cloud cover.

    Args:
        footprint: Of the scene.
        percent: Its cloud cover.
        seed: Of the pass.
    """
    west, south, east, north = footprint.bounds
    lons, lats = np.meshgrid(np.linspace(west, east, _GRID), np.linspace(south, north, _GRID))
    inside = shapely.contains_xy(footprint, lons, lats)
    field = draw_field(Places(lons[inside], lats[inside]), seed)
    return float(np.quantile(field, 1 - min(max(percent, 0), 100) / 100))


def shift_to_shadow(places: Places) -> Places:
    """Return where the clouds are that throw their shadows on some places."""
    return Places(places.lons, places.lats - _SHADOW_KM / _DEGREE_KM)


def describe_ground(classes: Classes, phase: str | None, *, placed: bool = True) -> dict[str, Any]:
    """Return the columns of CANDIDATES for the classes at a target's sample points.

    Args:
        classes: Of the scene classification, shape (4096,).
        phase: Of the row.
        placed: Whether the places of the classes are known, and not only their shares.
    """
    counts = np.bincount(classes, minlength=12) / len(classes)
    late = phase in {Phase.EVENT, Phase.POST_EVENT}
    clear = np.isin(classes, _CLEAR_IN_FLOOD if late else _CLEAR)
    return {
        **{name: float(counts[[*own]].sum()) for name, own in _FRACTIONS.items()},
        "clear_source": "overview" if placed else "statistics",
        "clear_resolution_m": RESOLUTION_M,
        "clear_points": np.packbits(clear, bitorder="little").tobytes() if placed else None,
    }
