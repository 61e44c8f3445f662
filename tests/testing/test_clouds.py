"""Clouds of generated scenes: a climatology, and weather that neighbours share."""

from __future__ import annotations

import numpy as np
import pytest

from floodscan.testing.clouds import cloud_cover, draw, mean_cover

DAY = 86_400_000_000
N = 100_000


def over(lat: float, *, lon: float = 0.0, days: float = 0.0, seed: int = 0) -> np.ndarray:
    """Draw the clouds of many scenes at a latitude, some degrees and days from the usual ones."""
    random = np.random.default_rng(1)
    lons, starts = random.uniform(-180, 180, N), random.integers(16_000 * DAY, 19_000 * DAY, N)
    centres = np.stack([lons + lon, np.full(N, lat)], axis=1)
    names = np.arange(N) + int(1e6 * (lon + days))  # other scenes have other names
    return cloud_cover(centres, starts + int(days * DAY), names, seed=seed)


@pytest.mark.parametrize("lat", [-20.0, 5.0, 50.0])
def test_the_mean_is_the_climatology(lat: float) -> None:
    """The mean of many scenes over eight years is that of their latitude and days."""
    days = np.arange(16_000.0, 19_000.0)
    expected = 100 * mean_cover(np.full(len(days), lat), days).mean()
    assert over(lat).mean() == pytest.approx(expected, abs=3)


def test_the_tropics_have_a_dry_and_a_wet_season() -> None:
    """The belt of clouds follows the sun over the equator."""
    january, july = (mean_cover(np.array([-10.0, 10.0]), np.full(2, day)) for day in (15.0, 196.0))
    assert january[0] > july[0] + 0.1
    assert july[1] > january[1] + 0.1


def test_most_scenes_are_nearly_clear_or_nearly_overcast() -> None:
    """The extremes are more frequent than the middle."""
    counts, _ = np.histogram(over(50.0), [0, 20, 40, 60, 80, 100])
    assert counts.argmin() in {1, 2}
    assert counts[0] > 1.5 * counts[1]
    assert counts[4] > 3 * counts[2]


@pytest.mark.parametrize(
    ("lon", "days", "least", "most"),
    [
        (0.0, 0.0, 1.0, 1.0),
        (1.4, 0.0, 0.6, 0.9),  # 100 km
        (7.0, 0.0, 0.3, 0.65),
        (60.0, 0.0, -0.15, 0.15),
        (0.0, 10.0, -0.15, 0.15),
    ],
)
def test_neighbours_share_the_weather(lon: float, days: float, least: float, most: float) -> None:
    """The correlation falls with distance, and with time to nothing."""
    near = np.corrcoef(over(50.0), over(50.0, lon=lon, days=days))[0, 1]
    assert least - 1e-9 <= near <= most + 1e-9


def test_the_weather_comes_from_the_seed() -> None:
    """The same seed gives the same clouds, whichever scenes are drawn together."""
    centres, starts, names = np.full((9, 2), 48.0), np.arange(9) * DAY, np.arange(9)
    whole = cloud_cover(centres, starts, names, seed=7)
    parts = [cloud_cover(centres[i:], starts[i:], names[i:], seed=7)[0] for i in range(9)]
    np.testing.assert_array_equal(whole, parts)
    assert np.abs(whole - cloud_cover(centres, starts, names, seed=8)).max() > 1


def test_numbers_are_drawn_evenly() -> None:
    """Names in a row get numbers all over the range, each its own."""
    numbers = draw(np.arange(N), seed=0)
    assert len(np.unique(numbers)) == N
    counts, _ = np.histogram(numbers, 10, (0, 1))
    assert counts.min() > 0.97 * N / 10
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
