"""README and guide: each command and snippet runs, and what they say of the code is so."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from floodscan import Recipe, guide, scan
from floodscan.assessment.labels import Reason, WarningCode
from floodscan.cli.group import cli
from floodscan.errors import InputError
from floodscan.inputs.recipe_files import parse_recipe
from floodscan.schemas import CANDIDATES, EVENTS, READS, SEARCHES
from floodscan.selection.labels import Verdict
from tests.documents import (
    FOLLOWED,
    GUIDE,
    NEEDS_PIXELS,
    NOT_RUN,
    ROOT,
    Follower,
    read_blocks,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.servers.fixtures import StacApi

CHECKED = [
    *FOLLOWED,
    ROOT / "CHANGELOG.md",
    ROOT / "jobs" / "README.md",
    *sorted((ROOT / ".github").rglob("*.md")),
]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PACKAGE = ROOT / "floodscan"
FLOW: list[tuple[str, str]] = re.findall(
    r"^\| `([\w/]+\.py)` \| `(\w+)` \|",
    (GUIDE / "architecture.md").read_text("utf-8"),
    re.MULTILINE,
)
RETIRED = re.compile(
    r"catalogue|snapshot|\blest\b|whoever|hangs? on|put down to|\bmends?\b|\btold\b|\btells?\b",
    re.IGNORECASE,
)


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
)  # of odc-stac itself
@pytest.mark.parametrize("document", FOLLOWED, ids=lambda path: path.name)
def test_document_works_from_top_to_bottom(
    document: Path,
    lean_api: StacApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All commands end as they should, all snippets run; what needs SLURM is in tests/slurm."""
    blocks = [block for block in read_blocks(document) if not block.needs_slurm]
    Follower(tmp_path, monkeypatch, api_url=lean_api.url).follow(blocks)
    if any(block.language in {"sh", "python"} for block in blocks if not block.mark):
        assert capfd.readouterr().out


def test_blocks_that_do_not_run_are_few() -> None:
    """A block is left out only where no test can do what it does."""
    blocks = [block for document in FOLLOWED for block in read_blocks(document)]
    left_out = [(block.document, block.mark) for block in blocks if block.mark.startswith(NOT_RUN)]
    assert left_out == [
        ("lists.md", "not run: needs the internet"),
        ("lists.md", "not run: needs the internet"),
        ("slurm.md", "not run: needs an account on MeluXina"),
        ("slurm.md", "not run: takes hours, on up to 16 nodes"),
    ]


def test_blocks_that_need_pixels_run_with_the_page_on_packaging() -> None:
    """Its own test runs all blocks with this mark, on pixels that it makes."""
    blocks = [block for document in FOLLOWED for block in read_blocks(document)]
    assert {b.document for b in blocks if b.mark == NEEDS_PIXELS} == {"packaging.md"}


def test_queries_find_what_the_text_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes per phase under the limit, and what a limit of 40 % would add."""
    monkeypatch.chdir(tmp_path)
    scan("demo", out="floodscan-demo")
    queries = [block for block in read_blocks(GUIDE / "candidates.md") if block.language == "sql"]
    under, added, *_ = (duckdb.execute(query.text).fetchall() for query in queries)
    assert [phase for phase, *_ in under] == ["event", "post_event", "pre_event", "pre_month"]
    assert all(scenes >= 1 and cloud < 25 for _, scenes, cloud in under)
    assert ("pre_event", 31.4) in [(phase, round(cloud, 1)) for phase, _, cloud, _ in added]


def test_default_recipe_of_the_guide_is_the_default() -> None:
    """The page shows the default values of a recipe."""
    (text,) = [b.text for b in read_blocks(GUIDE / "recipe.md") if b.file == "default.toml"]
    assert parse_recipe(tomllib.loads(text), source="recipe.md") == Recipe()


def test_readme_is_short() -> None:
    """At most 150 lines, so that it is read."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_readme_starts_with_the_commands_that_set_it_up() -> None:
    """With uv, and for those who have only Python and pip."""
    first, second = [block for block in read_blocks(ROOT / "README.md") if "uv" in block.text][:2]
    assert first.text == "uv run --no-dev floodscan scan demo\nuv run pytest\n"
    pip = "python3 -m pip install -q --target .uv uv && .uv/bin/"
    assert second.text == f"{pip}uv run --no-dev floodscan scan demo\n.uv/bin/uv run pytest\n"


@pytest.mark.parametrize("document", CHECKED, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    """Links and pictures of this repository are there."""
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text("utf-8"))
    assert [each for each in targets if not (document.parent / each).exists()] == []


@pytest.mark.parametrize("document", CHECKED, ids=lambda path: path.name)
def test_files_that_are_named_are_there(document: Path) -> None:
    """Such as the test that shows what a sentence says."""
    named = re.findall(
        r"`((?:tests|benchmarks|floodscan|jobs)/[\w/.]+)`", document.read_text("utf-8")
    )
    made = {"jobs/mine.yaml"}  # by the reader
    assert [each for each in named if each not in made and not (ROOT / each).exists()] == []


@pytest.mark.parametrize("document", CHECKED, ids=lambda path: path.name)
def test_prose_is_plain_and_fits_a_screen(document: Path) -> None:
    """No retired word, and lines of at most 100 columns but for tables and links."""
    prose = document.read_text("utf-8")
    assert document == CONTRIBUTING or RETIRED.findall(prose) == []  # which quotes some of them
    long = [line for line in prose.splitlines() if len(line) > 100]
    assert [line for line in long if not line.startswith("|") and "](" not in line] == []


