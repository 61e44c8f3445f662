"""A catalog that stops in the midst of a sweep until it is let go on, so that something can happen meanwhile.

python -m tests.slurm.slow EVENTS OUT PROFILE JOBS COUNTED N_ANSWERED [SEARCHES] sweeps over it,
from wherever it is run; where a number of searches is given, they stay on the driver's side
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
from floodscan.clusters import prepare_client
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Answer, Catalog
    from floodscan.model import Search

_LINE = threading.Lock()
_GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class SlowDemo:
    """The demo's catalog, which leaves searches waiting after the first few.

    Each worker is served one at a time.

    Attributes:
        counted: Folder on a disk that all workers share, with a file for each search that came.
        n_answered: How many are answered at once, at most.
    """

    counted: Path
    n_answered: int

    @property
    def _demo(self) -> Catalog:
        return open_catalog("demo")

    @property
    def location(self) -> str:
        """That of the demo's catalog."""
        return self._demo.location

    def describe(self, collections: Iterable[str]) -> str:
        """Ask the demo's catalog."""
        return self._demo.describe(collections)

    def search(self, search: Search) -> Answer:
        """Ask the demo's catalog, now or when it goes on."""
        with _LINE:
            (self.counted / uuid.uuid4().hex).touch()
            while self.is_waiting():
                time.sleep(0.05)
        return self._demo.search(search)

    def is_waiting(self) -> bool:
        """Whether a search waits."""
        return (
            not (self.counted / _GO_ON).exists()
            and len(list(self.counted.iterdir())) > self.n_answered
        )

    def wait_for_search(self) -> None:
        """Wait until a search waits: the sweep is in its midst."""
        wait_for(self.is_waiting, f"no more than {self.n_answered} searches came")

    def go_on(self) -> None:
        """Answer those that wait, and all others."""
        (self.counted / _GO_ON).touch()


def make_slow_demo(folder: Path, n_answered: int) -> SlowDemo:
    """Make one that counts in a folder of its own in another."""
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
    """Sweep on SLURM."""
    n_searches = int(searches) if searches else None
    with prepare_client(
        "slurm", n_workers=int(n_jobs), profile=profile, n_searches=n_searches
    ) as start:
        catalog = SlowDemo(Path(counted), int(n_answered))
        scan(
            events, catalog=catalog, out=out, client=start, search_on_driver=n_searches is not None
        )


if __name__ == "__main__":
    # of this module by its name, so that workers find the catalog there
    from tests.slurm import slow  # noqa: PLW0406 - see above

    slow.main(*sys.argv[1:])
