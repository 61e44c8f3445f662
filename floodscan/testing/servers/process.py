"""Run servers as child processes: on a free port, with a time limit, and a stop at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from floodscan.testing.servers.counting import COUNTERS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
URL_VARIABLE = "FLOODSCAN_TEST_URL"
CATALOG_VARIABLE = "FLOODSCAN_TEST_CATALOG"
ITEMS_VARIABLE = "FLOODSCAN_TEST_ITEMS"
LANDING_VARIABLE = "STAC_FASTAPI_LANDING_ID"
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_COUNTERS_SECONDS = 10.0
_POLL_SECONDS = 0.02


class ServerUnavailableError(RuntimeError):
    """A server is not available: it is not installed, it ended, or it did not answer in time."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server on loopback, which counts its requests.

    Attributes:
        url: Its root, without a final slash.
    """

    url: str

    def requests(self) -> Counter[str]:
        """Return the number of requests since the start, by method and path: ``POST /search``."""
        answer = requests.get(self.url + COUNTERS_PATH, timeout=_COUNTERS_SECONDS)
        return Counter(answer.json())

    def searches(self) -> int:
        """Return the number of searches since the start; every page counts."""
        counts = self.requests()
        return counts["POST /search"] + counts["GET /search"]


def free_port() -> int:
    """Find a loopback port that is free at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def child(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as a child process, and end this process at the end.

    Args:
        command: Program and arguments.
        log: File for the output of the program.
        env: Variables to add to the environment.
        user: Another user to run it as, if this process is root.
        stop: The signal that ends the program.

    Yields:
        The running process.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=None if user is None else "/",
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    try:
        yield process
    finally:
        _end(process, stop)


def wait_until(
    answers: Callable[[], bool],
    process: subprocess.Popen[bytes],
    *,
    log: Path,
    seconds: float = _START_SECONDS,
) -> None:
    """Wait for a process to answer.

    Args:
        answers: Returns True once it answers.
        process: The process; if it ends, waiting fails.
        log: File with its output, for the error.
        seconds: Longest time to wait.

    Raises:
        ServerUnavailableError: The process ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        if process.poll() is not None:
            raise ServerUnavailableError(_report(process, log, f"ended ({process.returncode})"))
        if time.monotonic() > deadline:
            raise ServerUnavailableError(_report(process, log, f"no answer in {seconds:g} s"))
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def serve(factory: str, *, log: Path, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Serve an ASGI app, wrapped in a ``RequestCounter``, in a process of its own.

    Args:
        factory: The factory of the app, as ``module:function``.
        log: File for the output of the server.
        env: Variables for the app; its own address is in ``URL_VARIABLE``.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: It did not start.
    """
    port = free_port()
    server = Server(f"http://{LOOPBACK}:{port}")
    # The idle limit is long, so that the server keeps pooled connections between two tests.
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--host", LOOPBACK]
    command += ["--port", str(port), "--log-level", "warning", "--timeout-keep-alive", "600"]
    with child(command, log=log, env={**(env or {}), URL_VARIABLE: server.url}) as process:
        wait_until(lambda: _answers(server), process, log=log)
        yield server


def _answers(server: Server) -> bool:
    try:
        server.requests()
    except requests.RequestException:
        return False
    return True


def _end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _report(process: subprocess.Popen[bytes], log: Path, what: str) -> str:
    tail = log.read_text(errors="replace")[-2000:]
    return f"{process.args!r}: {what}; it printed:\n{tail}"
