"""Processes whose pyarrow does without pandas.

pyarrow imports pandas with the first array that it makes, only to recognise arrays of pandas. That
takes longer than a small scan, and nothing that floodscan's tasks handle is such an array.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def keep_pandas_out() -> None:
    """Let pyarrow look for pandas now, and not find it; everything else finds it later.

    pyarrow looks once in each process. ``Table.to_pandas`` works afterwards. ``Table.from_pandas``
    does not, because it would no longer take NaN for null; no such process may use it.
    """
    import pyarrow as pa  # noqa: PLC0415 - a command's help does without

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
