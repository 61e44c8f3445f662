"""Skip a test whose service is missing here, and fail it on CI, which must have all services."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

from floodscan.testing.servers.process import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")


def missing(reason: object, *, on_ci: bool = True) -> NoReturn:
    """Skip the test, or fail it on CI.

    Args:
        reason: The problem, and what to install.
        on_ci: False if CI may lack it too, for instance because it does not run as root.
    """
    if os.environ.get("CI") and on_ci:
        pytest.fail(f"CI must have this: {reason}")
    pytest.skip(str(reason))


@contextmanager
def open_service(service: AbstractContextManager[T], *, on_ci: bool = True) -> Iterator[T]:
    """Open a service for tests, which are skipped if it can't be started.

    Args:
        service: The service.
        on_ci: As in `missing`.
    """
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(service)
        except ServerUnavailableError as error:
            missing(error, on_ci=on_ci)
        yield opened
