"""A catalog that stops amid a scan until it is released, so that a test can disturb the scan.

python -m tests.slurm.slow EVENTS OUT PROFILE JOBS COUNTED N_PASSED [SEARCHES]

scans it on SLURM. If a number of SEARCHES is given, the driver's machine makes them.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from floodscan import scan
from floodscan.catalogs import open_catalog
from floodscan.clusters import ReliableSLURMCluster
from floodscan.clusters.profile import load_profile
from floodscan.clusters.slurm import prepare_slurm
from floodscan.testing.fake_catalog import FakeCatalog, HoldSearches
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT_WAITS = {"brisk_seconds": 0.2, "calm_seconds": 1.0}
"""How long the tests' clusters wait for SLURM."""


@contextmanager
def short_waits(**others: float) -> Iterator[None]:
    """Let clusters wait for SLURM as ``SHORT_WAITS`` and the arguments say."""
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in {**SHORT_WAITS, **others}.items():
            patch.setattr(ReliableSLURMCluster, name, seconds)
        yield


def make_hold(folder: Path, n_passed: int) -> HoldSearches:
    """Make a hold that counts its searches below a folder."""
    counted = folder / "searches"
    counted.mkdir()
    return HoldSearches(counted, n_passed)


def slow_demo(hold: HoldSearches) -> FakeCatalog:
    """Put a hold before the demo's catalog; results do not show it."""
    demo = open_catalog("demo")
    return FakeCatalog(source=demo, faults=(hold,), location=demo.location)


def wait_until_held(hold: HoldSearches) -> None:
    """Wait until a search is held: then the scan has begun and can't end."""
    wait_for(hold.is_holding, f"no more than {hold.n_passed} searches were made")


def main(  # noqa: PLR0913, PLR0917 - the words of the command
    events: str,
    out: str,
    profile: str,
    n_jobs: str,
    counted: str,
    n_passed: str,
    searches: str | None = None,
) -> None:
    """Scan on SLURM."""
    n_searches = int(searches) if searches else None
    with (
        short_waits(),
        prepare_slurm(load_profile(profile), int(n_jobs), n_searches=n_searches) as start,
    ):
        catalog = slow_demo(HoldSearches(Path(counted), int(n_passed)))
        scan(
            events, catalog=catalog, out=out, client=start, search_on_driver=n_searches is not None
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
