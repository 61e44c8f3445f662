"""The garbage collector, which is off where many small objects are made."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def garbage_collector_off() -> Iterator[None]:
    """Switch the garbage collector off.

    The plans of a batch, and the choices and the manifests of its parts, are tens of thousands of
    small objects, and every few hundred of them start a collection. It finds nothing: they form no
    cycles, so their reference counts free them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
