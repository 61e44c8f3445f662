"""What no linter counts: functions of at most 40 lines, modules of at most 400."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    file
    for folder in ("floodscan", "benchmarks", "tests")
    for file in (ROOT / folder).rglob("*.py")
)
FUNCTION_LINES = 40
MODULE_LINES = 400


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_and_modules_are_short(module: Path) -> None:
    """Docstrings count, decorators don't."""
    text = module.read_text("utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
    assert len(text.splitlines()) <= MODULE_LINES
