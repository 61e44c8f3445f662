"""A profile of worker jobs: dask-jobqueue's own configuration, read from YAML and checked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from dask import config
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


def load_profile(path: str | Path | None) -> Profile:
    """Read a profile; None is the section of Dask's own configuration.

    Raises:
        ProfileError: The file is missing or broken, a key is unknown, or a value can't be used.
    """
    source = "Dask's configuration" if path is None else str(path)
    read = config.config if path is None else _read(Path(path), source)
    section = config.get(_ROOT, None, config=read or {})
    if not isinstance(section, dict):
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


def is_configured() -> bool:
    """Return True if Dask's own configuration describes worker jobs."""
    section = config.get(_ROOT, None) or {}
    # of the fields that must be given, only the walltime has a default in dask-jobqueue
    return any(section.get(key) is not None for key in _MANDATORY.keys() - {"walltime"})


def _read(path: Path, source: str) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        text = f"can't be read: {err.strerror}"
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        text = f"is not YAML: {' '.join(str(err).split())}"
    raise ProfileError(source, [InputProblem("", "", text)])


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


_TEXTS = (
    *("name", "queue", "job-mem", "interface", "shebang", "python", "worker-command"),
    *("local-directory", "log-directory", "shared-temp-directory"),
)
_LISTS = ("job-extra-directives", "job-directives-skip", "job-script-prologue", "worker-extra-args")
_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(("cores", "processes", "job-cpu", "death-timeout"), _count),
    **dict.fromkeys(_LISTS, _texts),
    "account": _account,
    "walltime": _walltime,
    "memory": _memory,
    "scheduler-options": _mapping,
}

_MANDATORY = {
    "queue": "the partition, such as cpu",
    "account": "your project's account, such as p200123",
    "walltime": 'how long a worker job runs, such as "06:00:00"',
    "cores": "cores of a worker job: all cores of a node, if a job always gets whole nodes",
    "memory": "memory of a worker job, such as 480GB",
}
