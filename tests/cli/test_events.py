"""``floodscan events``: what it prints, writes and returns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from floodscan.cli.commands.events import LIST_KINDS
from floodscan.cli.group import cli
from floodscan.cli.main import main
from floodscan.errors import OutputError
from floodscan.event_lists.kinds import ListKind
from tests.catalogs.test_emergency_mapping import serve
from tests.event_lists.made_up import CATALOG_YAML, activation, answer, write

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test."""
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["events", *words])


def run_strictly(*words: str) -> None:
    """Run the command, and raise its errors."""
    CliRunner().invoke(cli, ["events", *words], catch_exceptions=False)


def test_kinds_of_the_command_are_all_kinds() -> None:
    """The command writes them out, so that its help imports little."""
    assert list(LIST_KINDS) == list(ListKind)


def test_an_activation_is_fetched_converted_shown_and_planned(tmp_path: Path) -> None:
    """The way of a user, with the next command printed each time."""
    with serve() as url:
        fetched = run("fetch", "EMSR001", "--url", url)
    assert fetched.exit_code == 0
    assert fetched.stdout.splitlines()[0] == "EMSR001: Flood in Nowhere, 2 areas"
    *_, command = fetched.stdout.splitlines()
    assert command == "Convert:  floodscan events convert EMSR001.json --out events.parquet"
    done = run(*command.split()[3:])
    assert done.exit_code == 0
    assert "2 rows of kind ems: 2 events" in done.stdout
    assert "Plan:     floodscan plan events.parquet" in done.stdout
    shown = run("show", "events.parquet", "--map", "map.png")
    assert "2 events in events.parquet, 2026-03-31 to 2026-03-31" in shown.stdout
    assert (tmp_path / "map.png").stat().st_size > 20_000
    planned = CliRunner().invoke(cli, ["plan", "events.parquet", "--json"])
    assert [each["event_id"] for each in json.loads(planned.stdout)] == [
        "EMSR001_AOI01",
        "EMSR001_AOI02",
    ]


def test_rejected_rows_are_counted_by_field(tmp_path: Path) -> None:
    """With the first of each; the status says whether an event is left."""
    fire = activation(category="Wildfire", subCategory="", name="", code="EMSR002")
    write(tmp_path / "l.json", answer(activation(), fire))
    done = run("convert", "l.json")
    assert done.exit_code == 0
    assert "1 row rejected, in events.rejected.csv" in done.stdout
    assert "EMSR002  is 'Wildfire', which is no flood" in done.stdout
    write(tmp_path / "f.json", answer(fire))
    run("convert", "f.json", "--out", "none.parquet")
    assert not (tmp_path / "none.parquet").exists()
    assert (tmp_path / "none.rejected.csv").exists()


def test_a_list_without_an_event_ends_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a script does not go on."""
    path = write(tmp_path / "f.json", answer(activation(category="", subCategory="", name="")))
    monkeypatch.setattr("sys.argv", ["floodscan", "events", "convert", str(path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2


def test_conversion_as_json(tmp_path: Path) -> None:
    """Counts, and all rejected rows."""
    write(tmp_path / "l.json", answer(activation(), 7))
    done = run("convert", "l.json", "--json")
    found = json.loads(done.stdout)
    assert (found["kind"], found["rows"], found["events"]) == ("ems", 3, 2)
    assert found["rejected"] == [
        {"file": "l.json", "row": "activation 2", "field": "", "reason": "must be an object"}
    ]


def test_areas_come_from_another_list(tmp_path: Path) -> None:
    """As Kuro Siwo needs them."""
    write(tmp_path / "k.yaml", CATALOG_YAML)
    head = "event_id,event_date,west,south,east,north"
    write(tmp_path / "areas.csv", f"{head}\nEMSR470_AOI01,2020-10-05,0,9,1,10\n")
    done = run("convert", "k.yaml", "--areas", "areas.csv")
    assert "3 rows of kind kuro-siwo: 1 event" in done.stdout


def test_a_list_does_not_replace_itself(tmp_path: Path) -> None:
    """The default name of the output may be that of the list."""
    content = "event_id,event_date,west,south,east,north\n"
    write(tmp_path / "events.parquet", content)
    with pytest.raises(OutputError, match="is the list itself"):
        run_strictly("convert", "events.parquet")
    assert (tmp_path / "events.parquet").read_text() == content


def test_a_polar_event_is_converted_and_planned(tmp_path: Path) -> None:
    """With a note, and without a crash."""
    head = "event_id,event_date,west,south,east,north"
    write(tmp_path / "p.csv", f"{head}\nn,2021-07-15,6,85,9,86\ns,2021-07-15,-90,-89,80,-82\n")
    done = run("convert", "p.csv")
    assert (done.exit_code, "beyond 84° north" in done.stderr) == (0, True)
    planned = CliRunner().invoke(cli, ["plan", "events.parquet"])
    assert planned.exit_code == 0


def test_events_of_any_file_are_summed_up_as_json() -> None:
    """Also the bundled one."""
    found = json.loads(run("show", "demo", "--json").stdout)
    assert (found["events"], found["continents"]) == (1, {"Europe": 1})


@pytest.mark.parametrize(
    "words",
    [
        ("convert",),
        ("convert", "l.json", "--max-area", "0"),
        ("convert", "l.json", "--buffer-km", "-1"),
        ("convert", "l.json", "--since", "soon"),
        ("convert", "l.json", "--kind", "dfo"),
        ("show",),
        ("fetch",),
    ],
)
def test_wrong_options_are_refused(words: tuple[str, ...]) -> None:
    """By click, before any file is read."""
    done = run(*words)
    assert done.exit_code == 2
    assert "Usage: " in done.stderr
