"""What no linter counts: functions of at most 40 lines, modules of at most 400."""

from __future__ import annotations

import ast
import re
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
RETIRED = re.compile(
    r"(?i:catalogue|lattice|turnstile|shortfall|told_elsewhere|put_behind)|\bgate\b|\bSpool\b|"
    r"\b(?:ApiCatalog|SnapshotCatalog|Tally|Unit|Fill|Facts|Promise|Finding|Gap|Problem|Place)\b"
    r"(?=[(\]:,.])"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_and_modules_are_short(module: Path) -> None:
    """Docstrings count, decorators don't."""
    text = module.read_text("utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
    assert len(text.splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_code_uses_no_retired_name(module: Path) -> None:
    """Names that misled readers stay away; the tests that list them are left out."""
    if module.name not in {"test_style.py", "test_documents.py"}:
        assert RETIRED.findall(module.read_text("utf-8")) == []
