"""Fixtures that all tests share, the marks of each test, and how tests spread over processes.

Fixtures for every test (`autouse`):

- `own_cache`: answers of catalogs are kept in a folder of the session, not in the user's.
- `heeded_interrupts`: processes that tests start react to Ctrl-C.

Fixtures of `tests.servers.fixtures`: `lean_api`, `pgstac_api`, `sas_endpoint`, `local_signing`,
`served_items`, and `foreign_data` with the APIs that serve it.

Marks come from the folder of a test and from the fixtures it uses, so a new test gets them without
being told; only a test elsewhere that starts processes names the mark `processes` itself.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytest_plugins = ["tests.servers.fixtures"]

# A run starts some two hundred interpreters. Each takes two seconds longer where none may keep
# bytecode for the next, as in many containers.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TESTS: Final = Path(__file__).parent

FOLDER_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "slurm": ("slurm", "processes"),
    "clusters": ("processes",),
    "engine": ("processes",),
}
FIXTURE_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "lean_api": ("server",),
    "sas_endpoint": ("server",),
    "pgstac_api": ("server", "pgstac"),
    "postgres": ("pgstac",),
    "foreign_lean_api": ("server",),
    "foreign_pgstac_api": ("server", "pgstac"),
    "foreign_data": ("foreign_data",),
}

LONGEST_FIRST: Final = (
    "slurm",
    "engine/test_isolation.py",
    "engine/test_resume.py",
    "servers",
    "engine/test_rate_limiter.py",
    "test_benchmarks.py",
)
"""Groups that take longest, in the order in which they start: so no process is left over at the end."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use a process more than there are cores, as many tests wait; for chosen files use none."""
    if all(Path(arg.split("::")[0]).suffix == ".py" for arg in config.args):
        return 0
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test, group the tests that share costly fixtures, and put long groups first."""
    for item in items:
        for name in _marks_of(item):
            item.add_marker(name)
        if group := _group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_start_order)


def _marks_of(item: pytest.Item) -> set[str]:
    folder = item.path.relative_to(TESTS).parts[0]
    marks = set(FOLDER_MARKS.get(folder, ()))
    for name in _fixtures_of(item):
        marks.update(FIXTURE_MARKS.get(name, ()))
    return marks


def _fixtures_of(item: pytest.Item) -> set[str]:
    """List the fixtures of a test, including the ones that it names in a parameter."""
    names = set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    if callspec is not None:
        names.update(value for value in callspec.params.values() if isinstance(value, str))
    return names


def _group_of(item: pytest.Item) -> str | None:
    """Name the group of tests that run one after the other in the same process.

    SLURM's site and the servers run once for all their tests, and a cluster for the tests of its
    file. All other tests go wherever there is room.
    """
    if item.get_closest_marker("slurm"):
        return "slurm"
    if item.get_closest_marker("processes"):
        return item.path.relative_to(TESTS).as_posix()
    return "servers" if item.get_closest_marker("server") else None


def _start_order(item: pytest.Item) -> int:
    mark = item.get_closest_marker("xdist_group")
    group = mark.args[0] if mark else None
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep answers out of the user's cache, and the user's answers out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """Let processes that tests start react to Ctrl-C, also where a shell runs the tests in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
