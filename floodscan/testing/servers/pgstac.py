"""The STAC API that Planetary Computer runs: stac-fastapi-pgstac on a private PostGIS."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from floodscan.testing.servers.counting import RequestCounter
from floodscan.testing.servers.process import (
    LOOPBACK,
    ServerUnavailableError,
    child,
    free_port,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SUPERUSER = "postgres"
_LOAD_SECONDS = 120.0
# The data need not survive a crash, and compiled query plans would not pay off.
_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "listen_addresses": LOOPBACK,
    "synchronous_commit": "off",
    "unix_socket_directories": "",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """The PostgreSQL programs of one version that has PostGIS.

    Attributes:
        folder: Their folder.
    """

    folder: Path

    @classmethod
    def find(cls) -> Binaries:
        """Find the newest installed version.

        Raises:
            ServerUnavailableError: None is installed, or it lacks PostGIS.
        """
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
        if on_path := shutil.which("initdb"):
            folders.insert(0, Path(on_path).resolve().parent)
        installed = [folder for folder in folders if (folder / "initdb").exists()]
        if not installed:
            raise ServerUnavailableError("PostgreSQL isn't installed (postgresql-15-postgis-3)")
        for folder in installed:
            if (_share_folder(folder) / "extension" / "postgis.control").exists():
                return cls(folder)
        raise ServerUnavailableError(f"PostGIS isn't installed for PostgreSQL in {installed[0]}")


def create_app() -> RequestCounter:
    """Make the app for the database named by the environment."""
    # This import reads settings that only the process of the server has.
    from stac_fastapi.pgstac.app import create_app as create_pgstac_app  # noqa: PLC0415

    return RequestCounter(create_pgstac_app())


@contextlib.contextmanager
def database_of(catalog: Path) -> Iterator[dict[str, str]]:
    """Run a PostgreSQL server with a catalog, and remove its files at the end.

    Args:
        catalog: Folder of the catalog, as `catalog.write` leaves it.

    Yields:
        The environment variables of clients of the database.

    Raises:
        ServerUnavailableError: PostgreSQL or PostGIS is not installed, or did not start.
    """
    binaries = Binaries.find()
    with _work_folder() as folder, _postgres(binaries, folder) as database:
        _load(catalog, database)
        yield database


def _owner() -> str | None:
    """Return the user to run PostgreSQL, which refuses to run as root."""
    return _SUPERUSER if os.geteuid() == 0 else None


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="floodscan-pgstac-"))
    try:
        if owner := _owner():
            try:
                shutil.chown(folder, user=owner, group=owner)
            except LookupError as error:
                raise ServerUnavailableError(f"no user {owner} to run PostgreSQL as") from error
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _postgres(binaries: Binaries, folder: Path) -> Iterator[dict[str, str]]:
    data, log = folder / "data", folder / "postgres.log"
    _init(binaries, data)
    port = free_port()
    command = [str(binaries.folder / "postgres"), "-D", str(data), "-p", str(port)]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    database = {
        "PGHOST": LOOPBACK,
        "PGPORT": str(port),
        "PGUSER": _SUPERUSER,
        "PGPASSWORD": "none",
        "PGDATABASE": "postgres",
    }
    with child(command, log=log, user=_owner(), stop=signal.SIGINT) as process:
        wait_until(lambda: _connects(database), process, log=log)
        yield database


def _init(binaries: Binaries, data: Path) -> None:
    command = [str(binaries.folder / "initdb"), "-D", str(data), "-U", _SUPERUSER, "-A", "trust"]
    # Ids are sorted by code point, in any language of the machine.
    command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    owner = _owner()
    _run(command, seconds=60, cwd=data.parent, user=owner, group=owner)


def _connects(database: Mapping[str, str]) -> bool:
    try:
        psycopg.connect(
            host=database["PGHOST"],
            port=database["PGPORT"],
            user=database["PGUSER"],
            dbname=database["PGDATABASE"],
            connect_timeout=5,
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _load(catalog: Path, database: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "floodscan.testing.servers.pgstac_load", str(catalog)]
    _run(command, seconds=_LOAD_SECONDS, env={**os.environ, **database})


def _run(
    command: list[str],
    *,
    seconds: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    group: str | None = None,
) -> None:
    done = subprocess.run(  # noqa: S603
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        cwd=cwd,
        env=env,
        user=user,
        group=group,
    )
    if done.returncode:
        tail = done.stdout.decode(errors="replace")[-2000:]
        raise ServerUnavailableError(f"{command[0]} failed ({done.returncode}):\n{tail}")


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def _share_folder(folder: Path) -> Path:
    done = subprocess.run(  # noqa: S603
        [str(folder / "pg_config"), "--sharedir"],
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return Path(done.stdout.strip())
