"""A profile of worker jobs: dask-jobqueue's own configuration, read from YAML and checked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from dask.utils import parse_bytes

from floodscan.errors import InputProblem, ProfileError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROOT = "jobqueue.slurm"
_WALLTIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)")
_PLACEHOLDER = re.compile(r"p200x+|<.*>", re.IGNORECASE)
_PATHS = ("local-directory", "log-directory", "shared-temp-directory")


@dataclass(frozen=True, slots=True)
class Profile:
    """The worker jobs that dask-jobqueue's section ``jobqueue.slurm`` describes.

    Attributes:
        source: File that the section was read from.
        values: The section, with dask-jobqueue's names; every value has the right type.
    """

    source: str
    values: Mapping[str, Any]

    @property
    def walltime(self) -> timedelta:
        """Time limit of a worker job."""
        return _parse_walltime(self.values["walltime"])

    @property
    def n_threads(self) -> int:
        """Threads of a worker process."""
        n_threads: int = self.values["cores"] // self.values.get("processes", 1)
        return n_threads

    @property
    def worker_args(self) -> tuple[str, ...]:
        """More arguments of ``dask worker``."""
        return tuple(map(str, self.values.get("worker-extra-args", ())))

    @property
    def host(self) -> str | None:
        """Address of the scheduler; None if the profile names a network interface instead."""
        host: str | None = self.values.get("scheduler-options", {}).get("host")
        return host

    @property
    def shared_folder(self) -> Path:
        """Folder on a disk of all nodes, for keys and for the logs of jobs."""
        return Path(self.values.get("shared-temp-directory", Path.home() / ".floodscan")).absolute()

    def refuse(self, field: str, text: str) -> ProfileError:
        """Return an error that names a field of this profile."""
        return ProfileError(self.source, [InputProblem("", f"{_ROOT}.{field}", text)])


def load_profile(path: str | Path) -> Profile:
    """Read a profile.

    Raises:
        ProfileError: The file is missing or broken, a key is unknown, or a value can't be used.
    """
    source = str(path)
    try:
        read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as err:
        raise ProfileError(
            source, [InputProblem("", "", f"can't be read: {err.strerror}")]
        ) from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ProfileError(
            source, [InputProblem("", "", f"is not YAML: {' '.join(str(err).split())}")]
        ) from err
    section = _find_section(read)
    if section is None:
        raise ProfileError(
            source, [InputProblem("", _ROOT, "is missing; start from jobs/meluxina.yaml")]
        )
    given = {
        str(key).replace("_", "-"): value for key, value in section.items() if value is not None
    }
    if problems := _check(given):
        raise ProfileError(source, problems)
    expanded = {
        key: os.path.expandvars(Path(given[key]).expanduser()) for key in _PATHS if key in given
    }
    return Profile(source, given | expanded)


def _find_section(read: object) -> dict[str, Any] | None:
    for key in _ROOT.split("."):
        if not isinstance(read, dict):
            return None
        read = read.get(key)
    return read if isinstance(read, dict) else None


def _check(given: Mapping[str, Any]) -> list[InputProblem]:
    problems = [(key, f"unknown; {suggest(key, _FIELDS)}") for key in given if key not in _FIELDS]
    problems += [
        (key, f"is missing: {hint}") for key, hint in _MANDATORY.items() if key not in given
    ]
    problems += [
        (key, why)
        for key, value in given.items()
        if key in _FIELDS and (why := _FIELDS[key](value))
    ]
    if not problems:
        problems += _check_together(given)
    return [InputProblem("", f"{_ROOT}.{key}", why) for key, why in problems]


def _check_together(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if given["cores"] < given.get("processes", 1):
        problems.append(("processes", f"must not be above cores ({given['cores']})"))
    if "interface" not in given and "host" not in given.get("scheduler-options", {}):
        hint = "the network interface between the nodes, such as ib0"
        instead = "or give the driver's address as scheduler-options.host"
        problems.append(("interface", f"is missing: {hint}; {instead}"))
    return problems


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be text"


def _count(value: object) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return None if good else "must be a whole number above 0"


def _texts(value: object) -> str | None:
    good = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return None if good else "must be a list of texts"


def _mapping(value: object) -> str | None:
    return None if isinstance(value, dict) else "must be a mapping"


def _account(value: object) -> str | None:
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        return f"is still the placeholder {value}: set your project's account"
    return _text(value)


def _memory(value: object) -> str | None:
    try:
        good = parse_bytes(str(value)) > 0
    except ValueError:
        good = False
    return None if good else f"{value!r} must be an amount such as 480GB"


def _walltime(value: object) -> str | None:
    good = isinstance(value, str) and _WALLTIME.fullmatch(value)
    # YAML 1.1 reads 06:00:00 without quotes as a number of seconds
    return None if good else f'{value!r} must be "HH:MM:SS" or "D-HH:MM:SS", in quotes'


def _parse_walltime(text: str) -> timedelta:
    found = _WALLTIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return timedelta(**{unit: int(value or 0) for unit, value in found.groupdict().items()})


_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    "name": _text,
    "queue": _text,
    "account": _account,
    "walltime": _walltime,
    "cores": _count,
    "processes": _count,
    "memory": _memory,
    "job-cpu": _count,
    "job-mem": _text,
    "interface": _text,
    "local-directory": _text,
    "log-directory": _text,
    "shared-temp-directory": _text,
    "job-extra-directives": _texts,
    "job-directives-skip": _texts,
    "job-script-prologue": _texts,
    "worker-command": _text,
    "worker-extra-args": _texts,
    "death-timeout": _count,
    "scheduler-options": _mapping,
    "shebang": _text,
    "python": _text,
}

_MANDATORY = {
    "queue": "the partition, such as cpu",
    "account": "your project's account, such as p200123",
    "walltime": 'how long a worker job runs, such as "06:00:00"',
    "cores": "cores of a worker job: all cores of a node, if a job always gets whole nodes",
    "memory": "memory of a worker job, such as 480GB",
}
