"""The first searches of few events leave with the request for the landing page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from floodscan import CatalogError, Recipe, SensorRecipe, scan
from floodscan.catalogs import early, stac_api
from floodscan.catalogs.endpoint import Endpoint
from floodscan.testing.servers.proxy import fault_proxy
from tests.runs import result_bytes
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


def test_landing_page_collections_and_searches_are_asked_for_at_once(
    lean_api: StacApi, tmp_path: Path
) -> None:
    """None waits for the answer of another, and none is asked for twice."""
    with fault_proxy(lean_api.url, latency=3.0) as proxy:
        proxy.everywhere = True
        scan("demo", catalog=proxy.url, out=tmp_path / "out")
    assert len(proxy.visits) == proxy.most_at_once == 1 + 3 + 2
    scan("demo", out=tmp_path / "archive")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "archive")


def test_searches_are_sent_again_if_the_landing_page_names_another_address(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guess is wrong then; its requests are counted."""
    scan("demo", out=tmp_path / "archive")
    for number, guess in enumerate(
        [Endpoint(f"{lean_api.url}/nowhere", lean=True), Endpoint(f"{lean_api.url}/search", False)]
    ):
        monkeypatch.setattr(stac_api, "guess_endpoint", lambda _, guess=guess: guess)
        out = tmp_path / str(number)
        result = scan("demo", catalog=lean_api.url, out=out)
        assert result.counts["requests"] > 2
        assert result_bytes(out) == result_bytes(tmp_path / "archive")


def test_no_answer_is_kept_for_the_next_run(lean_api: StacApi, tmp_path: Path) -> None:
    """Neither after a run that took them, nor after one that never began."""
    scan(make_events(3), catalog=lean_api.url, recipe=APART, out=tmp_path / "out")
    assert early._SENT == {}
    unknown = {**Recipe().sensors}
    unknown |= {sensor: SensorRecipe(collection="unknown", assets=()) for sensor in [*unknown][:1]}
    with pytest.raises(CatalogError, match="unknown"):
        scan("demo", catalog=lean_api.url, recipe=Recipe(sensors=unknown), out=tmp_path / "other")
    scan("demo", out=tmp_path / "archive")
    assert early._SENT == {}
