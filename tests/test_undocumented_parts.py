"""Parts of other packages that we use without a promise in their documentation are still there."""

from __future__ import annotations

import inspect
import re
import sys
from pydoc import locate
from typing import Any

import pytest

from floodscan.catalogs import connections
from floodscan.clusters.reliable_slurm import cluster
from floodscan.engine import rate_limiter

PARTS = {**connections.UNDOCUMENTED, **rate_limiter.UNDOCUMENTED, **cluster.UNDOCUMENTED}


def has(owner: Any, name: str) -> bool:  # noqa: ANN401 - a module or a class
    """Return whether a module or a class has a member, or whether its objects are given one."""
    if hasattr(owner, name) or not inspect.isclass(owner):
        return hasattr(owner, name)
    written = [each for each in owner.__mro__ if each.__module__ not in sys.builtin_module_names]
    return any(re.search(rf"\bself\.{name}\b.*=", inspect.getsource(each)) for each in written)


@pytest.mark.parametrize("part", PARTS)
def test_undocumented_part_is_there(part: str) -> None:
    """A new version that lacks it is reported with what breaks."""
    place, _, name = part.rpartition(".")
    owner = locate(place)
    assert owner, f"{place} is gone: {PARTS[part]}"
    assert has(owner, name), f"{part} is gone: {PARTS[part]}"


def test_a_part_that_is_gone_is_noticed() -> None:
    """The test above would not pass for any name."""
    assert not has(locate("distributed.Scheduler"), "tasks_of_nobody")
    assert not has(locate("distributed.utils"), "syncs")
