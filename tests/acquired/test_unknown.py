"""Where it is not known what was acquired, runs say so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

import floodscan
from floodscan import CatalogError, Recipe, Sensor
from floodscan.assessment.labels import WarningCode
from floodscan.catalogs.sources import NOT_HELD
from floodscan.cli.group import cli
from floodscan.reselection import NOT_ASKED
from floodscan.testing.fake_catalog import FakeCatalog, ItemsInMemory, RaiseError
from tests.acquired.products import (
    ASKING,
    PRODUCTS,
    demo_items,
    slots_of,
)
from tests.catalogs.archive.test_same_as_api import write_archive
from tests.runs import result_bytes
from tests.sweeps import DEMO
from tests.test_reselection import contents

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_that_did_not_ask_can_be_chosen_from(tmp_path: Path) -> None:
    """The record says that nothing was checked."""
    floodscan.scan(DEMO, catalog="demo", out=tmp_path / "plain")
    result = floodscan.reselect(tmp_path / "plain", recipe=ASKING, out=tmp_path / "again")
    assert result.folder.read_run()["not_checked"] == {PRODUCTS: NOT_ASKED}
    assert contents(tmp_path / "again") == contents(tmp_path / "plain")


def test_a_catalog_without_the_products_is_no_error(tmp_path: Path) -> None:
    """The results are those without the question, and the record says so; so does ``explain``."""
    result = floodscan.scan(DEMO, catalog="demo", recipe=ASKING, out=tmp_path / "asking")
    floodscan.scan(DEMO, catalog="demo", out=tmp_path / "plain")
    assert result_bytes(tmp_path / "asking") == result_bytes(tmp_path / "plain")
    run = result.folder.read_run()
    assert run["not_checked"] == {PRODUCTS: NOT_HELD}
    assert run["run_id"] == orjson.loads((tmp_path / "plain" / "run.json").read_bytes())["run_id"]
    words = ["explain", str(tmp_path / "asking"), DEMO.event_id, "event", "S1RTC", "--json"]
    (slot,) = orjson.loads(CliRunner().invoke(cli, words).stdout)
    assert slot["not_in_collection"] == [f"not checked: {PRODUCTS}: {NOT_HELD}"]
    again = floodscan.reselect(tmp_path / "asking", out=tmp_path / "again")
    assert again.folder.read_run()["not_checked"] == {PRODUCTS: NOT_HELD}


def test_the_other_collections_must_be_there(tmp_path: Path) -> None:
    """The name of a sensor's collection is still checked."""
    radar = replace(ASKING.sensors[Sensor.S1RTC], collection="sentinel-1-other")
    recipe = Recipe(sensors={Sensor.S1RTC: radar})
    with pytest.raises(floodscan.MissingCollectionError, match="sentinel-1-other"):
        floodscan.scan(DEMO, catalog="demo", recipe=recipe, out=tmp_path / "out")


def test_a_failed_search_for_products_leaves_the_choices(
    memory: ItemsInMemory, tmp_path: Path
) -> None:
    """The slots say that nothing is known; a retry asks again, and reselect keeps it."""
    away = RaiseError(CatalogError("fake", "is away"), collection=PRODUCTS)
    broken, whole = FakeCatalog(source=memory, faults=(away,)), FakeCatalog(source=memory)
    result = floodscan.scan(DEMO, catalog=broken, recipe=ASKING, out=tmp_path / "out")
    manifest = result.manifests[DEMO.event_id].content
    assert not any(slot["checked"] for slot in slots_of(manifest).values())
    kinds = [each["code"] for each in manifest["warnings"]]
    assert kinds.count(WarningCode.NOT_CHECKED) == 4
    floodscan.reselect(tmp_path / "out", out=tmp_path / "again")
    assert result_bytes(tmp_path / "again") == result_bytes(tmp_path / "out")
    good = floodscan.scan(DEMO, catalog=whole, recipe=ASKING, out=tmp_path / "good")
    chosen = [each.manifests[DEMO.event_id].content["selected"] for each in (result, good)]
    assert chosen[0] == chosen[1]
    floodscan.scan(DEMO, catalog=whole, recipe=ASKING, out=tmp_path / "out", retry_failed=True)
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "good")


def test_windows_that_an_archive_does_not_cover_are_not_checked(tmp_path: Path) -> None:
    """The slots of other windows are, and all are filled."""
    until_june = [
        item
        for item in demo_items()
        if item["collection"] != PRODUCTS or item["properties"]["datetime"] < "2021-07"
    ]
    write_archive(tmp_path / "archive", until_june, row_group_size=50)
    result = floodscan.scan(
        DEMO, catalog=str(tmp_path / "archive"), recipe=ASKING, out=tmp_path / "out"
    )
    slots = slots_of(result.manifests[DEMO.event_id].content)
    checked = {phase: slot["checked"] for (_, phase), slot in slots.items()}
    assert checked == {"pre_month": True, "pre_event": False, "event": False, "post_event": False}
    assert result.counts["filled"] == result.counts["slots"]


def test_the_plan_says_what_is_searched_and_what_is_not_checked(
    archive: str, tmp_path: Path
) -> None:
    """An archive says by itself whether it has the products."""
    recipe = tmp_path / "acquired.toml"
    recipe.write_text(f"[S1RTC]\nacquired_in = '{PRODUCTS}'\n")
    words = ["plan", "demo", "--recipe", str(recipe), "--catalog"]
    without, both = (CliRunner().invoke(cli, [*words, name]) for name in ("demo", archive))
    assert f"not checked: {PRODUCTS}: {NOT_HELD}" in without.stderr
    assert PRODUCTS not in without.stdout
    assert PRODUCTS in both.stdout
    assert both.stderr == ""


def test_a_scan_says_what_is_not_checked(archive: str, tmp_path: Path) -> None:
    """At its end, where it also counts the slots that lack passes."""
    recipe = tmp_path / "acquired.toml"
    recipe.write_text(f"[S1RTC]\nacquired_in = '{PRODUCTS}'\n")
    for name, expected in (
        ("demo", f"passes that are missing in the catalog are not known: {PRODUCTS}: {NOT_HELD}"),
        (archive, f"2 {WarningCode.NOT_IN_COLLECTION}"),
    ):
        words = ["scan", "demo", "--recipe", str(recipe), "--catalog", name]
        done = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / name[-4:])])
        assert expected in " ".join(done.stdout.split())