@pytest.mark.parametrize(
    "schema",
    [CANDIDATES, EVENTS, SEARCHES, READS],
    ids=["candidates", "events", "searches", "reads"],
)
def test_guide_describes_each_column(schema: pa.Schema) -> None:
    """By its name, on the page of candidates or on that of clear sky."""
    names = ("candidates", "clear-sky")
    page = "".join((GUIDE / f"{name}.md").read_text("utf-8") for name in names)
    assert [name for name in schema.names if f"`{name}`" not in page] == []


def test_guide_describes_each_verdict_reason_and_warning() -> None:
    """Verdicts and reasons on the page of candidates, warnings on that of policies."""
    candidates, policies = (
        (GUIDE / f"{name}.md").read_text("utf-8") for name in ("candidates", "policies")
    )
    words = (*Verdict, *Reason)
    assert [word for word in words if f"| `{word}` |" not in candidates] == []
    assert [word for word in WarningCode if f"| `{word}` |" not in policies] == []


def test_guide_describes_each_argument_of_scan() -> None:
    """On the page for Python."""
    page = (GUIDE / "python.md").read_text("utf-8")
    assert [name for name in signature(scan).parameters if f"| `{name}` |" not in page] == []


def test_each_command_and_option_is_shown() -> None:
    """In README or on a page of the guide."""
    shown = "".join(document.read_text("utf-8") for document in FOLLOWED)
    assert [name for name in cli.commands if f"floodscan {name}" not in shown] == []
    groups = [getattr(command, "commands", {}) for command in cli.commands.values()]
    inner = [command for group in groups for command in group.values()]
    params = [param for command in (*cli.commands.values(), *inner) for param in command.params]
    options = {name for param in params for name in param.opts if name.startswith("--")}
    assert [name for name in sorted(options) if name not in shown] == []


def test_tree_of_the_guide_is_the_tree() -> None:
    """Every folder and every module is in it, and nothing else."""
    (tree,) = [b for b in read_blocks(GUIDE / "architecture.md") if b.language == "text"]
    listed: set[str] = set()
    folders: list[str] = []
    for line in tree.text.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name] if name.endswith("/") else []
        listed.add("".join(folders) if name.endswith("/") else "".join(folders) + name)
    assert listed == _list_package()


def _list_package() -> set[str]:
    modules = {module.relative_to(ROOT) for module in PACKAGE.rglob("*.py")}
    folders = {f"{module.parent}/" for module in modules}
    return folders | {
        str(module)
        for module in modules
        if module.name != "__init__.py" or module.parent == Path("floodscan")
    }


def test_layers_of_the_guide_are_those_of_the_contract() -> None:
    """The same order, from the bottom to the top."""
    page = (GUIDE / "architecture.md").read_text("utf-8")
    first = page.partition("## Tree")[0].splitlines()
    drawn = " ".join(line for line in first if line.startswith("    "))
    layers = [set(layer.replace("·", " ").split()) for layer in drawn.split("→")]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert layers == [set(layer.split(" | ")) for layer in reversed(contract)]


@pytest.mark.parametrize("row", FLOW, ids="-".join)
def test_stops_of_the_flow_are_functions(row: tuple[str, str]) -> None:
    """The flow of one event leads through modules and functions that are there."""
    path, function = row
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert callable(getattr(import_module(f"floodscan.{module}"), function))


def test_each_page_is_a_topic() -> None:
    """And README leads to each."""
    pages = {topic: f"{topic}.md" for topic in guide.topics()}
    pages[guide.TUTORIAL] = f"{guide.TUTORIAL}.ipynb"
    assert {page.name for page in GUIDE.iterdir() if page.suffix in {".md", ".ipynb"}} == {
        *pages.values()
    }
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in pages.values() if f"(floodscan/guide/{name})" not in readme] == []


def test_guide_lists_the_topics_with_their_first_sentence() -> None:
    """One line each when piped."""
    done = CliRunner().invoke(cli, ["guide"])
    assert [line.split()[0] for line in done.output.splitlines()] == [*guide.topics()]
    assert "An event is one flood: an id, an area and a date." in done.output


@pytest.mark.parametrize("topic", [each for each in guide.topics() if each != guide.TUTORIAL])
def test_guide_prints_a_page_as_it_is_when_piped(topic: str) -> None:
    """Markdown, without the comments for the tests."""
    done = CliRunner().invoke(cli, ["guide", topic])
    assert done.exit_code == 0
    assert done.output == re.sub(r"<!--.*?-->\n", "", (GUIDE / f"{topic}.md").read_text("utf-8"))
    assert "<!--" not in done.output


def test_unknown_topic_names_the_nearest() -> None:
    """As other inputs do."""
    with pytest.raises(InputError, match=r"no topic 'recipes'; did you mean 'recipe'\?"):
        guide.read("recipes")


@pytest.mark.processes
@pytest.mark.parametrize(("lines", "paged"), [(1000, False), (20, True)], ids=["short", "long"])
def test_guide_formats_a_page_for_a_terminal(lines: int, paged: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    """A page that is longer than the screen goes through the pager, and no other does."""
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho THROUGH A PAGER\ncat\n")
    pager.chmod(0o755)
    shown = _run_on_terminal(
        [sys.executable, "-m", "floodscan", "guide", "recipe"],
        {"PAGER": str(pager), "TERM": "xterm", "LINES": str(lines), "COLUMNS": "100"},
    )
    assert ("THROUGH A PAGER" in shown) is paged
    assert "Your own recipe" in shown
    assert "## Your own recipe" not in shown


def _run_on_terminal(command: list[str], settings: dict[str, str]) -> str:
    """Run a command whose output is a terminal; gives what it shows."""
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, env=os.environ | settings):  # noqa: S603 - our own command
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has ended
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    return shown.decode()
