"""Fixtures that all tests share, the marks of each test, and how tests spread over processes.

Fixtures of every test:

- ``own_cache``: answers of catalogs are kept in a folder of the session, not in the user's.
- ``heeded_interrupts``: processes that tests start react to Ctrl-C.
- ``own_handlers``: what the command line sets for signals ends with the test.

Fixtures of ``tests.servers.fixtures``, each for the whole session:

- ``lean_api``, ``pgstac_api``: STAC APIs with the ``served_items``; ``sas_endpoint``: gives out SAS
  tokens, and ``local_signing`` makes the signing library use it.
- ``seaweed``: a server of S3.
- ``azurite``: an account of Azure Storage; ``sas_endpoint`` gives out tokens for it too.
- ``foreign_data``: folder of other people's records; ``foreign_lean_api`` and
  ``foreign_pgstac_api`` serve the ``foreign_items`` in it.
- ``postgres``: skips a test where PostgreSQL is not installed.

Most marks come from the path of a test and from its fixtures, so that new tests get them too. Other
tests that start processes have the mark ``processes`` in their code.
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

PATH_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "slurm": ("slurm", "processes"),
    "clusters": ("processes",),
    "engine": ("processes",),
    "cli/test_help.py": ("processes",),
    "store/test_full_disk.py": ("processes",),
    "test_benchmarks.py": ("processes",),
    "test_extras.py": ("processes",),
    "test_wheel.py": ("processes",),
}
FIXTURE_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "lean_api": ("server",),
    "sas_endpoint": ("server",),
    "pgstac_api": ("server", "pgstac"),
    "postgres": ("pgstac",),
    "azurite": ("server", "azurite"),
    "raster_site": ("server",),
    "data_api": ("server",),
    "seaweed": ("server",),
    "foreign_lean_api": ("server",),
    "products_lean_api": ("server",),
    "products_pgstac_api": ("server", "pgstac"),
    "foreign_pgstac_api": ("server", "pgstac"),
    "foreign_data": ("foreign_data",),
    "demo_out": ("processes",),
    "browser": ("browser", "processes"),
}

SHARED_CLUSTERS: Final = ("engine",)
"""Folders in which the tests of a file share a cluster."""

LONGEST_FIRST: Final = (
    "slurm",
    "servers",
    "engine/test_isolation.py",
    "engine/test_resume.py",
    "engine/test_rate_limiter.py",
)
"""The groups that take longest, in the order of their start: none runs alone at the end."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one process more than there are cores, because many tests wait; for single files none."""
    if all(Path(arg.split("::")[0]).suffix == ".py" for arg in config.args):
        return 0
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test, keep tests with costly fixtures together, and put long groups first."""
    for item in items:
        for mark in _marks_of(item):
            item.add_marker(mark)
        if group := _group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_start_order)


def _marks_of(item: pytest.Item) -> set[str]:
    marks = {mark for path, names in PATH_MARKS.items() if _is_in(item, path) for mark in names}
    for fixture in _fixtures_of(item):
        marks.update(FIXTURE_MARKS.get(fixture, ()))
    return marks


def _is_in(item: pytest.Item, path: str) -> bool:
    """Return True if the test is in a file or folder."""
    return item.path.is_relative_to(TESTS / path)


def _fixtures_of(item: pytest.Item) -> set[str]:
    """List the fixtures of a test, including the ones that it names in a parameter."""
    names = set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    if callspec is not None:
        names.update(value for value in callspec.params.values() if isinstance(value, str))
    return names


def _group_of(item: pytest.Item) -> str | None:
    """Name the group of a test; the tests of a group run one after the other in one process.

    SLURM's site, the servers, the browser and the scan by the command run once for all of their
    tests, and a cluster for the tests of its file. All other tests run wherever there is room.
    """
    if item.get_closest_marker("slurm"):
        return "slurm"
    for fixture, group in (("demo_out", "cli"), ("browser", "browser")):
        if fixture in _fixtures_of(item):
            return group
    if any(_is_in(item, path) for path in SHARED_CLUSTERS):
        return item.path.relative_to(TESTS).as_posix()
    return "servers" if item.get_closest_marker("server") else None


def _start_order(item: pytest.Item) -> int:
    """Return the rank of a test: long groups, then tests that start processes, then the others."""
    mark = item.get_closest_marker("xdist_group")
    if mark is not None and mark.args[0] in LONGEST_FIRST:
        return LONGEST_FIRST.index(mark.args[0])
    return len(LONGEST_FIRST) + (item.get_closest_marker("processes") is None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep answers out of the user's cache, and the user's answers out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """Let processes that tests start react to Ctrl-C, also if the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Restore the signal handlers that the command line sets in the process of a test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    handlers = [signal.getsignal(number) for number in numbers]
    hook = sys.unraisablehook
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)
    sys.unraisablehook = hook
