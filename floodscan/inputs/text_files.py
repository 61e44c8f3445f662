"""Text of input files, as editors and spreadsheets save it."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path) -> str:
    """Read a text in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        OSError: The file can't be read.
        UnicodeDecodeError: It is in another encoding, or no text.
    """
    return path.read_bytes().decode(find_encoding(path))


def find_encoding(path: Path) -> str:
    """Return the encoding of a text file, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in {BOM_UTF16_LE, BOM_UTF16_BE} else "utf-8-sig"
