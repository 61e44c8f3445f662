"""Text of catalogs, paths and files on a terminal: printed literally, without any effect."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from io import StringIO
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from floodscan.report.screen import clean, print_indented, print_line, show
from floodscan.testing.build_demo import DEMO_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EVENT = "luxembourg_flood_2021_multimodal"
TITLE, COLOUR, C1 = "\x1b]0;owned\x07", "\x1b[31;5m", "\x9b2J"
HOSTILE = f"{TITLE}[/x][bold]{COLOUR}{C1}[old]\u202e"
SHOWN = r"\x1b]0;owned\x07[/x][bold]\x1b[31;5m\x9b2J[old]\u202e"
COMMANDS = """
import json, sys
from floodscan.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["floodscan", *words]
    try:
        main()
    except SystemExit as end:
        print("status", end.code, flush=True)
"""


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("S2A_T31UGR", "S2A_T31UGR"),
        ("Überflutung 洪水", "Überflutung 洪水"),
        (HOSTILE, SHOWN),
        ("a\r\nb\tc\x00", r"a\r\nb\tc\x00"),
        ("a\udcff", r"a\udcff"),
        (3, "3"),
    ],
)
def test_control_characters_are_written_as_escapes(text: object, printed: str) -> None:
    """Letters of any script stay as they are."""
    assert clean(text) == printed


def test_every_way_to_print_is_literal() -> None:
    """Markup and emoji codes stay text, in a title, a header, a cell and below a row."""
    for width in (500, 60):
        screen = StringIO()
        console = Console(file=screen, width=width, force_terminal=True, color_system=None)
        print_line(console, f"{HOSTILE}:smile:", style="red")
        print_indented(console, HOSTILE)
        show(console, HOSTILE, ["name", HOSTILE], [[HOSTILE, f"{HOSTILE} {'x' * 50}"]])
        text = screen.getvalue()
        assert text.replace("\n", "").isprintable()
        assert text.replace("\n", "").count(SHOWN) == 6
        assert ":smile:" in text


def write_hostile_catalog(folder: Path) -> Path:
    """Copy the demo's archive, with hostile item ids, orbit states and platforms."""
    folder.mkdir()
    for path in DEMO_FOLDER.glob("*-*.parquet"):
        table = pq.read_table(path)
        for name in ("id", "sat:orbit_state", "platform"):
            if name in table.column_names:
                values = table[name].cast(pa.string())
                at = table.schema.get_field_index(name)
                hostile = pc.binary_join_element_wise(values, HOSTILE, "")
                table = table.set_column(at, name, hostile)
        pq.write_table(table, folder / path.name)
    return folder


def run_on_terminal(commands: Sequence[Sequence[str]], folder: Path, *, columns: int) -> bytes:
    """Run commands in a folder on a pseudo-terminal; return the bytes that arrive there."""
    return run_on_terminal_code(COMMANDS, folder, json.dumps(commands), columns=columns)


def run_on_terminal_code(code: str, folder: Path, *words: str, columns: int = 100) -> bytes:
    """Run Python code in a folder on a pseudo-terminal; return the bytes that arrive there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=environment | {"TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    arrived = bytearray()
    while piece := _read(ours):
        arrived += piece
    os.close(ours)
    process.wait()
    return bytes(arrived)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # every process has closed its end
        return b""


def test_a_job_script_is_literal_on_a_terminal_and_whole_in_a_pipe(tmp_path: Path) -> None:
    """A profile may hold anything; a script that is saved must still run."""
    script = f"#!/bin/bash\n#\t{HOSTILE}\n"
    code = f"from floodscan.cli.output import print_script; print_script({script!r})"
    assert f"#\\t{SHOWN}" in run_on_terminal_code(code, tmp_path).decode("utf-8")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603
    assert done.stdout.decode("utf-8") == script


def test_scan_and_reselect_draw_a_progress_bar(tmp_path: Path) -> None:
    """It is drawn on a terminal, and removed at the end."""
    none = ["--cluster", "none"]
    run_on_terminal([["scan", "demo", "--out", "run", *none]], tmp_path, columns=100)
    words = ["reselect", "run", "--out", "again", *none]
    text = run_on_terminal([words], tmp_path, columns=100).decode("utf-8")
    assert "0/1" in text
    assert "1/1" in text
    assert "status 0" in text


def test_no_raw_escape_reaches_a_terminal(tmp_path: Path) -> None:
    """Ids and orbit states of a catalog, a path and an argument are hostile."""
    catalog = write_hostile_catalog(tmp_path / "catalog")
    out, none = "a[/b]c[old]", ["--cluster", "none"]
    commands = [
        ["scan", "demo", "--catalog", str(catalog), "--out", out, *none],
        ["scan", "demo", "--out", "other", *none],
        ["explain", out, EVENT],
        ["compare", "other", out],
        ["status", out],
        ["manifest", out, EVENT],
        ["explain", out, EVENT, "--json"],
        ["plot", out, EVENT],
        ["explain", out, f"nobody{HOSTILE}"],
        ["explain", out, EVENT, "--target", HOSTILE],
        ["scan", f"missing{HOSTILE}.csv"],
        ["scan", "demo", f"--{HOSTILE}"],
    ]
    arrived = run_on_terminal(commands, tmp_path, columns=100)
    text = arrived.decode("utf-8")
    statuses = [line.split()[1] for line in text.splitlines() if line.startswith("status ")]
    assert statuses[1:] == ["0"] * 7 + ["2"] * 4
    assert "Traceback" not in text
    for raw in (TITLE, COLOUR, C1, "\x1b]", "\x07", "\x9b", "\u202e"):
        assert raw not in text
    assert SHOWN in text
    assert text.replace("\r\n  ", "").count("owned") > 100
    assert f"floodscan explain 'a[/b]c[old]' {EVENT}" in text
    assert "a[/b]c[old]: finished" in text
