"""CI has all services: a missing one is a failure there, and a skip elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from floodscan.testing.servers.pgstac import Binaries
from floodscan.testing.servers.process import ServerUnavailableError
from tests.services import open_service

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def broken_service() -> Iterator[None]:
    """Fail to start."""
    raise ServerUnavailableError("PostgreSQL isn't installed")
    yield


@pytest.mark.parametrize(
    ("ci", "on_ci", "outcome"),
    [("", True, pytest.skip), ("true", True, pytest.fail), ("true", False, pytest.skip)],
    ids=["at home", "on CI", "on CI without root"],
)
def test_a_missing_service_fails_on_ci_alone(
    ci: str,
    on_ci: bool,  # noqa: FBT001 - a case
    outcome: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The outcome names the service."""
    monkeypatch.setenv("CI", ci)
    exception: type[BaseException] = outcome.Exception  # type: ignore[attr-defined]
    with (
        pytest.raises(exception, match="PostgreSQL isn't installed"),
        open_service(broken_service(), on_ci=on_ci),
    ):
        pytest.fail("a broken service was opened")


def test_postgresql_is_looked_for_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any, the error names the package to install."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: [])
    with pytest.raises(ServerUnavailableError, match="postgresql-15-postgis-3"):
        Binaries.find()
