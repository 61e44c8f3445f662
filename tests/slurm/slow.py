"""A catalogue that takes its time, so that something can happen meanwhile.

python -m tests.slurm.slow EVENTS OUT PROFILE JOBS SECONDS sweeps over it, from wherever it is run
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floodscan import scan
from floodscan.catalogs import open_catalog
from floodscan.clusters import prepare_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Answer, Catalog
    from floodscan.searches import Search


@dataclass(frozen=True, slots=True)
class SlowDemo:
    """The demo's catalogue, every search of which takes some seconds.

    Attributes:
        seconds: How many.
    """

    seconds: float

    @property
    def _demo(self) -> Catalog:
        return open_catalog("demo")

    @property
    def location(self) -> str:
        """That of the demo's catalogue."""
        return self._demo.location

    def describe(self, collections: Iterable[str]) -> str:
        """Ask the demo's catalogue."""
        return self._demo.describe(collections)

    def search(self, search: Search) -> Answer:
        """Ask the demo's catalogue, after a while."""
        time.sleep(self.seconds)
        return self._demo.search(search)


def main(events: str, out: str, profile: str, n_jobs: str, seconds: str) -> None:
    """Sweep on SLURM."""
    with prepare_client("slurm", n_workers=int(n_jobs), profile=profile) as start:
        scan(events, catalog=SlowDemo(float(seconds)), out=out, client=start)


if __name__ == "__main__":
    main(*sys.argv[1:])
