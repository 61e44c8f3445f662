"""A source per collection, a fallback, and time that an archive does not cover."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from floodscan import Policy, Recipe, RecipeError, Sensor, reselect, scan
from floodscan.catalogs import ArchiveCatalog, Sources, open_sources
from floodscan.inputs.recipe_files import load_recipe
from floodscan.model import Search, TimeWindow
from floodscan.testing.build_demo import DEMO_FOLDER
from tests.catalogs.archive.layouts import DEM, OPTICAL, RADAR, WORLD, demo_table
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi

LAST = datetime(2021, 7, 3, 23, 59, tzinfo=UTC)


def write_archive(folder: Path, collections: tuple[str, ...] = (RADAR, OPTICAL, DEM)) -> Path:
    """Write the demo's archive without the items after a day in its middle."""
    folder.mkdir()
    for collection in collections:
        table = demo_table(collection)
        kept = table.filter(pc.less_equal(table["datetime"], LAST))
        pq.write_table(kept, folder / f"{collection}.parquet")
    return folder


def search_around(day: date, days: int) -> Search:
    """Make a search of some days before and after a day."""
    return Search(RADAR, WORLD, TimeWindow.around(day, days), ())


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that ends in the middle of the demo's time."""
    return write_archive(tmp_path_factory.mktemp("half") / "archive")


def test_the_coverage_of_an_archive_is_that_of_its_items(half: Path) -> None:
    """A window is covered if items follow each other through the whole of it."""
    archive = ArchiveCatalog.at(str(half))
    coverage = archive.measure_coverage(RADAR)
    assert str(coverage) == "2021-06-01/2021-07-03"
    assert coverage.covers(search_around(date(2021, 6, 15), 4))
    assert coverage.covers(search_around(date(2021, 7, 4), 4))
    assert not coverage.covers(search_around(date(2021, 7, 11), 4))
    assert not coverage.covers(search_around(date(2021, 7, 15), 14))
    assert coverage.covers(Search(RADAR, WORLD, None, ()))


def test_a_hole_in_an_archive_is_found_in_a_row_group(tmp_path: Path) -> None:
    """Whether it lies in a row group or between two."""
    table = demo_table(RADAR)
    times = table["datetime"]
    hole = datetime(2021, 6, 11, tzinfo=UTC), datetime(2021, 7, 20, tzinfo=UTC)
    kept = table.filter(pc.or_(pc.less(times, hole[0]), pc.greater(times, hole[1])))
    for name, rows in (("one", 1000), ("many", 5)):
        pq.write_table(kept, tmp_path / f"{name}.parquet", row_group_size=rows)
        coverage = ArchiveCatalog.at(str(tmp_path / f"{name}.parquet")).measure_coverage(RADAR)
        assert str(coverage) == "2021-06-01/2021-06-10, 2021-07-21/2021-07-31"
        assert not coverage.covers(search_around(date(2021, 6, 30), 4))


def test_slots_outside_an_archive_are_not_covered(half: Path, tmp_path: Path) -> None:
    """They are empty, with the reason; the reason survives a reselection."""
    sensors = Recipe().sensors
    clouds = {**sensors, Sensor.S2L2A: replace(sensors[Sensor.S2L2A], max_cloud_percent=99.9)}
    recipe = Recipe(sensors=clouds, relax=())
    result = scan("demo", catalog=str(half), recipe=recipe, out=tmp_path / "out")
    assert (result.counts["filled"], result.counts["slots"]) == (3, 9)
    (outcome,) = result.outcomes
    assert {each.code for each in outcome.reasons} == {"not_covered"}
    assert "the archive covers sentinel-1-rtc in 2021-06-01/2021-07-03" in str(outcome.reason)
    assert all("--fallback-catalog" in each.hint for each in outcome.reasons)
    candidates = result.candidates.query("sensor == 'S2L2A' and phase == 'pre_event'")
    assert len(candidates)
    assert "not_covered" in set(candidates["verdict"])
    assert not candidates["selected"].any()
    (manifest,) = result.manifests.values()
    assert {failure["code"] for failure in manifest.failures} == {"not_covered"}
    again = reselect(tmp_path / "out", out=tmp_path / "again", policy=Policy.REFERENCE)
    assert again.outcomes[0].reasons == outcome.reasons
    assert again.candidates["verdict"].tolist() == result.candidates["verdict"].tolist()


def test_a_fallback_fills_what_the_archive_does_not_cover(
    half: Path, lean_api: StacApi, tmp_path: Path
) -> None:
    """The results are those of the API alone, with fewer searches."""
    alone = scan("demo", catalog=lean_api.url, out=tmp_path / "alone")
    before = lean_api.searches()
    sources = open_sources(str(half), fallback=lean_api.url)
    both = scan("demo", catalog=sources, out=tmp_path / "both")
    assert result_bytes(tmp_path / "both") == result_bytes(tmp_path / "alone")
    assert both.counts["filled"] == alone.counts["filled"] == 9
    assert lean_api.searches() - before == 1  # both sensors; the DEM is in the archive
    made = pq.read_table(tmp_path / "both" / "searches.parquet")
    assert made.num_rows == 4
    assert pc.sum(made["n_requests"]).as_py() == 1


def test_each_collection_may_have_a_source_of_its_own(lean_api: StacApi, tmp_path: Path) -> None:
    """Radar from an archive, all else from an API: the bytes are those of the API."""
    sources = {RADAR: str(DEMO_FOLDER / f"{RADAR}.parquet")}
    scan("demo", catalog=lean_api.url, out=tmp_path / "alone")
    before = lean_api.searches()
    scan("demo", catalog=lean_api.url, recipe=Recipe(sources=sources), out=tmp_path / "both")
    assert result_bytes(tmp_path / "both") == result_bytes(tmp_path / "alone")
    assert lean_api.searches() - before == 2


def test_a_recipe_names_sources(tmp_path: Path) -> None:
    """By the collections of its sensors; sources change no result, so they are not recorded."""
    path = tmp_path / "recipe.toml"
    path.write_text(f'[sources]\n"{RADAR}" = "s1.parquet"\n')
    recipe = load_recipe(path)
    assert recipe.sources == {RADAR: "s1.parquet"}
    assert recipe.to_dict() == Recipe().to_dict()
    opened = open_sources("demo", by_collection=recipe.sources)
    assert isinstance(opened, Sources)
    assert opened.location == f"demo; {RADAR}: s1.parquet"
    for text, message in (
        ('[sources]\n"sentinel-9" = "x"\n', "sources.sentinel-9"),
        ("sources = 3\n", "must be a table of catalogs"),
    ):
        path.write_text(text)
        with pytest.raises(RecipeError, match=message):
            load_recipe(path)


def test_windows_of_another_run_are_chosen_from_again(half: Path, tmp_path: Path) -> None:
    """A reselection with narrower windows trusts no search that was not covered."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    scan("demo", catalog=str(half), recipe=recipe, out=tmp_path / "out")
    narrow = replace(recipe, policy=Policy.REFERENCE)
    again = reselect(tmp_path / "out", out=tmp_path / "again", recipe=narrow)
    assert {each.code for each in again.outcomes[0].reasons} <= {"not_covered"}
