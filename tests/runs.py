"""What tests compare of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def result_bytes(out: Path) -> dict[str, bytes]:
    """Read all that the same input must give the same bytes of: candidates and manifests, by file name."""
    files = [*out.glob("candidates/*.parquet"), *out.glob("manifests/*.json")]
    assert files
    return {str(file.relative_to(out)): file.read_bytes() for file in files}
