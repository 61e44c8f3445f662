"""Write the report of a run, a batch at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow.compute as pc

from floodscan.errors import OutputError
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.report.html import candidate_columns, event_columns
from floodscan.report.html.coasts import draw_near, draw_world
from floodscan.report.html.details import BlockMaker, window_around
from floodscan.report.html.event_columns import EventColumns
from floodscan.report.html.page import read_libraries, write_data, write_head, write_tail
from floodscan.report.html.run_facts import describe_run, list_slots
from floodscan.report.html.shown_manifest import read_shown
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.report.html.candidate_columns import Slot
    from floodscan.report.html.coasts import Box
    from floodscan.report.html.details import Block
    from floodscan.report.html.shown_manifest import ShownManifest
    from floodscan.store import RunFolder

    Json = dict[str, Any]
    Manifests = dict[str, ShownManifest]

MOST_IDS = 800_000
"""With more candidates, only chosen scenes and runners-up have their ids in the report."""

MOST_DETAILS = 11_000_000
"""Letters of details; events after that are in the table only."""


def write_report(folder: RunFolder, path: str | Path | None = None) -> Path:
    """Write the report of a run. The same run at the same place gives the same bytes.

    Args:
        folder: A run; one that is not finished is reported as far as it is.
        path: File to write; None is ``report.html`` in the folder of the run.

    Returns:
        The file.

    Raises:
        OutputError: The folder holds no run, or the file can't be written.
        ManifestError: A manifest is missing or damaged.
    """
    run = folder.read_run()
    folder.check_events()
    folder.check_candidates()
    target = Path(path) if path else folder.path / "report.html"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary, temporary.open("w", encoding="utf-8") as file:
            for piece in _write_pieces(folder, run, target):
                file.write(piece)
    except OSError as err:
        raise OutputError(f"{target}: can't be written: {err.strerror or err}") from err
    return target


def _write_pieces(folder: RunFolder, run: Json, target: Path) -> Iterator[str]:
    slots = list_slots(recipe_from_dict(run["recipe"], source=str(folder.run_path)))
    pieces = _Pieces(folder, slots)
    yield write_head(f"floodscan report: {run['catalog']['id']}")
    yield from pieces.write_blocks()
    facts = describe_run(folder, run) | {
        "all_ids": pieces.all_ids,
        "manifests": None if folder.packed else _path_from(target, folder.manifests_path),
        "libraries": read_libraries(),
    }
    yield write_data("run", facts)
    yield write_data("events", pieces.events.finish())
    yield write_data("world", draw_world())
    yield write_data("near", draw_near(pieces.windows))
    yield write_tail()


class _Pieces:
    """The parts of the page that come from batches.

    Attributes:
        all_ids: Whether all candidates get their ids.
        events: The table of events.
        windows: The windows of the maps of events, degrees.
    """

    def __init__(self, folder: RunFolder, slots: list[Slot]) -> None:
        counts = (
            pc.sum(rows["n_candidates"]).as_py() or 0
            for _, rows in folder.events.batches(["n_candidates"])
        )
        self.all_ids = sum(counts) <= MOST_IDS
        self.events = EventColumns(slots)
        self.windows: list[Box] = []
        self._folder = folder
        self._maker = BlockMaker(slots, all_ids=self.all_ids)

    def write_blocks(self) -> Iterator[str]:
        """Write the details of one batch after the other, as long as there is room."""
        room = MOST_DETAILS
        for number, (batch, rows) in enumerate(
            self._folder.events.batches([*event_columns.READ_COLUMNS])
        ):
            ends = {row["event_id"]: row for row in rows.to_pylist()}
            manifests = self._read_manifests(batch, ends)
            details = self._read_details(batch, manifests)
            block = write_data(f"block{number}", details.content) if manifests else ""
            has_room = len(block) <= room
            if has_room:
                room -= len(block)
                yield block
            places = {name: (number, place) for place, name in enumerate(manifests) if has_room}
            for name, end in ends.items():
                self.events.add(
                    end, manifests.get(name), clouds=details.clouds, place=places.get(name)
                )

    def _read_details(self, batch: str, manifests: Manifests) -> Block:
        self.windows += [window_around(each.event["bbox"]) for each in manifests.values()]
        candidates = self._folder.read_part(batch, candidate_columns.READ_COLUMNS)
        return self._maker.make(manifests, candidates)

    def _read_manifests(self, batch: str, ends: dict[str, Json]) -> Manifests:
        """Read the manifests of a batch; an event that was given up has none."""
        names = [
            name
            for name, end in ends.items()
            if not any(reason["target_id"] is None for reason in end["reasons"])
        ]
        contents = self._folder.read_manifests(batch, names)
        return {
            name: read_shown(content, source=f"{self._folder.path}: {name}")
            for name, content in zip(names, contents, strict=True)
        }


def _path_from(target: Path, path: Path) -> str:
    """Write a path as an address from a page."""
    return quote(Path(os.path.relpath(path.absolute(), target.absolute().parent)).as_posix())
