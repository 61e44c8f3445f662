"""A catalog that stops amid a scan until it is released, so that a test can disturb the scan.

python -m tests.slurm.slow EVENTS OUT PROFILE JOBS COUNTED N_ANSWERED [SEARCHES]

scans it on SLURM. If a number of SEARCHES is given, the driver's machine makes them.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floodscan import scan
from floodscan.catalogs import open_catalog
from floodscan.clusters.pool import PoolWaits
from floodscan.clusters.profile import load_profile
from floodscan.clusters.slurm import prepare_slurm_client
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Answer, Catalog
    from floodscan.model import Search

SHORT_WAITS = PoolWaits(brisk_seconds=0.2, calm_seconds=1.0)
"""How long the tests' pools of worker jobs wait for SLURM."""

_LINE = threading.Lock()
_GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class SlowDemo:
    """The demo's catalog; after the first few answers, it lets searches wait.

    It answers each worker one search at a time.

    Attributes:
        counted: Folder on a disk of all workers, with a file for each search.
        n_answered: Number of searches that it answers before it is released.
    """

    counted: Path
    n_answered: int

    @property
    def _demo(self) -> Catalog:
        return open_catalog("demo")

    @property
    def location(self) -> str:
        """Location of the demo's catalog."""
        return self._demo.location

    def describe(self, collections: Iterable[str]) -> str:
        """Ask the demo's catalog."""
        return self._demo.describe(collections)

    def search(self, search: Search) -> Answer:
        """Ask the demo's catalog, now or after the release."""
        with _LINE:
            (self.counted / uuid.uuid4().hex).touch()
            while self.is_waiting():
                time.sleep(0.05)
        return self._demo.search(search)

    def is_waiting(self) -> bool:
        """Return True if a search waits."""
        return (
            not (self.counted / _GO_ON).exists()
            and len(list(self.counted.iterdir())) > self.n_answered
        )

    def wait_for_search(self) -> None:
        """Wait until a search waits: then the scan has begun and can't end."""
        wait_for(self.is_waiting, f"no more than {self.n_answered} searches were made")

    def go_on(self) -> None:
        """Answer all searches from now on."""
        (self.counted / _GO_ON).touch()


def make_slow_demo(folder: Path, n_answered: int) -> SlowDemo:
    """Make a slow catalog that counts its searches below a folder."""
    counted = folder / "searches"
    counted.mkdir()
    return SlowDemo(counted, n_answered)


def main(  # noqa: PLR0913, PLR0917 - the words of the command
    events: str,
    out: str,
    profile: str,
    n_jobs: str,
    counted: str,
    n_answered: str,
    searches: str | None = None,
) -> None:
    """Scan on SLURM."""
    n_searches = int(searches) if searches else None
    with prepare_slurm_client(
        load_profile(profile), n_jobs=int(n_jobs), n_searches=n_searches, waits=SHORT_WAITS
    ) as start:
        catalog = SlowDemo(Path(counted), int(n_answered))
        scan(
            events, catalog=catalog, out=out, client=start, search_on_driver=n_searches is not None
        )


if __name__ == "__main__":
    # import this module by its name, so that workers find the class of the catalog
    from tests.slurm import slow  # noqa: PLW0406 - see above

    slow.main(*sys.argv[1:])
