"""Fixtures of the sweeps on SLURM: the site, and events enough for a sweep."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.servers.process import ServerUnavailableError
from tests.slurm.site import SlurmSite, slurm_site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running_site() -> Iterator[SlurmSite]:
    """A SLURM of four nodes; skipped where it isn't installed, except on CI, where that fails."""
    with ExitStack() as stack:
        try:
            site = stack.enter_context(slurm_site())
        except ServerUnavailableError as error:
            if os.environ.get("CI"):
                pytest.fail(f"CI must have SLURM: {error}")
            pytest.skip(str(error))
        yield site


@pytest.fixture
def site(running_site: SlurmSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmSite]:
    """The site with an empty queue, found by SLURM's commands; what a test leaves in the queue is cancelled."""
    monkeypatch.setenv("SLURM_CONF", str(running_site.conf))
    yield running_site
    running_site.clear()
