"""The log of a command: on the screen with ``--verbose``, and in a file with ``--log-file``.

Each record is one line: time in UTC, level, logger, message. Control characters are written as
escapes, and URLs lose user, password and query.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from floodscan.errors import OutputError, public_text
from floodscan.report.screen import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = "floodscan"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@contextmanager
def open_log(n_verbose: int, path: str | None) -> Iterator[None]:
    """Log what floodscan does.

    The screen gets warnings, with ``-v`` also what is done, and with ``-vv`` everything. The file
    gets what is done, and with ``-vv`` everything. Records of other packages are fewer: errors on
    the screen, and warnings in the file.

    Args:
        n_verbose: How often ``-v`` was given.
        path: The log file, to which records are added; None for none.

    Raises:
        OutputError: The file can't be written.
    """
    shown = _LEVELS[min(n_verbose, 2)]
    kept = min(shown, logging.INFO)
    screen = _Screen(_Levels(shown, logging.ERROR), plain=n_verbose == 0)
    handlers: list[logging.Handler] = [screen]
    if path is not None:
        handlers.append(_open_file(path, _Levels(kept, logging.WARNING)))
    root, ours = logging.getLogger(), logging.getLogger(_OURS)
    before = ours.level
    # a root logger with handlers keeps distributed, which is imported later, from adding its own
    for handler in handlers:
        root.addHandler(handler)
    ours.setLevel(shown if path is None else kept)
    try:
        yield
    finally:
        ours.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            with suppress(OSError):  # of a full disk, which was reported
                handler.close()


def wanted_level() -> int | None:
    """Return the level at which workers log too; None if the log is not wanted."""
    level = logging.getLogger(_OURS).level
    return level if logging.NOTSET < level < logging.WARNING else None


class _Levels(logging.Filter):
    """Passes records of floodscan from one level on, and those of others from another one on."""

    def __init__(self, ours: int, others: int) -> None:
        super().__init__()
        self._ours, self._others = ours, others

    def filter(self, record: logging.LogRecord) -> bool:
        is_ours = record.name.partition(".")[0] == _OURS
        return record.levelno >= (self._ours if is_ours else self._others)


class _OneLine(logging.Formatter):
    """Writes a record as one line, with its traceback if it has one."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return clean(public_text(super().format(record)))


class _Message(logging.Formatter):
    """Writes only the message of a record; its lines stay lines."""

    def format(self, record: logging.LogRecord) -> str:
        lines = public_text(super().format(record)).split("\n")
        return "\n".join(map(clean, lines))


class _Screen(logging.Handler):
    """Prints records on the standard error, above a progress bar if there is one."""

    def __init__(self, levels: logging.Filter, *, plain: bool) -> None:
        super().__init__()
        self.addFilter(levels)
        self.setFormatter(_Message() if plain else _OneLine())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # not kept: a progress bar puts its own stream there
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except OSError:
            pass  # a closed terminal must not end the run


class _File(logging.FileHandler):
    """Adds records to a file; a full disk is reported once, and does not end the run."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as inherited
        del record
        err = sys.exception()
        if not isinstance(err, OSError):
            raise  # noqa: PLE0704 - logging calls this where it handles an error
        if not self._has_failed:
            self._has_failed = True
            sys.stderr.write(clean(f"--log-file {self.baseFilename}: {err.strerror}") + "\n")


def _open_file(path: str, levels: logging.Filter) -> logging.Handler:
    try:
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except OSError as err:
        message = f"--log-file {path}: can't be written: {err.strerror}"
        raise OutputError(f"{message}; choose another file") from err
    handler.addFilter(levels)
    handler.setFormatter(_OneLine())
    return handler
