"""Packages that the code imports are declared."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import floodscan

PACKAGE = Path(floodscan.__file__).parent
TESTING = PACKAGE / "testing"  # needs the development dependencies


def imported_modules() -> set[str]:
    """Return the first part of each name that the package imports, its own and Python's aside."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if TESTING in file.parents:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"floodscan"}


def test_every_imported_package_is_declared() -> None:
    """None is there only because another package happens to depend on it."""
    declared = {canonicalize_name(Requirement(each).name) for each in requires("floodscan") or ()}
    packages = packages_distributions()
    names = {module: set(map(canonicalize_name, packages[module])) for module in imported_modules()}
    assert {module for module, known in names.items() if known.isdisjoint(declared)} == set()
