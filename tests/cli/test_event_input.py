"""Notes and problems of event files on the screen and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

HEAD = "event_id,west,south,east,north,event_date"
BOWTIE = "POLYGON ((6 49, 7 50, 7 49, 6 50, 6 49))"


@pytest.fixture
def invalid(tmp_path: Path) -> Path:
    """A file with 30 invalid rows."""
    rows = [f"e{n},6,49,6,49.5,2021-07-15" for n in range(30)]
    (tmp_path / "e.csv").write_text("\n".join([HEAD, *rows]))
    return tmp_path / "e.csv"


@pytest.mark.parametrize("command", ["plan", "scan"])
def test_screen_shows_twenty_problems(command: str, invalid: Path, run: Run) -> None:
    """And counts the others."""
    status, output, errors = run(command, invalid)
    assert (status, output) == (2, "")
    assert errors.count("has no area") == 20
    assert errors.endswith("and 10 more problems; floodscan plan --json prints all\n")


@pytest.mark.parametrize("command", ["plan", "scan"])
def test_json_has_all_problems(command: str, invalid: Path, run: Run) -> None:
    """Each with row, field and text."""
    status, output, _ = run(command, invalid, "--json")
    assert status == 2
    found = json.loads(output)
    assert found["file"] == str(invalid)
    assert [problem["row"] for problem in found["problems"]] == [f"line {n}" for n in range(2, 32)]
    assert found["problems"][0] == {"row": "line 2", "field": "bbox", "text": "has no area"}


def test_note_about_a_repair_is_printed(tmp_path: Path, run: Run) -> None:
    """On the standard error; the output is the plan."""
    path = tmp_path / "e.csv"
    path.write_text(f'event_id;event_date;geometry\na;2021-07-15;"{BOWTIE}"\n')
    status, output, errors = run("plan", path, "--json")
    assert status == 0
    assert json.loads(output)[0]["event_id"] == "a"
    assert errors.startswith(f"note: {path}: invalid areas are repaired: line 2 (Self-intersection")
