"""The file of the report: its bytes, its code and libraries, and texts that look like markup."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

import floodscan
from floodscan.cli.group import cli
from floodscan.errors import ManifestError, OutputError
from floodscan.report.html import page, write, write_report
from floodscan.store import RunFolder
from tests.report.html.browser import open_report
from tests.sweeps import DEMO, demo_copies

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

VENDOR = files("floodscan.report.html") / "vendor"
NAME = DEMO.event_id
MARKUP = "<img src=x onerror='window.hacked=1'></script><script>window.hacked=1</script>"


def test_same_run_gives_the_same_bytes(demo_run: RunFolder, demo_report: Path) -> None:
    """No time of writing, and no name of a temporary file, is in it."""
    first = demo_report.read_bytes()
    assert write_report(demo_run).read_bytes() == first


def test_page_asks_for_nothing(demo_report: Path) -> None:
    """The policy allows the page's own code and style by their digests, and nothing else."""
    text = demo_report.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)


def test_texts_of_catalogs_never_become_markup(browser: Browser, tmp_path: Path) -> None:
    """Ids, reasons and names with markup in them are shown as they are."""
    run = floodscan.scan(DEMO, catalog="demo", out=tmp_path / "run").folder
    (batch,) = [name for name, _ in run.events.batches()]
    candidates = run.read_part(batch)
    place = candidates.schema.names.index("item_id")
    hostile = [f"{MARKUP}{name}" for name in candidates["item_id"].to_pylist()]
    manifest = orjson.loads(run.read_manifest(NAME))
    manifest["warnings"][0]["text"] = MARKUP
    for slots in manifest["selected"].values():
        for choice in slots.values():
            choice["runner_up"]["id"] = f"{MARKUP}{choice['runner_up']['id']}"
    run.write_candidates(
        batch, candidates.set_column(place, candidates.schema.field("item_id"), [hostile])
    )
    run.write_manifests(batch, {NAME: orjson.dumps(manifest)})
    described = run.read_run()
    described["catalog"]["id"] = MARKUP
    run.write_run(described)
    with open_report(browser, write_report(run), event=f"event={NAME}") as report:
        report.page.wait_for_selector("#timeline svg")
        assert report.texts("h1") == [f"floodscan report: {MARKUP}"]
        assert report.texts(".choices code")[0].startswith(MARKUP)
        assert MARKUP in report.texts("#event .scroll:not(.choices)")[0]
        report.page.locator("#timeline .candidate").first.hover(force=True)
        assert MARKUP in report.texts("#tooltip strong")[0]
        assert report.run("window.hacked") is None
        assert report.count("img") == 0


def test_policy_stops_code_that_got_in(browser: Browser, demo_report: Path) -> None:
    """Even markup that reached the page would not run."""
    with open_report(browser, demo_report) as report:
        report.run(
            """(() => { const inside = document.createElement('div');
            inside.innerHTML = `<img src="x" onerror="window.hacked=1">`;
            const code = document.createElement('script');
            code.textContent = 'window.hacked=1';
            document.body.append(inside, code) })()"""
        )
        report.page.wait_for_timeout(100)
        assert report.run("window.hacked") is None
        assert any("Content Security Policy" in message for message in report.messages)
        report.messages.clear()


def test_code_is_small() -> None:
    """All code and styles, with those of the libraries, are at most 150 kB as gzip."""
    code = page.write_head("") + page.write_tail()
    assert len(gzip.compress(code.encode())) <= 150_000


@pytest.mark.parametrize("library", page.read_libraries(), ids=lambda each: each["name"])
def test_libraries_are_named_with_version_and_licence(library: dict[str, str]) -> None:
    """Each file of a library begins with the listed version, or is of such a package."""
    licence = (VENDOR / f"{library['name']}.LICENSE").read_text(encoding="utf-8")
    assert {"ISC": "Permission to use, copy", "MIT": "MIT License"}[library["license"]] in licence
    for name in library["files"]:
        text = (VENDOR / name).read_text(encoding="utf-8")
        if name.endswith(".js"):
            assert f"v{library['version']} " in text[:200]


def test_every_vendored_file_is_listed() -> None:
    """No file in the folder is without a name, a version and a licence."""
    listed = {name for each in page.read_libraries() for name in each["files"]}
    licences = {f"{each['name']}.LICENSE" for each in page.read_libraries()}
    found = {file.name for file in VENDOR.iterdir()}
    assert found == listed | licences | {"libraries.json"}


def test_command_prints_the_file(demo_run: RunFolder, tmp_path: Path) -> None:
    """``--out`` names another file; its links lead to the manifests all the same."""
    file = tmp_path / "pages" / "flood.html"
    done = CliRunner().invoke(cli, ["report", str(demo_run.path), "--out", str(file)])
    assert (done.exit_code, done.output.split()) == (0, [str(file)])
    assert file.exists()


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """The message says what the folder lacks."""
    with pytest.raises(OutputError, match=r"holds no run\.json"):
        write_report(RunFolder(tmp_path))


def test_damaged_manifest_is_named(tmp_path: Path) -> None:
    """The message says what is wrong with which event, and no page is left behind."""
    run = floodscan.scan(DEMO, catalog="demo", out=tmp_path / "run").folder
    run.manifest_path(NAME).write_bytes(b'{"event": {}}')
    with pytest.raises(ManifestError, match=NAME):
        write_report(run)
    assert not [*run.path.glob("*.html")]


def test_many_candidates_lose_their_ids(
    browser: Browser, demo_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen scenes and runners-up keep them, and the page says so."""
    monkeypatch.setattr(write, "MOST_IDS", 10)
    file = write_report(demo_run, tmp_path / "short.html")
    with open_report(browser, file, event=f"event={NAME}") as report:
        report.page.wait_for_selector("#timeline svg")
        assert "only chosen scenes and runners-up have their ids" in report.texts("#event")[0]
        assert all("_2021" in text for text in report.texts(".choices tr:first-child code"))
        report.page.locator("#timeline .candidate.hollow").first.hover(force=True)
        assert re.match(r"S2[AB] orbit \d+ \w+ tile \w+ 2021-", report.texts("#tooltip strong")[0])


def test_events_beyond_the_room_are_in_the_table_only(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their view names the command that shows them."""
    monkeypatch.setattr(write, "MOST_DETAILS", 10)
    run = floodscan.scan(demo_copies(2), catalog="demo", out=tmp_path / "run")
    with open_report(browser, run.report(), event="event=copy-001") as report:
        assert "floodscan plot RUN copy-001" in report.texts("#event .notice")[0]
        assert report.texts("#shown") == ["all 2 events"]
