"""JSON and text that the commands print."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from floodscan.cli.output import print_json


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"a": 1},
        {"a": [], "b": {"c": [1, {"d": "x\ny"}], "e": {}}, "f": [{"g": [{}, [None]]}, 2]},
        [{"a": [1]}, {"b": {"c": []}}],
    ],
)
def test_json_is_indented_as_one_text(content: Any, capfdbinary: Any) -> None:  # noqa: ANN401
    """It is written entry by entry, and looks as if it were written at once."""
    print_json(content)
    printed = capfdbinary.readouterr().out
    assert printed == orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
