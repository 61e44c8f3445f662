"""Odd and hostile lists: one clear message, or one rejected row each, and never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from floodscan.errors import EventError
from tests.event_lists.made_up import (
    CATALOG_YAML,
    KML,
    RING,
    activation,
    answer,
    collection,
    convert,
    database,
    episode,
    quoted,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

ODD: tuple[object, ...] = (
    *(None, True, 7, -1.5, "", "\x1b]0;x\x07", "9" * 5000),
    *([], [[]], {}, {"a": None}, 10**400),
)
"""Values that stand where others belong."""

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
    f"{chr(n + 1)}: &{chr(n + 1)} [*{chr(n)}, *{chr(n)}]\n" for n in range(98, 121)
)
FILES: dict[str, tuple[str, Any]] = {
    "no file": ("none.json", None),
    "empty JSON": ("e.json", ""),
    "half a JSON": ("e.json", '{"results": [{"code"'),
    "JSON of deep lists": ("e.json", "[" * 100_000),
    "a list": ("e.json", []),
    "a number": ("e.json", 7),
    "an empty object": ("e.json", {}),
    "no activation": ("e.json", answer()),
    "results that are none": ("e.json", {"results": 7}),
    "unknown members": ("e.json", {"a": {"b": 1}}),
    "a collection without features": ("e.json", collection()),
    "no text": ("e.yaml", b"\xff\xfe\x00\xd8"),
    "half a YAML": ("e.yaml", "Floods: ["),
    "YAML with a tag of Python": ("e.yaml", "Floods: !!python/object/apply:os.getcwd []"),
    "YAML of deep lists": ("e.yaml", "[" * 10_000),
    "YAML without floods": ("e.yaml", "a: 1"),
    "YAML that is a text": ("e.yaml", "flood"),
    "YAML whose floods grow": ("e.yaml", f"{LAUGHS}Flood: *y"),
    "TOML": ("e.toml", '[[event]]\nevent_id = "a"'),
    "unknown ending": ("e.docx", "a"),
    "empty CSV": ("e.csv", ""),
    "CSV with another header": ("e.csv", "a,b\n1,2\n"),
    "a Shapefile of text": ("e.shp", "text"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_list_is_one_message(name: str, tmp_path: Path) -> None:
    """It names the file, in one short line, or no row is left."""
    file, content = FILES[name]
    path = tmp_path / file
    if content is not None:
        write(path, content)
    problem = None
    try:
        done = convert(path)
    except EventError as err:
        problem = err
    if problem is None:
        assert len(done.events) == 0
        return
    assert str(problem).startswith(str(path))
    assert len(problem.problems) == 1
    assert len(str(problem)) < 500 + len(str(path))
    assert str(problem).isprintable()


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
@pytest.mark.parametrize(
    "member", [*activation(), "aois.0", "number", "extent", "products", "images"]
)
def test_each_odd_member_of_an_activation_rejects_or_changes_its_row(
    member: str, odd: object, tmp_path: Path
) -> None:
    """The other activation is converted, and each row is an event or rejected."""
    found = activation()
    if member == "aois.0":
        found["aois"][0] = odd
    elif member in {"number", "extent", "products"}:
        found["aois"][0][member] = odd
    elif member == "images":
        found["aois"][0]["products"][0][member] = odd
    else:
        found[member] = odd
    text = json.dumps(answer(found, activation(code="EMSR002")))
    path = write(tmp_path / "e.json", text)
    if isinstance(odd, int) and odd > 10**300:
        with pytest.raises(EventError, match="can't be read"):
            convert(path)
        return
    done = convert(path)
    assert len(done.events) + len(done.rejected) == done.n_rows
    ids = done.events["event_id"].to_pylist()
    assert {"EMSR002_AOI01", "EMSR002_AOI02"} <= set(ids)
    assert all(each.reason and len(each.reason) < 300 for each in done.rejected)


@pytest.mark.parametrize("odd", ODD[:-1], ids=lambda odd: repr(odd)[:12])
@pytest.mark.parametrize("member", [*episode(1)["properties"], "geometry", "properties"])
def test_each_odd_member_of_gdacs_rejects_or_changes_its_row(
    member: str, odd: object, tmp_path: Path
) -> None:
    """The other flood is converted."""
    found = episode(1)
    (found if member in found else found["properties"])[member] = odd
    path = write(tmp_path / "e.json", collection(episode(1, eventid=8), found))
    done = convert(path)
    assert "GDACS_FL_8" in done.events["event_id"].to_pylist()
    assert len(done.events) + len(done.rejected) == done.n_rows


@pytest.mark.parametrize(
    "kml",
    [
        "",
        "POLYGON EMPTY",
        "<Polygon/>",
        "<Point><coordinates>1,2</coordinates></Point>",
        KML.format(""),
        KML.format("1,2"),
        KML.format("a,b c,d e,f a,b"),
        KML.format("nan,nan 1,1 2,2 nan,nan"),
        KML.format("1e300,1 1,1 2,2 1e300,1"),
        KML.format("0,100 1,100 1,101 0,100"),
        KML.format(RING)[:-20],
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Polygon>&b;</Polygon>',
        "<a>" * 5000,
    ],
    ids=lambda kml: kml[:30],
)
def test_an_odd_outline_of_kml_rejects_its_row(kml: str, tmp_path: Path) -> None:
    """The other row is converted."""
    cell = quoted(kml.replace('"', '""'))
    rows = (f"1|2/18/2015|3/1/2015|{cell}", f"2|2/18/2015|3/1/2015|{quoted(KML.format(RING))}")
    done = convert(write(tmp_path / "gfd.csv", database(*rows)))
    assert done.events["event_id"].to_pylist() == ["GFD_2"]
    assert [each.row for each in done.rejected] == ["line 2"]
    assert len(done.rejected[0].reason) < 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("act_id: 470", "act_id: x"),
        ("20201005T180000", "20201305T180000"),
        ("20201005T180000", "*DATA_PATH"),
        ("20201005T180000", "[a, b]"),
        ("aoi_id: '01'", "aoi_id: ../../x"),
        ("aoi_name: Oti River", "aoi_name: {a: b}"),
        ("- act_id: 470", "- 7\n  - act_id: 470"),
    ],
)
def test_odd_floods_of_kuro_siwo_reject_their_rows(old: str, new: str, tmp_path: Path) -> None:
    """The others stay."""
    areas = {name: shapely.box(0, 0, 1, 1) for name in ("EMSR470", "KS_1111002_01")}
    path = write(tmp_path / "c.yaml", CATALOG_YAML.replace(old, new, 1))
    done = convert(path, areas=areas)
    assert "KS_1111002_01" in done.events["event_id"].to_pylist()
    assert len(done.events) + len(done.rejected) == done.n_rows
