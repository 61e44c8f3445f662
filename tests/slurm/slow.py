"""A catalogue that takes its time, so that something can happen meanwhile.

python -m tests.slurm.slow EVENTS OUT PROFILE JOBS SECONDS [SEARCHES] sweeps over it, from wherever it is run; where a
number of searches is given, they stay on the driver's side
"""

from __future__ import annotations

import sys
import threading
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

_LINE = threading.Lock()


@dataclass(frozen=True, slots=True)
class SlowDemo:
    """The demo's catalogue, every search of which takes some seconds; each worker is served one at a time.

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
        with _LINE:
            time.sleep(self.seconds)
        return self._demo.search(search)


def main(events: str, out: str, profile: str, n_jobs: str, seconds: str, searches: str | None = None) -> None:
    """Sweep on SLURM."""
    n_searches = int(searches) if searches else None
    with prepare_client("slurm", n_workers=int(n_jobs), profile=profile, n_searches=n_searches) as start:
        catalog = SlowDemo(float(seconds))
        scan(events, catalog=catalog, out=out, client=start, search_on_driver=n_searches is not None)


if __name__ == "__main__":
    # of this module by its name, so that workers find the catalogue there
    from tests.slurm import slow  # noqa: PLW0406 - see above

    slow.main(*sys.argv[1:])
