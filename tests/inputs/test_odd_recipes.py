"""Odd recipes: each is read, or refused by an error with its file and its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodscan import Phase, Recipe, RecipeError, Sensor, load_recipe
from floodscan.inputs.recipe_files import parse_recipe

if TYPE_CHECKING:
    from pathlib import Path

ODD: dict[str, tuple[bytes, str]] = {
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0", "not a TOML file"),
    "NUL": (b"\0\0\0", "not a TOML file"),
    "Latin-1": ("# été\n".encode("latin-1"), "not a TOML file"),
    "deep lists": (b"relax = " + b"[" * 100_000, "not a TOML file"),
    "deep tables": (b"a" + b".a" * 1_500 + b" = 1", "recipe.toml"),
    "json": (b'{"policy": "reference"}', "not a TOML file"),
    "a key twice": (b"policy = 'reference'\npolicy = 'reference'", "not a TOML file"),
    "a huge window": (b"[S1RTC]\nwindow_days = 9223372036854775807", "'S1RTC.window_days'"),
    "a huge offset": (
        b"[phase_offset_days]\npost_event = 99999999999",
        "field 'phase_offset_days.post_event': must be between -3660 and 3660 days",
    ),
    "an offset before history": (
        b"[phase_offset_days]\npre_month = -999999",
        "field 'phase_offset_days.pre_month': must be between",
    ),
    "a huge tile": (b"tile_size_m = inf", "field 'tile_size_m'"),
    "a number of too many digits": (b"tile_size_m = 1" + b"0" * 5000, "recipe.toml"),
    "nan as share": (b"min_coverage = nan", "field 'min_coverage'"),
    "a date as policy": (b"policy = 2021-07-15", "field 'policy'"),
    "a list as policy": (b"policy = ['reference']", "field 'policy'"),
    "lists as sensors": (b"sensors = [['S1RTC']]", "field 'sensors'"),
    "a step that is a number": (b"relax = [1]", "field 'relax'"),
    "a step of a list": (b"[[relax]]\nsensor = ['S1RTC']", "field 'relax 1.sensor'"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_recipe_is_refused(case: str, tmp_path: Path) -> None:
    """There is no traceback."""
    content, expected = ODD[case]
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(RecipeError) as error:
        load_recipe(tmp_path / "recipe.toml")
    assert expected in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_recipe_of_an_editor_with_a_byte_order_mark_is_read(encoding: str, tmp_path: Path) -> None:
    """As Windows saves it."""
    (tmp_path / "recipe.toml").write_bytes("policy = 'change-detection'".encode(encoding))
    assert load_recipe(tmp_path / "recipe.toml").policy == "change-detection"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """The message is that of the system."""
    with pytest.raises(RecipeError, match="Is a directory"):
        load_recipe(tmp_path)


_VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.dates()
    | st.text(max_size=4)
    | st.sampled_from(["reference", "S1RTC", "S2L2A", "VV"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["sensor", "window_days", "max_cloud_percent", "mixed_track", "assets", "collection",
             "polarizations", "items_per_day", "page_items", *Phase, *Sensor]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(raw=st.dictionaries(st.sampled_from([*Recipe().to_dict(), "searches", *Sensor]), _VALUES))
def test_any_values_are_read_or_refused(raw: dict[str, Any]) -> None:
    """Whatever TOML stands for a key."""
    try:
        assert isinstance(parse_recipe(raw, source="recipe.toml"), Recipe)
    except RecipeError as err:
        assert "recipe.toml: " in str(err)  # noqa: PT017 - an error need not come
