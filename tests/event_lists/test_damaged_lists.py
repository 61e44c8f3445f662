"""Damaged lists of every kind: one clear message, or one rejected row each."""

from __future__ import annotations

import io
import random
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from floodscan.errors import EventError
from tests.event_lists.made_up import (
    CATALOG_YAML,
    KML,
    RING,
    SQUARE,
    activation,
    answer,
    collection,
    convert,
    database,
    episode,
    observatory,
    quoted,
    workbook,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from floodscan.event_lists.convert import Conversion

AREAS = {"EMSR470": shapely.box(0, 0, 1, 1), "KS_1111002_01": shapely.box(0, 0, 1, 1)}
MMFLOOD = {"EMSR470": {"title": "Flood", "start": "2020-10-07T07:59:00", "lat": 10.3, "lon": 0.5}}
TABLE = "event_id,event_date,wkt\n" + f'a,2021-07-15,"{SQUARE}"\nb,2021-07-16,"{SQUARE}"\n'
SHEET = workbook(["id", "date", "wkt"], ["a", "2021-07-15", SQUARE], ["b", "2021-07-16", SQUARE])
N_CUTS, N_FLIPS = 30, 40


def write_vector(path: Path) -> Path:
    """Write two events with a library of the format of its ending."""
    dates = pd.to_datetime(["2021-07-15", "2021-07-16"]).date
    columns = {"event_id": ["a", "b"], "event_date": dates}
    areas = [shapely.box(6, 49, 7, 50), shapely.box(8, 49, 9, 50)]
    frame = gpd.GeoDataFrame(columns, geometry=areas, crs="EPSG:4326")
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


LISTS: dict[str, Callable[[Path], Path]] = {
    "ems": lambda folder: write(folder / "e.json", answer(activation(), activation(code="E2"))),
    "gdacs": lambda folder: write(folder / "e.json", collection(episode(1), episode(1, eventid=8))),
    "mmflood": lambda folder: write(folder / "e.json", MMFLOOD),
    "gfd": lambda folder: write(
        folder / "e.csv", database(f"1|2/18/2015|3/1/2015|{quoted(KML.format(RING))}")
    ),
    "kuro-siwo": lambda folder: write(folder / "e.yaml", CATALOG_YAML),
    "csv": lambda folder: write(folder / "e.csv", TABLE),
    "dartmouth": lambda folder: observatory(folder / "e.shp", [shapely.box(0, 0, 1, 1)], [1]),
    "gpkg": lambda folder: write_vector(folder / "e.gpkg"),
    "fgb": lambda folder: write_vector(folder / "e.fgb"),
    "parquet": lambda folder: write_vector(folder / "e.parquet"),
}


def damage(content: bytes, seed: str) -> Iterator[bytes]:
    """Yield a content cut at many places, and with bytes that are changed."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    for number in range(N_CUTS):
        yield content[: len(content) * number // N_CUTS]
    for _ in range(N_FLIPS):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 1, 3, 20])):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        yield bytes(changed)


def try_to_convert(path: Path) -> Conversion | None:
    """Convert a list, or check the message."""
    try:
        done = convert(path, areas=AREAS, buffer_km=10.0, wkt="wkt" if is_table(path) else None)
    except EventError as err:
        check_message(err, path)
        return None
    assert len(done.events) + len(done.rejected) == done.n_rows
    assert [e.reason for e in done.rejected if not e.reason.isprintable()] == []
    return done


def check_message(err: EventError, path: Path) -> None:
    """The message of a file as a whole is one short line that begins with the file's name."""
    assert len(err.problems) == 1
    assert str(err).startswith(str(path))
    assert str(err).isprintable()
    assert len(str(err)) < 700 + len(str(path))


def is_table(path: Path) -> bool:
    """Whether the area of a list is in a column of WKT."""
    return path.suffix == ".xlsx" or (path.suffix == ".csv" and b"wkt" in path.read_bytes())


@pytest.mark.parametrize("kind", LISTS)
def test_a_damaged_list_is_one_message_or_rejected_rows(kind: str, tmp_path: Path) -> None:
    """Cut at any place, or with other bytes; never a traceback, and no row is lost."""
    path = LISTS[kind](tmp_path)
    whole = try_to_convert(path)
    assert whole is not None
    assert len(whole.events) >= 1
    parts = [each for each in tmp_path.iterdir() if each.stem == path.stem]
    for part in parts:
        content = part.read_bytes()
        for damaged in damage(content, kind):
            part.write_bytes(damaged)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try_to_convert(path)
        part.write_bytes(content)


def test_a_damaged_excel_file_is_one_message_or_rejected_rows(tmp_path: Path) -> None:
    """Its reader runs in another process, so only some damages are tried."""
    path = write(tmp_path / "e.xlsx", SHEET)
    whole = try_to_convert(path)
    assert whole is not None
    assert len(whole.events) == 2
    for damaged in list(damage(SHEET, "excel"))[:: (N_CUTS + N_FLIPS) // 10]:
        path.write_bytes(damaged)
        try_to_convert(path)


def replace_sheet(book: bytes, sheet: str) -> bytes:
    """Put another sheet into an Excel file, and pack it."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in source.namelist():
            packed.writestr(name, sheet if name.endswith("sheet1.xml") else source.read(name))
    return file.getvalue()


def test_an_excel_file_that_asks_for_too_much_memory_is_one_message(tmp_path: Path) -> None:
    """Two cells in opposite corners of a sheet are a terabyte to its reader."""
    cell = '<row r="{1}"><c r="{0}{1}" t="inlineStr"><is><t>x</t></is></c></row>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    corners = cell.format("A", 1) + cell.format("XFD", 1_048_576)
    sheet = f'<worksheet xmlns="{main}"><sheetData>{corners}</sheetData></worksheet>'
    path = write(tmp_path / "e.xlsx", replace_sheet(SHEET, sheet))
    assert path.stat().st_size < 2_000
    with pytest.raises(EventError, match=r"e\.xlsx: can't be read: it takes more than 4 GB"):
        convert(path)


def grow(levels: int, entry: str) -> str:
    """Write YAML in which each line doubles the one before."""
    doubled = (f"a{n}: &a{n} " + entry.format(f"*a{n - 1}") for n in range(1, levels))
    return "\n".join(["a0: &a0 {k: v}", *doubled])


@pytest.mark.parametrize("place", ["act_id", "act_region", "ref_date", "aoi_id", "aoi_name"])
def test_yaml_whose_lists_grow_is_read_as_it_is_written(place: str, tmp_path: Path) -> None:
    """The lists refer to each other, and nothing writes them out."""
    old = next(line for line in CATALOG_YAML.splitlines() if f"{place}:" in line)
    new = old[: old.index(f"{place}:")] + f"{place}: *a49"
    text = grow(50, "[{0}, {0}]") + CATALOG_YAML.replace(old, new, 1)
    done = try_to_convert(write(tmp_path / "e.yaml", text))
    assert done is not None
    assert "KS_1111002_01" in done.events["event_id"].to_pylist()


def test_yaml_whose_mappings_grow_is_refused(tmp_path: Path) -> None:
    """A merge copies all entries."""
    text = grow(50, "{{<<: [{0}, {0}]}}") + CATALOG_YAML
    with pytest.raises(EventError, match=r"is not YAML: the key '<<' is not read"):
        convert(write(tmp_path / "e.yaml", text))


def test_text_of_lists_is_kept_as_text(tmp_path: Path) -> None:
    """A tag in a name stays a name; one in an id is refused, because ids are names of files."""
    tag: Any = "<script>alert(1)</script>"
    done = convert(write(tmp_path / "e.json", answer(activation(name=f"Flood {tag}"))))
    assert done.events["name"].to_pylist()[0] == f"Flood {tag}: Upper"
    done = convert(write(tmp_path / "e.json", answer(activation(code=tag))))
    assert [each.field for each in done.rejected] == ["event_id"] * 2


@pytest.mark.parametrize("name", ["cems/EMSR871-flood-detail.json", "kurosiwo_*.yaml"])
def test_damaged_published_lists(name: str, foreign_data: Path, tmp_path: Path) -> None:
    """As the made-up ones."""
    (source,) = (foreign_data / "floods").glob(name)
    path = tmp_path / source.name
    for damaged in list(damage(source.read_bytes(), name))[::5]:
        path.write_bytes(damaged)
        try_to_convert(path)
