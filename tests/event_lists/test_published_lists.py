"""The published lists, as their authors give them: each row is an event or has a reason."""

from __future__ import annotations

import warnings
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest
import shapely
from click.testing import CliRunner

from floodscan.cli.group import cli
from floodscan.errors import EventWarning
from floodscan.event_lists.convert import convert_list, write_conversion
from floodscan.event_lists.kinds import ListKind
from floodscan.event_lists.rows import ListOptions
from floodscan.inputs.event_files import read_events
from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS
from tests.event_lists.made_up import convert

if TYPE_CHECKING:
    from pathlib import Path


def test_global_flood_database(foreign_data: Path) -> None:
    """913 floods, of which 129 are from 2015 on; a spreadsheet has cut three outlines."""
    path = foreign_data / "floods" / "gfd_qcdatabase_2019_08_01.csv"
    done = convert(path)
    assert (done.kind, done.n_rows, len(done.events)) == (ListKind.GFD, 913, 910)
    assert Counter(each.field for each in done.rejected) == {"geometry": 3}
    assert all("is cut off after 32759 letters" in each.reason for each in done.rejected)
    assert len(convert(path, since=date(2015, 1, 1)).events) == 129


def test_dartmouth(foreign_data: Path) -> None:
    """4,825 floods: 156 outlines that cross themselves are repaired and reported."""
    path = foreign_data / "floods" / "dfo_polys_20191203.shp"
    with pytest.warns(EventWarning) as caught:
        done = convert_list([path])
    assert (done.kind, done.n_rows, len(done.events)) == (ListKind.DARTMOUTH, 4825, 4825)
    assert shapely.is_valid(shapely.from_wkb(done.events["geometry"].to_numpy())).all()
    (repaired,) = [str(w.message) for w in caught if "invalid areas are rep" in str(w.message)]
    assert repaired.endswith(" and 146 more")  # than the ten that are named
    assert done.events["event_id"].to_pylist().count("DFO_278_2") == 1


def test_emergency_mapping(foreign_data: Path) -> None:
    """A flood of six areas with the experts' scenes; a wildfire, and a list of three fires."""
    folder = foreign_data / "floods" / "cems"
    done = convert(folder / "EMSR871-flood-detail.json")
    events = done.events.to_pylist()
    assert [each["event_id"] for each in events] == [f"EMSR871_AOI0{n}" for n in range(1, 7)]
    first = events[0]["expert_scenes"][0]
    hours = (first["time"] - events[0]["onset"]).total_seconds() / 3600
    assert (first["satellite"], round(hours)) == ("Sentinel-1", 14)
    for name, n_rows in (("EMSR842-wildfire-detail", 1), ("rapidmapping-activations-list", 3)):
        fires = convert(folder / f"{name}.json")
        assert [each.field for each in fires.rejected] == ["category"] * n_rows


def test_gdacs(foreign_data: Path) -> None:
    """Two episodes of one flood are one event."""
    done = convert(*sorted((foreign_data / "floods" / "gdacs").iterdir()))
    (event,) = done.events.to_pylist()
    assert (event["event_id"], event["event_date"]) == ("GDACS_FL_1102983", date(2024, 10, 27))
    assert (done.rejected, event["onset"].hour) == ([], 15)


def test_mmflood_and_kuro_siwo(foreign_data: Path) -> None:
    """95 activations as circles; and the areas of Kuro Siwo of which these are the place."""
    activations = convert(foreign_data / "floods" / "activations.json", buffer_km=20.0)
    assert (activations.n_rows, len(activations.events)) == (95, 95)
    ids, areas = (activations.events[name] for name in ("event_id", "geometry"))
    known = dict(zip(ids.to_pylist(), shapely.from_wkb(areas.to_numpy()), strict=True))
    done = convert(*(foreign_data / "floods").glob("kurosiwo_*.yaml"), areas=known)
    assert (done.n_rows, len(done.events), len(done.rejected)) == (79, 54, 25)
    assert {each.field for each in done.rejected} == {"geometry"}
    assert done.events["onset"].null_count < len(done.events)


def test_a_published_list_goes_into_a_plan(foreign_data: Path, tmp_path: Path) -> None:
    """All events of the file are read again, with the same areas, and are planned."""
    path, out = foreign_data / "floods" / "gfd_qcdatabase_2019_08_01.csv", tmp_path / "e.parquet"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = convert_list([path], options=ListOptions(since=date(2015, 1, 1)))
    write_conversion(done, out)
    events = read_events(out, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS)
    assert [event.event_id for event in events] == done.events["event_id"].to_pylist()
    assert [event.aoi.wkb for event in events] == done.events["geometry"].to_pylist()
    planned = CliRunner().invoke(cli, ["plan", str(out), "--json"])
    assert planned.exit_code == 0
    assert planned.stdout.count('"event_id"') == 129
