"""How the program was started: commands that are printed can be pasted as they are."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import psutil

from floodscan.report.screen import path_from_here

_NAME = "floodscan"
_LAUNCHER = "uv"
_MODULE = Path(__file__).parent.parent / "__main__.py"


def command(*words: str) -> str:
    """Write a command of floodscan, started as this process was.

    Args:
        *words: The command and its arguments.
    """
    return shlex.join([*started_as(), *words])


def started_as() -> list[str]:
    """Return the words before the arguments of this process.

    Such as ``floodscan``, ``.venv/bin/floodscan``, ``python -m floodscan`` or
    ``uv run --no-dev floodscan``.
    """
    program, *arguments = sys.argv
    if launched := _find_launcher(arguments):
        return launched
    if Path(program) == _MODULE:
        return sys.orig_argv[: len(sys.orig_argv) - len(arguments)]
    found = shutil.which(_NAME)
    path = Path(program)
    if path.name != _NAME or path == Path(_NAME) or (found and path.samefile(found)):
        return [_NAME]
    return [path_from_here(path)]


def _find_launcher(arguments: list[str]) -> list[str]:
    """Return the words of uv, if it started this process with these arguments."""
    try:
        parent = psutil.Process().parent()
        words = [] if parent is None else parent.cmdline()
    except psutil.Error:
        return []
    before = words[: len(words) - len(arguments)]
    is_launcher = before and Path(before[0]).name == _LAUNCHER and before[-1] == _NAME
    return before if is_launcher and words == [*before, *arguments] else []
