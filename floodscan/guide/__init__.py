"""Pages for users, one for each topic: Markdown, and a notebook.

``floodscan guide`` shows them, also on a machine without internet.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

from floodscan.errors import InputError, suggest

TUTORIAL = "tutorial"
_ORDER = (
    *(TUTORIAL, "events", "lists", "recipe", "policies", "clear-sky", "catalogs", "candidates"),
    *("manifests", "packaging", "report", "sweeps", "clusters", "slurm", "python", "architecture"),
)
"""The order in which a new user needs them."""

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def topics() -> dict[str, str]:
    """List the topics in reading order, each with the first sentence of its page."""
    return {topic: _first_sentence(read(topic)) for topic in _ORDER}


def read(topic: str) -> str:
    """Read the page of a topic as Markdown.

    The cells of the tutorial become text and blocks of code, and its last line names its file. The
    other pages lose their comments, which are notes for the tests.

    Raises:
        InputError: There is no such topic; names the nearest one.
    """
    if topic not in _ORDER:
        raise InputError(f"guide: no topic '{topic}'; {suggest(topic, _ORDER)}")
    if topic == TUTORIAL:
        return _read_notebook()
    page = (files("floodscan.guide") / f"{topic}.md").read_text("utf-8")
    return _COMMENT.sub("", page)


def _read_notebook() -> str:
    path = files("floodscan.guide") / f"{TUTORIAL}.ipynb"
    parts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join([*parts, f"This page is a notebook: `{path}`\n"])


def _first_sentence(page: str) -> str:
    """Take the first sentence after the title, on one line."""
    _, paragraph, *_ = page.split("\n\n")
    sentence, _, _ = " ".join(paragraph.replace("`", "").split()).partition(". ")
    return f"{sentence.rstrip('.')}."
