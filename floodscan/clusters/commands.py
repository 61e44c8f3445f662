"""SLURM's commands, and which of their errors are temporary."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    T = TypeVar("T")

_TIMEOUT_SECONDS = 120.0
_RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
_TEMPORARY = (
    "timed out",
    "temporarily",
    "try again",
    "unable to contact",
    "connection refused",
    "connection reset",
    "zero bytes were transmitted",
    "transport endpoint is not connected",
)


class SlurmCommandError(Exception):
    """One of SLURM's commands failed; ``text`` is its message."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(command, text)
        self.command = command
        self.text = text

    def __str__(self) -> str:
        return f"{self.command}: {self.text}"

    @property
    def is_temporary(self) -> bool:
        """True if the same command may succeed later: the controller is busy or restarts."""
        message = self.text.lower()
        return any(phrase in message for phrase in _TEMPORARY)


def submit(script: str) -> str:
    """Submit a job script and return the job's id."""
    return call(["sbatch", "--parsable"], script=script).split(";", maxsplit=1)[0].strip()


def rehearse(script: str) -> None:
    """Let SLURM check a job script without submitting it.

    Raises:
        SlurmCommandError: SLURM would refuse it.
    """
    patiently(lambda: call(["sbatch", "--test-only"], script=script))


def list_jobs(name: str) -> dict[str, str]:
    """Return the state of each job in the queue that has this name and is the user's, by job id."""
    lines = call(["squeue", "--noheader", "--me", "--name", name, "--format", "%A %T"]).splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def list_node_addresses(partition: str) -> list[str]:
    """Return the addresses of a partition's nodes; an unknown partition has no nodes."""
    return call(
        ["sinfo", "--noheader", "--Node", "--partition", partition, "--format", "%o"]
    ).split()


def cancel(name: str) -> None:
    """Cancel all jobs of the user that have this name."""
    call(["scancel", "--me", "--name", name])


def patiently(ask: Callable[[], T], *, waits_seconds: Sequence[float] = _RETRY_SECONDS) -> T:
    """Call a function again, a few times, while its error is temporary.

    Args:
        ask: Calls SLURM.
        waits_seconds: How long to wait before each repetition.

    Raises:
        SlurmCommandError: The error is not temporary, or it stayed.
    """
    for seconds in waits_seconds:
        try:
            return ask()
        except SlurmCommandError as err:
            if not err.is_temporary:
                raise
            time.sleep(seconds)
    return ask()


def call(command: Sequence[str], *, script: str | None = None) -> str:
    """Run a command and return its output.

    It runs in a session of its own: Ctrl-C in the terminal does not stop it halfway through a
    submission.

    Args:
        command: Program and arguments.
        script: Input of the program.

    Raises:
        SlurmCommandError: The command isn't installed, failed, or took too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 - SLURM's own commands
            command,
            input=script or "",
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        raise SlurmCommandError(
            command[0], "not found; is this machine part of a SLURM site?"
        ) from err
    except subprocess.TimeoutExpired as err:
        raise SlurmCommandError(command[0], f"timed out after {_TIMEOUT_SECONDS:g} s") from err
    if done.returncode:
        raise SlurmCommandError(command[0], _clean(done.stderr) or f"ended with {done.returncode}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Drop the variables of the driver's own job, which worker jobs would inherit."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name == "SLURM_CONF"
    }


def _clean(stderr: str) -> str:
    """Remove the names of the program and of the level, and repeated lines."""
    lines = (line.partition(": ")[2] or line for line in stderr.strip().splitlines())
    return "; ".join(dict.fromkeys(line.removeprefix("error: ").strip() for line in lines))
