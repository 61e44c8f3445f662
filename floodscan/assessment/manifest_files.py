"""Manifests on disk: read, and checked against their JSON schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from floodscan.assessment.manifest import parse_manifest
from floodscan.errors import ManifestError
from floodscan.store import RunFolder

if TYPE_CHECKING:
    from floodscan.assessment.manifest import Manifest


def read_manifest(path: str | Path, event_id: str | None = None) -> Manifest:
    """Read a manifest, and check it against its JSON schema.

    Args:
        path: A manifest file; with ``event_id``, the folder of a run.
        event_id: An event of that run.

    Raises:
        ManifestError: The file can't be read, or is not a manifest.
    """
    if event_id is not None:
        return parse_manifest(
            RunFolder(Path(path)).read_manifest(event_id), source=f"{path}: {event_id}"
        )
    try:
        return parse_manifest(Path(path).read_bytes(), source=str(path))
    except OSError as err:
        raise ManifestError(str(path), err.strerror or str(err)) from err
