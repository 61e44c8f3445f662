"""The HTML around the data: skeleton, styles, code, and a policy that lets no other code run."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    Json = dict[str, Any]

_ROOM = files("floodscan.report.html")
_STYLES = ("base.css", "charts.css", "event.css")
_SCRIPTS = (
    *("dom.js", "format.js", "data.js", "tooltip.js", "charts.js", "summary.js", "world.js"),
    *("table.js", "timeline.js", "marks.js", "event_map.js", "choices.js", "event.js", "main.js"),
)
_LEVEL = 6
_ASIDES = re.compile(r"(?m)^\s*(?://.*\n|/\*\*.*\*/\n)|^\s+")  # comments, and indentation
_SOURCE_MAP = re.compile(r"(?m)^(?://# sourceMappingURL=.*|/\*# sourceMappingURL=.*\*/)$")


def read_libraries() -> list[Json]:
    """List the libraries of others: name, version, licence, address and files."""
    libraries: list[Json] = orjson.loads((_ROOM / "vendor" / "libraries.json").read_bytes())
    return libraries


def write_head(title: str) -> str:
    """Write everything before the data.

    Args:
        title: Title of the page, any text.
    """
    skeleton = (_ROOM / "page" / "page.html").read_text(encoding="utf-8")
    style = _read_styles()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_allow(_read_scripts())}",
            f"style-src {_allow(style)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return (
        skeleton.replace("{{policy}}", policy)
        .replace("{{style}}", style)
        .replace("{{title}}", escape(title))
    )


def write_data(name: str, content: object) -> str:
    """Write a value as a data block, which no browser reads as markup or code.

    Args:
        name: Name of the block; its id is ``data-NAME``.
        content: A value in JSON types.
    """
    packed = gzip.compress(orjson.dumps(content), _LEVEL, mtime=0)
    block = b64encode(packed).decode("ascii")
    return f'<script type="application/octet-stream" id="data-{name}">{block}</script>\n'


def write_tail() -> str:
    """Write everything after the data: the code."""
    return f"<script>{_read_scripts()}</script>\n</body>\n</html>\n"


def _read_styles() -> str:
    vendored = [
        _ROOM / "vendor" / name
        for library in read_libraries()
        for name in library["files"]
        if name.endswith(".css")
    ]
    return _join([*vendored, *(_ROOM / "page" / name for name in _STYLES)])


def _read_scripts() -> str:
    vendored = [
        _ROOM / "vendor" / name
        for library in read_libraries()
        for name in library["files"]
        if name.endswith(".js")
    ]
    own = _ASIDES.sub("", _join([_ROOM / "page" / name for name in _SCRIPTS]))
    return f'{_join(vendored)}\n(() => {{\n"use strict";\n{own}\n}})();\n'


def _join(paths: list[Traversable]) -> str:
    """Join files, without the addresses of their source maps, which are not in the page."""
    return _SOURCE_MAP.sub("", "\n".join(path.read_text(encoding="utf-8") for path in paths))


def _allow(content: str) -> str:
    """Return the source expression of a policy that allows exactly this content."""
    return f"'sha256-{b64encode(sha256(content.encode('utf-8')).digest()).decode('ascii')}'"
