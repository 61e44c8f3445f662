"""How cloudy a Sentinel-2 scene is: a climatology by latitude and season, and weather around it.

The weather is a smooth random field: a sum of waves on the sphere that move with time. So scenes
of neighbouring tiles in one pass have similar clouds, and scenes some days apart do not. The part
of the clouds that is drawn for each scene alone is small.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

CORRELATION_RADIANS = 0.1
"""Distance, from the centre of the Earth, at which the weather's correlation is 0.61: 640 km."""

CORRELATION_DAYS = 1.5
"""Time after which the weather's correlation is 0.61."""

# Mean cloud cover over land by latitude, north positive: round figures in the shape of the zonal
# means of MODIS. They follow the sun, 8° to the north in July and to the south in January.
# Source: King et al. 2013, https://doi.org/10.1109/TGRS.2012.2227333
_LATITUDES = (-60, -45, -30, -20, -10, 0, 10, 20, 30, 45, 60, 75)
_MEANS = (0.80, 0.65, 0.42, 0.42, 0.65, 0.75, 0.65, 0.42, 0.40, 0.58, 0.70, 0.70)
_SEASON_DEGREES = 8.0
_WARMEST_DAY = 200.0
_YEAR_DAYS = 365.2425
_DAY_MICROSECONDS = 86_400_000_000

_N_WAVES = 24
_SPREAD = 2.0  # of the weather; most scenes are then nearly clear or nearly overcast
_OWN_SHARE = 0.15  # of the variance, drawn for each scene
_LOGISTIC = 1.702  # a logistic curve this steep is within 0.01 of the normal distribution's
_DIGITS = 6


class _Waves(NamedTuple):
    """Waves with random directions, speeds and phases: shapes (w, 3), (w,) and (w,)."""

    vectors: Floats
    speeds: Floats
    phases: Floats


def mean_cover(lats: Floats, days: Floats) -> Floats:
    """Return the mean cloud cover of places, 0 to 1, shape (n,).

    Args:
        lats: Latitudes in degrees, shape (n,).
        days: Days since 1970, shape (n,).
    """
    season = np.cos(2 * np.pi * (days - _WARMEST_DAY) / _YEAR_DAYS)
    return np.asarray(np.interp(lats - _SEASON_DEGREES * season, _LATITUDES, _MEANS))


def cloud_cover(centres: Floats, starts: Integers, names: Integers, *, seed: int) -> Floats:
    """Draw the cloud cover of scenes.

    Args:
        centres: Longitudes and latitudes in degrees, shape (n, 2).
        starts: Microseconds since 1970, shape (n,).
        names: A number for each scene, from which its own share is drawn, shape (n,).
        seed: Another seed gives other weather.

    Returns:
        Percent, shape (n,). In the mean over many scenes this is the climatology.
    """
    days = starts / _DAY_MICROSECONDS
    weather = np.sqrt(1 - _OWN_SHARE) * _weather(centres, days, seed)
    weather += np.sqrt(_OWN_SHARE) * _logit(draw(names, seed=seed)) / _LOGISTIC
    means = mean_cover(centres[:, 1], days)
    # this shift keeps the mean: for a normal g, E[Phi(s g + m sqrt(1 + s^2))] = Phi(m)
    levels = _SPREAD * weather + _logit(means) / _LOGISTIC * np.sqrt(1 + _SPREAD**2)
    return np.asarray(np.round(100 / (1 + np.exp(-_LOGISTIC * levels)), _DIGITS))


def draw(names: Integers, *, seed: int) -> Floats:
    """Draw a number between 0 and 1 for each name, the same one each time, shape (n,).

    Source: SplitMix64, https://prng.di.unimi.it/splitmix64.c
    """
    state = names.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((state >> np.uint64(11)) + 0.5) / 2.0**53


def _weather(centres: Floats, days: Floats, seed: int) -> Floats:
    """Sum up the waves, with mean 0 and variance 1, shape (n,).

    The waves are added one by one: a matrix product may add in another order where the number of
    scenes differs, and the last digit of a sum depends on the order.
    """
    lons, lats = np.radians(centres).T
    x, y, z = np.cos(lats) * np.cos(lons), np.cos(lats) * np.sin(lons), np.sin(lats)
    total = np.zeros(len(days))
    for (a, b, c), speed, phase in zip(*_waves(seed), strict=True):
        total += np.cos(a * x + b * y + c * z + speed * days + phase)
    return np.asarray(total * np.sqrt(2 / _N_WAVES))


@cache
def _waves(seed: int) -> _Waves:
    random = np.random.default_rng(seed)
    return _Waves(
        random.normal(0, 1 / CORRELATION_RADIANS, (_N_WAVES, 3)),
        random.normal(0, 1 / CORRELATION_DAYS, _N_WAVES),
        random.uniform(0, 2 * np.pi, _N_WAVES),
    )


def _logit(shares: Floats) -> Floats:
    return np.asarray(np.log(shares / (1 - shares)))
