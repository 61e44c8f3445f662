"""How events, manifests and results show themselves in a notebook."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import shapely

import floodscan
from floodscan import InputError, Manifest, Policy, Recipe, ScanResult
from floodscan.assessment.labels import Status
from floodscan.model import Phase
from floodscan.report import web_map
from floodscan.testing.fake_catalog import NoItems
from tests.sweeps import DEMO, demo_copies

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"&\x1b]0;x\x07</svg>"
EVENT = DEMO.event_id


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    """The demo for change detection."""
    out: Path = tmp_path_factory.mktemp("notebooks") / "run"
    return floodscan.scan("demo", out=out, recipe=Recipe(policy=Policy.CHANGE_DETECTION))


class Reader(HTMLParser):
    """Reads HTML as a browser does: its elements, attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.values: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element and its attributes."""
        self.tags.append(tag)
        self.values += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All texts."""
        return " ".join(self.words)


def check(page: str) -> Reader:
    """Read HTML, which must be well-formed, run nothing and load nothing."""
    ET.fromstring(page)  # noqa: S314 - our own
    read = Reader(page)
    assert not {"script", "img", "iframe", "link", "object"} & {*read.tags}
    assert not [name for name in read.values if name.startswith("on") or name in {"src", "href"}]
    assert "\x1b" not in page
    return read


def test_an_event_shows_its_facts_and_its_outline() -> None:
    """The demo has a date without an hour."""
    read = check(DEMO._repr_html_())
    assert {"table", "svg", "path"} <= {*read.tags}
    assert EVENT in read.text
    assert "2021-07-15 00:00 UTC (hour unknown)" in read.text
    assert DEMO.phase_dates[Phase.PRE_MONTH].isoformat() in read.text


def test_the_outline_of_a_large_area_is_small() -> None:
    """Corners that no eye sees are left out."""
    area = shapely.Point(10, 50).buffer(1, quad_segs=20_000)
    page = replace(DEMO, aoi=area, bbox=area.bounds)._repr_html_()
    check(page)
    assert len(page) < 5_000


def test_an_outline_across_the_antimeridian_is_in_one_piece() -> None:
    """Each point is inside the drawing."""
    area = shapely.union_all([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
    page = replace(DEMO, aoi=area, bbox=(179.0, -18.0, -179.0, -17.0))._repr_html_()
    (path,) = re.findall(r'<path d="([^"]+)"', page)
    places = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", path)]
    assert min(places) == 4
    assert max(places) == 180 - 4


def test_a_manifest_shows_every_slot(result: ScanResult) -> None:
    """With the scenes and their times, as a table and as a timeline."""
    manifest = result.manifests[EVENT]
    read = check(manifest._repr_html_())
    chosen = [c for slots in manifest.content["selected"].values() for c in slots.values()]
    assert len(chosen) == 8
    assert all(choice["id"] in read.words for choice in chosen)
    assert read.tags.count("circle") == 8
    assert "1 onset_assumed" in read.text


def test_a_manifest_without_scenes_shows_the_reasons(tmp_path: Path) -> None:
    """In place of scenes."""
    found = floodscan.scan("demo", catalog=NoItems(), out=tmp_path / "run")
    read = check(found.manifests[EVENT]._repr_html_())
    assert sum(word.startswith("empty: no_candidates") for word in read.words) == 8
    assert "circle" not in read.tags
    assert "no scenes" in read.text


def test_a_result_shows_counts_and_the_events_that_need_a_look(tmp_path: Path) -> None:
    """At most 20 of them; complete events are counted."""
    found = floodscan.scan(demo_copies(25), catalog=NoItems(), out=tmp_path / "run")
    read = check(found._repr_html_())
    assert read.tags.count("tr") == 1 + 20
    assert "events: 25 failed; 0 of 225 slots filled" in read.text
    assert "and 5 more, see result.events" in read.text


def test_a_complete_result_is_short(result: ScanResult) -> None:
    """It has no table."""
    page = result._repr_html_()
    assert "9 of 9 slots filled" in check(page).text
    assert "<table" not in page
    assert len(page) < 2_000


def test_text_of_catalogs_has_no_effect(result: ScanResult) -> None:
    """It is shown literally, wherever it stands."""
    content = result.manifests[EVENT].content
    event = {**content["event"], "name": HOSTILE}
    slot = {**content["selected"]["event"]["S1RTC"], "id": HOSTILE, "relaxed": [HOSTILE]}
    slots = {**content["selected"]["event"], "S1RTC": slot}
    selected = {**content["selected"], "event": slots}
    read = check(Manifest({**content, "event": event, "selected": selected})._repr_html_())
    shown = HOSTILE.replace("\x1b", r"\x1b").replace("\x07", r"\x07")
    assert read.words.count(shown) == 2
    read = check(replace(DEMO, event_id=HOSTILE, target_crs=HOSTILE)._repr_html_())
    assert read.words.count(shown) == 2


def test_a_map_of_a_run_has_the_areas_by_status(result: ScanResult, tmp_path: Path) -> None:
    """Events that failed have areas too, as long as they have a manifest."""
    page = result.explore().get_root().render()
    assert "complete: 1 of 1" in page
    assert EVENT in page
    failed = floodscan.scan(demo_copies(2), catalog=NoItems(), out=tmp_path / "run")
    page = failed.explore().get_root().render()
    assert f"{Status.FAILED}: 2 of 2" in page
    assert "complete" not in page


def test_a_map_of_an_event_has_the_chosen_footprints(result: ScanResult) -> None:
    """Each scene is on it, in the layer of its slot."""
    manifest = result.manifests[EVENT]
    page = result.explore(DEMO).get_root().render()
    for item in manifest.items():
        assert item.id in page
    assert all(f"{phase} {sensor}" in page for phase in Phase for sensor in ("S1RTC", "S2L2A"))
    with pytest.raises(InputError, match="has no event 'nobody'"):
        result.explore("nobody")


def test_text_in_tooltips_of_a_map_has_no_effect() -> None:
    """Browsers read them as HTML."""
    shape = web_map._feature(shapely.geometry.mapping(DEMO.aoi), DEMO.bbox, {"scene": HOSTILE})
    drawn = web_map._open_map([DEMO.bbox])
    web_map._add_layer(drawn, "layer", [shape], "#000000")
    page = drawn.get_root().render()
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_map_of_too_many_events_is_refused(
    result: ScanResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do."""
    monkeypatch.setattr(web_map, "MOST_EVENTS", 0)
    with pytest.raises(InputError, match="has 1 events, and a map shows at most 0; name one"):
        result.explore()


def test_a_decision_in_python_is_that_of_the_command(tmp_path: Path) -> None:
    """Choices and counts follow it, and it can be taken back."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    found = floodscan.scan("demo", out=tmp_path / "run", recipe=recipe)
    before, counts = found.manifests[EVENT].content, found.counts
    manifest = found.choose(DEMO, track=139)
    assert manifest.content["selected"]["event"]["S1RTC"]["relative_orbit"] == 139
    assert found.manifests[EVENT].content == manifest.content
    filled = sum(outcome.n_filled for outcome in found.outcomes)
    assert found.counts["filled"] == filled
    found.choose(EVENT, by_rules=True)
    assert (found.manifests[EVENT].content, found.counts) == (before, counts)


@pytest.mark.parametrize("given", [{}, {"track": 1, "by_rules": True}])
def test_a_decision_is_one(given: dict[str, int | bool], result: ScanResult) -> None:
    """Nothing is guessed."""
    with pytest.raises(InputError, match="give one of event_pass, track and by_rules"):
        result.choose(EVENT, **given)  # type: ignore[arg-type]
