"""Shells complete commands, options and the names of files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from floodscan.cli.group import cli
from floodscan.guide import read

PROGRAM = Path(sys.executable).parent / "floodscan"

pytestmark = pytest.mark.processes


def ask(instruction: str, **environment: str) -> str:
    """Run the command as a shell does for completion, and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own command
        [PROGRAM],
        env=os.environ | environment | {"_FLOODSCAN_COMPLETE": instruction},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o nosort -F _floodscan_completion floodscan"),
        ("zsh", "compdef _floodscan_completion floodscan"),
        ("fish", "complete --no-files --command floodscan"),
    ],
)
def test_script_registers_the_command(shell: str, registers: str) -> None:
    """The script is printed for the three shells that the guide names."""
    assert registers in ask(f"{shell}_source")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_of_the_guide_registers_the_command(shell: str) -> None:
    """The line asks for the script of its shell; bash itself runs it here."""
    (row,) = re.findall(rf"^\| {shell} \| .* \| `(.*)` \|$", read("sweeps"), re.MULTILINE)
    assert f"_FLOODSCAN_COMPLETE={shell}_source floodscan" in row
    if shell == "bash":
        command = f'PATH="{PROGRAM.parent}:$PATH"; {row}; complete -p floodscan'
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)  # noqa: S603, S607
        assert done.stdout == "complete -o nosort -F _floodscan_completion floodscan\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_commands_come_with_their_help(shell: str) -> None:
    """These shells show a text beside each word."""
    words = {"zsh": "floodscan ", "fish": "floodscan"}[shell]
    answer = ask(f"{shell}_complete", COMP_WORDS=words, COMP_CWORD="" if shell == "fish" else "1")
    for name in cli.commands:
        assert name in answer
    assert "Compare the choices of two runs" in answer


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("floodscan resel", "reselect"),
        ("floodscan scan --clus", "--cluster"),
        ("floodscan scan --policy cha", "change-detection"),
    ],
)
def test_bash_completes_a_word(line: str, word: str) -> None:
    """Bash itself runs the script, as after a press of Tab."""
    assert complete_in_bash(line) == [word]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "line",
    ["scan ev", "plan ev", "explain ev", "scan demo --out ev", "scan demo --recipe ev"],
)
def test_bash_completes_names_of_files(line: str) -> None:
    """Event files, recipes and folders are arguments of most commands."""
    assert complete_in_bash(f"floodscan {line}", then='compgen -f "ev"') == ["events.csv"]


def complete_in_bash(line: str, *, then: str = "true") -> list[str]:
    """Source the script in bash, and complete the last word of a line.

    Args:
        line: The command line.
        then: Command that stands for bash's own completion of file names, if it is asked for.
    """
    script = ask("bash_source")
    bash = f"""
shopt -s progcomp
compopt() {{ {then}; }}
{script}
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
PATH={PROGRAM.parent}:$PATH
cd "$(mktemp -d)" && touch events.csv
_floodscan_completion floodscan
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", bash], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return done.stdout.split()
