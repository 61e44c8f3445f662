"""Recipes: defaults, changes by a file, and messages about invalid values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from floodscan import Recipe, RecipeError, Sensor, load_recipe
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import TimeWindow

if TYPE_CHECKING:
    from pathlib import Path


def load(tmp_path: Path, text: str) -> Recipe:
    """Load a recipe with a text."""
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    return load_recipe(file)


def test_empty_recipe_is_the_default(tmp_path: Path) -> None:
    """A missing key keeps the published value."""
    assert load(tmp_path, "") == Recipe() == load_recipe(None)


def test_recipe_changes_only_the_keys_in_it(tmp_path: Path) -> None:
    """Other keys keep their defaults."""
    top = 'tile_size_m = 10000\nsensors = ["S2L2A", "DEM"]\n'
    text = f'{top}[S2L2A]\nmax_cloud_percent = 40\nassets = ["B03", "B11"]\n'
    recipe = load(tmp_path, text)
    assert list(recipe.sensors) == [Sensor.S2L2A, Sensor.DEM]
    assert recipe.sensors[Sensor.S2L2A].max_cloud_percent == 40.0
    assert recipe.sensors[Sensor.S2L2A].assets == ("B03", "B11")
    assert recipe.sensors[Sensor.S2L2A].window_days == 10
    assert recipe.tile_size_m == 10_000


BAD = {
    "broken": ("policy = ", "not a TOML file"),
    "unknown key": ("polcy = 'reference'", "'polcy': unknown; did you mean 'policy'?"),
    "unknown policy": ("policy = 'best'", "'policy': 'best' is unknown"),
    "unknown sensor": ("sensors = ['S1GRD']", "'sensors': 'S1GRD' is unknown"),
    "no sensor": ("sensors = []", "at least one"),
    "sensor no table": ("DEM = 3", "'DEM': must be a table"),
    "unknown sensor key": ("[S2L2A]\nclouds = 3", "'S2L2A.clouds': unknown"),
    "key of another sensor": (
        "[S1RTC]\nmax_cloud_percent = 3",
        "'S1RTC.max_cloud_percent': unknown",
    ),
    "negative window": ("[S1RTC]\nwindow_days = -1", "'S1RTC.window_days': must be between"),
    "text as window": (
        "[S1RTC]\nwindow_days = 'four'",
        "'S1RTC.window_days': must be a whole number",
    ),
    "products of an optical sensor": (
        "[S2L2A]\nacquired_in = 'sentinel-2-l1c'",
        "'S2L2A.acquired_in': unknown",
    ),
    "products that are the scenes": (
        "[S1RTC]\nacquired_in = 'sentinel-1-rtc'",
        "'S1RTC.acquired_in': must not be the collection of a sensor",
    ),
    "cloud above all": ("[S2L2A]\nmax_cloud_percent = 101", "at most 100"),
    "text as cloud": ("[S2L2A]\nmax_cloud_percent = 'few'", "must be a number"),
    "empty asset": ("[DEM]\nassets = ['']", "list of texts"),
    "asset twice": ("[DEM]\nassets = ['data', 'data']", "twice"),
    "empty collection": ("[DEM]\ncollection = ''", "must be a text"),
    "mosaics that are no choice": ("mosaics = 'no'", "'mosaics': must be true or false"),
    "tile of no size": ("tile_size_m = 0", "above 0"),
    "offsets out of order": ("[phase_offset_days]\npre_event = 9", "must grow"),
    "unknown phase": ("[phase_offset_days]\nbefore = 9", "'phase_offset_days.before': unknown"),
    "prices that are no table": ("searches = 1", "field 'searches': must be a table"),
    "an unknown price": ("[searches]\nrequest_item = 1", "did you mean 'request_items'?"),
    "a price below zero": (
        "[searches]\nrequest_items = -1",
        "field 'searches.request_items': must be above 0",
    ),
    "pages of nothing": (
        "[searches]\npage_items = 0",
        "field 'searches.page_items': must be at least 1",
    ),
    "a price of no sensor": (
        "[searches.items_per_day]\nS3 = 1",
        "field 'searches.items_per_day.S3': unknown",
    ),
    "a price that is no number": (
        "[searches.footprint_degrees]\nDEM = 'x'",
        "field 'searches.footprint_degrees.DEM': must be a number",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_invalid_recipe_is_reported_with_its_field(tmp_path: Path, case: str) -> None:
    """The message has file and field, and the valid values."""
    text, expected = BAD[case]
    with pytest.raises(RecipeError) as error:
        load(tmp_path, text)
    assert expected in str(error.value)
    assert "recipe.toml" in str(error.value)


def test_the_collection_of_products_is_a_rule_like_others(tmp_path: Path) -> None:
    """It may have a source, and run.json has it; without it, nothing is written."""
    text = "[S1RTC]\nacquired_in = 'sentinel-1-grd'\n[sources]\nsentinel-1-grd = 'demo'"
    recipe = load(tmp_path, text)
    assert recipe.checks == ["sentinel-1-grd"]
    assert recipe.collections[-1] == "sentinel-1-grd"
    written = recipe.to_dict()
    assert recipe_from_dict(written, source="run.json").to_dict() == written
    assert recipe.without_checks().to_dict() == Recipe().to_dict()
    assert "acquired_in" not in Recipe().to_dict()["sensors"]["S1RTC"]


def test_missing_recipe_is_reported(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(RecipeError, match=r"none\.toml: No such file"):
        load_recipe(tmp_path / "none.toml")


def test_window_spans_whole_days() -> None:
    """A window of four days runs from 00:00:00 four days before to 23:59:59 four days after."""
    window = TimeWindow.around(date(2021, 6, 15), 4)
    assert window.start == datetime(2021, 6, 11, tzinfo=UTC)
    assert window.end == datetime(2021, 6, 19, 23, 59, 59, tzinfo=UTC)
    assert str(window) == "2021-06-11T00:00:00Z/2021-06-19T23:59:59Z"


def test_window_cannot_end_before_it_starts() -> None:
    """ValueError is raised."""
    with pytest.raises(ValueError, match="can't end"):
        TimeWindow(datetime(2021, 6, 2, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC))


def test_prices_of_searches_are_read_and_do_not_change_the_run(
    tmp_path: Path,
) -> None:
    """They are not in the recipe of manifests and of the run's id."""
    recipe = load(tmp_path, "[searches]\nrequest_items = 0\n[searches.items_per_day]\nDEM = 2")
    assert recipe.searches.request_items == 0
    assert recipe.searches.page_items == Recipe().searches.page_items
    assert recipe.searches.items_per_day == {**Recipe().searches.items_per_day, Sensor.DEM: 2.0}
    assert recipe.to_dict() == Recipe().to_dict()
