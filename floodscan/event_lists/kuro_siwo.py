"""The floods of Kuro Siwo, from the YAML file of its code.

The file names areas of Copernicus EMS activations, and has no outlines: they come from another
list of events, by id.

Source: https://github.com/Orion-AI-Lab/KuroSiwo
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from floodscan.event_lists.json_files import members
from floodscan.event_lists.rows import ListOptions, ListRow, text_of
from floodscan.event_lists.times import read_time
from floodscan.inputs.event_files import translated_errors
from floodscan.inputs.notices import FieldError, file_error
from floodscan.inputs.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from floodscan.inputs.notices import Notes

    Json = dict[str, Any]

_TIME: Final = "%Y%m%dT%H%M%S"
_FIRST_OWN: Final = 1_111_000  # below are numbers of activations


class _Loader(yaml.SafeLoader):
    """Reads plain values; paths, which are joined with a tag of their own, are left out.

    Merged mappings are refused: a few lines of them grow to gigabytes.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse the key ``<<``.

        Raises:
            ConstructorError: It is there.
        """
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "the key '<<' is not read", key.start_mark
                )


_Loader.add_constructor("!join", lambda *_: None)


def read_kuro_siwo(paths: Sequence[Path], options: ListOptions, _: Notes) -> Iterator[ListRow]:
    """Read the floods; each area becomes an event."""
    for path in paths:
        for number, flood in enumerate(members(read_yaml(path), "Floods"), 1):
            areas = members(flood, "aois")
            code = flood.get("act_id") if isinstance(flood, dict) else None
            row = f"flood {number}"
            if not isinstance(code, int) or not areas:
                yield ListRow(path, row, FieldError("", "needs act_id, a number, and aois"))
                continue
            for place, aoi in enumerate(areas, 1):
                row = f"flood {number}, area {place}"
                try:
                    yield ListRow(path, row, _read_area(code, flood, aoi, options))
                except FieldError as err:
                    yield ListRow(path, row, err)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - any YAML
    """Read a YAML file with the tag ``!join``.

    Raises:
        EventError: It can't be read, or is not YAML.
    """
    with translated_errors(path):
        try:
            return yaml.load(read_text(path), Loader=_Loader)  # noqa: S506 - a SafeLoader
        except yaml.YAMLError as err:
            reason = " ".join(str(err).split())
            raise file_error(path, f"is not YAML: {reason}") from err


def _read_area(code: int, flood: Json, aoi: object, options: ListOptions) -> Json:
    number = text_of(aoi.get("aoi_id")) if isinstance(aoi, dict) else None
    if number is None:
        raise FieldError("aoi_id", "is missing")
    day, onset = read_time("ref_date", flood.get("ref_date"), _TIME)
    event_id = f"KS_{code}_{number}" if code >= _FIRST_OWN else f"EMSR{code:03}_AOI{number}"
    return {
        "event_id": event_id,
        "event_date": day,
        # the floods that are no activations all have the hour 08:00
        "onset": None if code >= _FIRST_OWN else onset,
        "name": text_of(aoi.get("aoi_name")) if isinstance(aoi, dict) else None,
        "country": text_of(flood.get("act_region")),
        "source": "Kuro Siwo",
        "geometry": _find_area(event_id, options),
    }


def _find_area(event_id: str, options: ListOptions) -> Any:  # noqa: ANN401 - shapely has no types
    areas = options.areas or {}
    activation = event_id.partition("_AOI")[0]
    for known in (event_id, activation):
        if known in areas:
            return areas[known]
    if options.areas is None:
        raise FieldError(
            "geometry",
            f"is missing; name a list that has {event_id} or {activation} with --areas",
        )
    raise FieldError(
        "geometry",
        f"is missing; the list that --areas names has neither {event_id} nor {activation}",
    )
