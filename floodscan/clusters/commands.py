"""SLURM's commands: what is asked of them, and which of their errors pass."""

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
_PASSING = (
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
    """One of SLURM's commands failed; ``text`` is what it said."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(command, text)
        self.command = command
        self.text = text

    def __str__(self) -> str:
        return f"{self.command}: {self.text}"

    @property
    def is_passing(self) -> bool:
        """Whether the same command may succeed in a while: the controller is busy or restarting."""
        said = self.text.lower()
        return any(word in said for word in _PASSING)


def submit(script: str) -> str:
    """Submit a job script and give the job's id."""
    return call(["sbatch", "--parsable"], script=script).split(";", maxsplit=1)[0].strip()


def rehearse(script: str) -> None:
    """Ask SLURM whether it would take a job script, without submitting it.

    Raises:
        SlurmCommandError: It would not.
    """
    patiently(lambda: call(["sbatch", "--test-only"], script=script))


def list_jobs(name: str) -> dict[str, str]:
    """Give the state of each of the user's jobs of a name that is in the queue, by job id."""
    lines = call(["squeue", "--noheader", "--me", "--name", name, "--format", "%A %T"]).splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def list_node_addresses(partition: str) -> list[str]:
    """List where SLURM reaches the nodes of a partition; an unknown one has none."""
    return call(
        ["sinfo", "--noheader", "--Node", "--partition", partition, "--format", "%o"]
    ).split()


def cancel(name: str) -> None:
    """Cancel all of the user's jobs of a name."""
    call(["scancel", "--me", "--name", name])


def patiently(ask: Callable[[], T]) -> T:
    """Ask again while the error is one that passes, a few times."""
    for seconds in _RETRY_SECONDS:
        try:
            return ask()
        except SlurmCommandError as err:
            if not err.is_passing:
                raise
            time.sleep(seconds)
    return ask()


def call(command: Sequence[str], *, script: str | None = None) -> str:
    """Run a command out of reach of the terminal's Ctrl-C, so that no submission is cut in half.

    Args:
        command: Program and arguments.
        script: What the program reads.

    Raises:
        SlurmCommandError: It isn't there, failed, or took too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 - SLURM's own commands
            command,
            input=script or "",
            env=_outside_of_jobs(),
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


def _outside_of_jobs() -> dict[str, str]:
    """The environment without what describes the driver's own job, which a worker job would inherit."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name == "SLURM_CONF"
    }


def _clean(stderr: str) -> str:
    lines = (line.partition(": ")[2] or line for line in stderr.strip().splitlines())
    return "; ".join(dict.fromkeys(line.removeprefix("error: ").strip() for line in lines))
