"""Commands whose pyarrow does without pandas.

pyarrow imports pandas with the first array that it makes, only to recognise arrays of pandas. That
takes longer than a small scan, and these commands have no such arrays.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class CommandWithoutPandas(click.Command):
    """A command that keeps pyarrow from importing pandas."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as inherited
        """Run the command."""
        keep_pandas_out()
        return super().invoke(ctx)


def keep_pandas_out() -> None:
    """Let pyarrow look for pandas now, and not find it; everything else finds it later.

    pyarrow looks once in each process. ``Table.to_pandas`` works afterwards. ``Table.from_pandas``
    does not, because it would no longer take NaN for null; no such command may use it.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(hidden)


class _Hidden:
    """Hides pandas from the import system."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
        return None
