"""SLURM's commands, and which of their errors are temporary."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

P = ParamSpec("P")
T = TypeVar("T")

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
_TIMEOUT_SECONDS = 120.0
_TEMPORARY = re.compile(
    "timed out|temporarily|try again|unable to contact|connection (refused|reset)|"
    "zero bytes were transmitted|transport endpoint is not connected",
    re.IGNORECASE,
)


class SlurmCommandError(RuntimeError):
    """One of SLURM's commands failed; ``text`` is its message."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(command, text)
        self.text = text

    def __str__(self) -> str:
        return ": ".join(self.args)

    @property
    def is_temporary(self) -> bool:
        """True if the same command may succeed later: the controller is busy or restarts."""
        return bool(_TEMPORARY.search(self.text))


def rehearse(script: str) -> None:
    """Let SLURM check a job script without submitting it; raise SlurmCommandError if it refuses."""
    patiently(call, "sbatch", "--test-only", script=script)


def list_jobs(name: str) -> dict[str, str]:
    """Return the short state of each of the user's jobs in the queue with this name, by job id."""
    lines = call("squeue", "--noheader", "--me", "--name", name, "--format", "%A %t").splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def cancel(name: str) -> None:
    """Cancel all jobs of the user that have this name."""
    call("scancel", "--me", "--name", name)


def patiently(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that asks SLURM, and again a few times while its error is temporary."""
    for seconds in RETRY_SECONDS:
        try:
            return ask(*args, **kwargs)
        except SlurmCommandError as err:
            if not err.is_temporary:
                raise
            time.sleep(seconds)
    return ask(*args, **kwargs)


def last_lines(log: Path, n_lines: int = 5) -> str:
    """Return the last lines of a log on one line."""
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-n_lines:])


def call(*command: str, script: str = "") -> str:
    """Run a command with a script as its input, and return its output.

    It runs in a session of its own: Ctrl-C in the terminal does not stop it halfway through a
    submission. Worker jobs do not inherit the variables of the driver's own job.

    Raises:
        SlurmCommandError: The command isn't installed, failed, or took too long.
    """
    own = {name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"}
    try:
        done = subprocess.run(  # noqa: S603 - SLURM's own commands
            command,
            input=script,
            env={name: value for name, value in os.environ.items() if name not in own},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        message = "not found; is this machine part of a SLURM site?"
        raise SlurmCommandError(command[0], message) from err
    except subprocess.TimeoutExpired as err:
        raise SlurmCommandError(command[0], f"timed out after {_TIMEOUT_SECONDS:g} s") from err
    if done.returncode:
        raise SlurmCommandError(command[0], _clean(done.stderr) or f"ended with {done.returncode}")
    return done.stdout


def _clean(stderr: str) -> str:
    """Remove the names of the program and of the level, and repeated lines."""
    lines = (line.partition(": ")[2] or line for line in stderr.strip().splitlines())
    return "; ".join(dict.fromkeys(line.removeprefix("error: ").strip() for line in lines))
