"""Documents as a person follows them: from top to bottom, each block as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from floodscan import guide
from floodscan.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "floodscan" / "guide"
FOLLOWED = [
    ROOT / "README.md",
    *(GUIDE / f"{topic}.md" for topic in guide.topics() if topic != guide.TUTORIAL),
]
"""Documents of which each block runs in a test."""

EXAMPLE_URL = "https://example.org/stac"
"""Stands in the documents for any STAC API."""

NOT_RUN = "not run: "
NEEDS_PIXELS = "needs pixels"
"""Mark of the blocks that ``tests/assessment/test_packaging.py`` runs, on pixels that it makes."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^>]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"`([\w.-]+\.(?:toml|csv))`")
_SET_UP = re.compile(
    r"(python3 -m pip install -q --target \.uv uv && )?(\.uv/bin/)?uv run (--no-dev )?"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a document.

    Attributes:
        document: The document's name.
        line: Number of its first line.
        language: Such as ``sh``.
        text: The code.
        mark: The comment before it, which is for the tests.
        file: File that the text before it calls it, for TOML and CSV.
    """

    document: str
    line: int
    language: str
    text: str
    mark: str
    file: str | None

    @property
    def needs_slurm(self) -> bool:
        """Whether a SLURM site must be there."""
        shell = self.language == "sh" and any(word in self.text for word in ("sbatch", "--profile"))
        return shell or (self.language == "python" and "SLURMCluster" in self.text)

    def __str__(self) -> str:
        return f"{self.document}, line {self.line}"


def read_blocks(document: Path) -> list[Block]:
    """List the blocks of a document, in order."""
    page = document.read_text("utf-8")
    return [
        Block(
            document=document.name,
            line=page.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            text=found["text"],
            mark=found["mark"] or "",
            file=_name_file(page[: found.start()]),
        )
        for found in _BLOCK.finditer(page)
    ]


def _name_file(before: str) -> str | None:
    """Find the file that the paragraph right before a block names."""
    names = _FILE.findall(before.rstrip().rpartition("\n\n")[2])
    return names[-1] if names else None


class Follower:
    """Follows documents in a folder of its own.

    Two things differ from what is written: no test may reach the internet, so that catalogs there
    are replaced by the demo or by a STAC API of the tests, and a command without a word about its
    cluster runs in this process, which saves the start of another.

    Args:
        folder: Working folder.
        patch: Takes back at the end what commands change for this process.
        api_url: What ``EXAMPLE_URL`` becomes.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, api_url: str) -> None:
        self.folder = folder
        self._patch = patch
        self._api_url = api_url
        patch.chdir(folder)
        patch.setenv("PWD", str(folder))

    def follow(self, blocks: Iterable[Block]) -> None:
        """Run blocks one after the other, except the blocks that are marked as not run."""
        run = {
            "sh": self._run_commands,
            "python": self._run_python,
            "sql": self._run_query,
            "toml": self._save,
            "csv": self._save,
        }
        for block in blocks:
            if block.mark.startswith((NOT_RUN, NEEDS_PIXELS)) or block.language == "text":
                continue
            try:
                run[block.language](block)
            except BaseException as err:
                err.add_note(str(block))
                raise

    def _run_commands(self, block: Block) -> None:
        status = int(block.mark.removeprefix("ends with: ") or 0)
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(_SET_UP.sub("", line), comments=True)
            if words and words != ["pytest"]:  # the command that runs this test
                assert self.run(words) == status, line

    def run(self, words: list[str]) -> int:
        """Run a command; gives its exit status."""
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._patch.setenv(name, os.path.expandvars(value))
            return 0
        if words[0] == "source":
            words = ["bash", "-c", shlex.join(words)]
        if words[0] != "floodscan":
            return subprocess.run(words, check=False).returncode  # noqa: S603 - our own documents
        self._patch.setattr(sys, "argv", ["floodscan", *self._adapt(words[1:])])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    def _adapt(self, words: list[str]) -> list[str]:
        adapted = [self._api_url if word == EXAMPLE_URL else word for word in words]
        asks = words[0] == "doctor" or (words[0] == "scan" and words[1] != "demo")
        if asks and "--catalog" not in words:
            adapted += ["--catalog", "demo"]
        if words[0] in {"scan", "reselect"} and not {"--cluster", "--workers"}.intersection(words):
            adapted += ["--cluster", "none"]
        return adapted

    def _run_python(self, block: Block) -> None:
        text = self.adapt_python(block.text)
        exec(compile(text, str(block), "exec"), {"__name__": "__main__"})  # noqa: S102 - our own documents

    def adapt_python(self, text: str) -> str:
        """Return code as it runs here."""
        return text

    def _run_query(self, block: Block) -> None:
        assert duckdb.execute(block.text).fetchall()

    def _save(self, block: Block) -> None:
        """Save a file under the name that the text gives it."""
        assert block.file, f"{block}: the paragraph before it must name a file"
        assert block.file.endswith(f".{block.language}")
        if block.language == "toml":
            tomllib.loads(block.text)
        (self.folder / block.file).write_text(block.text, "utf-8")
