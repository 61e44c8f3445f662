"""The notebook of the guide: every cell runs, without internet, and shows what it is about."""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient

from floodscan import guide
from floodscan.cli.group import cli
from tests.documents import GUIDE

if TYPE_CHECKING:
    from pathlib import Path

PATH = GUIDE / f"{guide.TUTORIAL}.ipynb"
NO_INTERNET = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
"""No server is there: a request fails at once."""


def read() -> Any:  # noqa: ANN401 - a dictionary with attributes
    """Read the notebook; it fits the schema of notebooks."""
    notebook = nbformat.read(PATH, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


@pytest.mark.processes
def test_every_cell_runs_and_shows_something(tmp_path: Path) -> None:
    """In a kernel of its own, as in Jupyter."""
    notebook = read()
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env={**os.environ, **NO_INTERNET})
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if not cell.outputs] == []
    outputs = [output for cell in cells for output in cell.outputs]
    assert [each for each in outputs if each.get("name") == "stderr"] == []
    kinds = [kind for each in outputs for kind in each.get("data", ())]
    assert kinds.count("image/png") == 3
    shown = [each.data["text/html"] for each in outputs if "text/html" in each.get("data", ())]
    assert sum("<svg" in page for page in shown) >= 4


def test_the_notebook_is_stored_without_outputs() -> None:
    """They would grow old, and hide what a change of the text is."""
    for cell in read().cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
            ast.parse(cell.source)
        assert max(map(len, cell.source.splitlines())) <= 100


def test_the_guide_shows_it_and_names_its_file() -> None:
    """Text and blocks of code, in the order of the cells."""
    done = CliRunner().invoke(cli, ["guide", guide.TUTORIAL])
    assert done.exit_code == 0
    assert done.output.startswith("# Tutorial\n")
    blocks = re.findall(r"^```python\n(.*?)\n```$", done.output, re.DOTALL | re.MULTILINE)
    assert blocks == [cell.source for cell in read().cells if cell.cell_type == "code"]
    assert done.output.splitlines()[-1] == f"This page is a notebook: `{PATH}`"


def test_links_of_the_notebook_lead_to_pages() -> None:
    """They are beside it."""
    text = "\n".join(cell.source for cell in read().cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert targets
    assert [each for each in targets if not (GUIDE / each).exists()] == []
