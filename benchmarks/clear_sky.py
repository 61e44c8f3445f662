"""Read the clouds over areas: requests, bytes, CPU and time of a scene, and errors of its shares.

Tiles as large as those of Sentinel-2 are drawn and written by GDAL. A server gives out ranges of
them behind SAS tokens, in a process of its own, and a proxy in another one delays each request. CPU
is that of this process, over reads one after the other without delay. The errors are those of the
clear share of random areas of 3 to 60 km, against all pixels of 20 m.

    uv run python -m benchmarks.clear_sky [--scenes 60] [--latency 0.2] [--at-once 16] [--areas 200]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.clearsky.columns import FRACTIONS
from floodscan.clearsky.files import Line
from floodscan.clearsky.reader import CloudReader
from floodscan.testing.servers.launch import raster_server, sas_server
from tests.clearsky.areas import count_all, draw_area, to_area
from tests.clearsky.sites import CONTAINER, PLACE, area_of, classes_of, scene_of, write_tile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.clearsky.base import Reading

N_TILES = 3
AREA = area_of(2.2, 50.0, 2.6, 50.3)
CLEAR = [*FRACTIONS["clear_frac"]]


@contextmanager
def served(folder: Path, latency: float) -> Iterator[None]:
    """Serve the tiles, and let this process reach them at their addresses in Azure."""
    with (
        raster_server(folder, log=folder / "files.log") as files,
        sas_server(log=folder / "sas.log") as sas,
    ):
        command = [sys.executable, "-m", "floodscan.testing.servers.proxy", files.url]
        with subprocess.Popen(
            [*command, "--latency", str(latency)], stdout=subprocess.PIPE, text=True
        ) as proxy:
            try:
                assert proxy.stdout is not None  # noqa: S101 - it is a pipe
                os.environ["http_proxy"] = proxy.stdout.readline().strip()
                os.environ["no_proxy"] = "127.0.0.1"
                os.environ["PC_SDK_SAS_URL"] = f"{sas.url}/token"
                yield
            finally:
                proxy.terminate()


def make_reader(name: str, at_once: int) -> CloudReader:
    """Make a reader with connections of its own, and without a cache."""
    line = Line(LocalRateLimiter(RateLimits(at_once), name))
    return CloudReader(line=line, max_scenes=10_000, n_at_once=at_once)


def read_scenes(reader: CloudReader, n_scenes: int) -> list[Reading]:
    """Read scenes, as many at once as the reader may."""
    scenes = [replace(scene_of(f"tile{n % N_TILES}"), item_id=str(n)) for n in range(n_scenes)]
    with ThreadPoolExecutor(reader.n_at_once) as threads:
        return list(threads.map(lambda scene: reader.read(scene, [AREA]), scenes))


def measure_reads(folder: Path, given: argparse.Namespace) -> None:
    """Print what reads cost, with latency and without."""
    with served(folder, 0.0):
        alone = make_reader("alone", 1)
        read_scenes(alone, N_TILES)  # opens connections, and asks for the token
        began = time.process_time()
        readings = read_scenes(alone, given.scenes)
        cpu = (time.process_time() - began) / given.scenes
        wrong = [each.unread for each in readings if each.unread]
    print(f"unread: {len(wrong)} of {len(readings)} scenes")
    print(f"requests a scene: {max(each.n_requests for each in readings)} at most")
    print(f"bytes a scene: {max(each.n_bytes for each in readings)} at most")
    print(f"CPU a scene: {1000 * cpu:.1f} ms")
    with served(folder, given.latency):
        together = make_reader("together", given.at_once)
        began = time.perf_counter()
        read_scenes(together, given.scenes)
        wall = time.perf_counter() - began
    behind = f"{given.latency:g} s of latency, {given.at_once} at once"
    print(f"{given.scenes} scenes behind {behind}: {wall:.2f} s")


def measure_errors(folder: Path, n_areas: int) -> None:
    """Print the errors of the clear share."""
    random = np.random.default_rng(5)
    errors = []
    with served(folder, 0.0):
        reader = make_reader("errors", 1)
        for number in range(n_areas):
            tile = number % N_TILES
            area = draw_area(random, PLACE)
            reading = reader.read(scene_of(f"tile{tile}"), [to_area(area, PLACE)])
            expected = count_all(classes_of(tile), PLACE, area)
            errors.append(abs(reading.grounds[0].shares[CLEAR].sum() - expected[CLEAR].sum()))
    print(f"error of the clear share over {n_areas} areas of 3 to 60 km: ", end="")
    print(f"median {np.median(errors):.4f}, 95 % {np.percentile(errors, 95):.4f}")


def main() -> None:
    """Write tiles, read them, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--areas", type=int, default=200)
    given = parser.parse_args()
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / CONTAINER).mkdir()
        for tile in range(N_TILES):
            write_tile(folder / CONTAINER, f"tile{tile}", seed=tile, place=PLACE)
        measure_reads(folder, given)
        measure_errors(folder, given.areas)


if __name__ == "__main__":
    main()
