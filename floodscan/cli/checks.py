"""Checks that ``floodscan doctor`` makes: what passed, what failed, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from floodscan.catalogs import open_catalog
from floodscan.errors import FloodscanError
from floodscan.model import DEFAULT_SENSORS

if TYPE_CHECKING:
    from collections.abc import Callable


class Check(msgspec.Struct, frozen=True):
    """The result of a check.

    Attributes:
        name: What was checked.
        ok: True if the check passed.
        text: What was found, or what to do.
    """

    name: str
    ok: bool
    text: str


def check(name: str, look: Callable[[], str]) -> Check:
    """Make a check.

    Args:
        name: What is checked.
        look: Returns what it found. An error of floodscan or of the system is a failed check.
    """
    try:
        return Check(name, True, look())
    except (FloodscanError, OSError) as err:
        return Check(name, False, str(err))


def check_catalog(name: str, catalog: str) -> Check:
    """Check that a catalog answers and has the collections of the default recipe."""
    collections = [asked.collection for asked in DEFAULT_SENSORS.values()]
    return check(name, lambda: f"{open_catalog(catalog).describe(collections)} answers")
