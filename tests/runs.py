"""The results of runs, for comparisons in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def result_bytes(out: Path) -> dict[str, bytes]:
    """Read candidates and manifests, by file name; the same input gives the same bytes."""
    files = [*out.glob("candidates/*.parquet"), *out.glob("manifests/*.json")]
    assert files
    return {str(file.relative_to(out)): file.read_bytes() for file in files}
