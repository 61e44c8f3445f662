"""The kinds of lists, and how a file of each is recognised."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from floodscan.event_lists.emergency_mapping import read_activations, read_mmflood
from floodscan.event_lists.gdacs import list_features, read_gdacs
from floodscan.event_lists.json_files import members, read_json
from floodscan.event_lists.kuro_siwo import read_kuro_siwo
from floodscan.event_lists.observatory import read_dartmouth, read_global_flood_database
from floodscan.event_lists.tables import open_any, read_tables
from floodscan.inputs.columns import fold
from floodscan.inputs.event_files import translated_errors
from floodscan.inputs.notices import Notes, file_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from floodscan.event_lists.rows import Converter


class ListKind(StrEnum):
    """The kinds of lists that can be converted."""

    EMS = "ems"
    MMFLOOD = "mmflood"
    GDACS = "gdacs"
    GFD = "gfd"
    DARTMOUTH = "dartmouth"
    KURO_SIWO = "kuro-siwo"
    TABLE = "table"


CONVERTERS: Final[Mapping[ListKind, Converter]] = {
    ListKind.EMS: read_activations,
    ListKind.MMFLOOD: read_mmflood,
    ListKind.GDACS: read_gdacs,
    ListKind.GFD: read_global_flood_database,
    ListKind.DARTMOUTH: read_dartmouth,
    ListKind.KURO_SIWO: read_kuro_siwo,
    ListKind.TABLE: read_tables,
}


def recognise(path: Path) -> ListKind:
    """Return the kind of a list, by its ending and its names.

    Raises:
        EventError: It can't be read, or is of no known kind.
    """
    ending = path.suffix.lower()
    if ending in {".yaml", ".yml"}:
        return ListKind.KURO_SIWO
    if ending in {".json", ".geojson"}:
        return _recognise_json(path)
    if ending == ".toml":
        raise file_error(path, "is an event file already: floodscan plan and scan read it")
    with translated_errors(path):
        names = set(map(fold, open_any(path, Notes()).header or ()))
    if {"id", "began", "ended"} <= names:
        return ListKind.GFD if "threshtype" in names else ListKind.DARTMOUTH
    return ListKind.TABLE


def _recognise_json(path: Path) -> ListKind:
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise file_error(path, "must be an object")
    if "code" in raw or ("results" in raw and "features" not in raw):
        return ListKind.EMS
    first = list_features(raw)[0]
    about = first.get("properties") if isinstance(first, dict) else None
    if isinstance(about, dict) and {"eventtype", "eventid"} <= about.keys():
        return ListKind.GDACS
    if "type" in raw or members(raw, "features"):
        return ListKind.TABLE
    if raw and all(isinstance(each, dict) and "start" in each for each in raw.values()):
        return ListKind.MMFLOOD
    raise file_error(
        path, f"is no list of a known kind; name one with --kind: {', '.join(ListKind)}"
    )
