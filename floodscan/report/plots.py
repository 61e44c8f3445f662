"""Draw an event of a run: a map, a timeline and its coverage, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from floodscan.assessment.manifest_files import read_manifest
from floodscan.errors import OutputError
from floodscan.report.coverage import draw_coverage
from floodscan.report.event_ids import check_event
from floodscan.report.map import draw_map
from floodscan.report.timeline import draw_timeline

if TYPE_CHECKING:
    from floodscan.store import RunFolder


def plot(
    folder: RunFolder, event_id: str, *, to: str | Path | None = None, kind: str = "png"
) -> list[Path]:
    """Draw an event's map, its timeline and its coverage.

    Args:
        folder: A finished run.
        event_id: The event.
        to: Folder to write to; None is ``plots`` in the folder of the run.
        kind: ``png``, ``svg`` or ``pdf``.

    Returns:
        The files ``EVENT_map``, ``EVENT_timeline`` and ``EVENT_coverage``, with ``kind`` as their
        suffix.

    Raises:
        InputError: There is no such event, or the pictures can't be written to ``to``.
    """
    check_event(folder, event_id)
    manifest = read_manifest(folder.path, event_id)
    candidates = folder.read_candidates(event_id)
    target = Path(to) if to else folder.path / "plots"
    drawn = [target / f"{event_id}_{name}.{kind}" for name in ("map", "timeline", "coverage")]
    try:
        target.mkdir(parents=True, exist_ok=True)
        draw_map(manifest, drawn[0])
        draw_timeline(manifest, candidates, drawn[1])
        draw_coverage(manifest, drawn[2])
    except OSError as err:
        raise OutputError(
            f"{target}: can't be written: {err.strerror}; choose another --to"
        ) from err
    return drawn
