"""Print what is to be said about an event file: notes, and all problems as JSON."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from floodscan.cli.output import print_json, print_problem
from floodscan.errors import EventError, EventWarning

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def report_events(*, as_json: bool) -> Iterator[None]:
    """Print the notes about an event file that is read inside the context.

    If the file is invalid and JSON is wanted, the standard output has all problems.

    Raises:
        EventError: The file is invalid, as the reader says.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", EventWarning)
        show = warnings.showwarning

        def print_note(message: Warning | str, category: type[Warning], *place: object) -> None:
            if issubclass(category, EventWarning):
                print_problem(f"note: {message}", style="yellow")
            else:
                show(message, category, *place)  # type: ignore[arg-type]

        warnings.showwarning = print_note  # type: ignore[assignment]
        try:
            yield
        except EventError as err:
            if as_json:
                print_json({"file": err.source, "problems": list(map(asdict, err.problems))})
            raise
