"""The demo against the published results of the procedure, to the last digit that was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from floodscan import ScanResult, scan

if TYPE_CHECKING:
    from pathlib import Path

EVENT = "luxembourg_flood_2021_multimodal"
DEM_TILES = {
    "Copernicus_DSM_COG_10_N49_00_E006_00_DEM": 0.500505,
    "Copernicus_DSM_COG_10_N49_00_E005_00_DEM": 0.252518,
    "Copernicus_DSM_COG_10_N50_00_E006_00_DEM": 0.164177,
    "Copernicus_DSM_COG_10_N50_00_E005_00_DEM": 0.082799,
}
SCENES = [
    # phase, sensor, start of the id, datetime, days, overlap, cloud
    (
        "pre_month",
        "S1RTC",
        "S1A_IW_GRDH_1SDV_20210616T054240",
        "2021-06-16T05:42:53.246501Z",
        1,
        1.0,
        None,
    ),
    (
        "pre_event",
        "S1RTC",
        "S1A_IW_GRDH_1SDV_20210710T054242",
        "2021-07-10T05:42:54.536403Z",
        1,
        1.0,
        None,
    ),
    (
        "event",
        "S1RTC",
        "S1A_IW_GRDH_1SDV_20210715T055052",
        "2021-07-15T05:51:04.897499Z",
        0,
        1.0,
        None,
    ),
    (
        "post_event",
        "S1RTC",
        "S1A_IW_GRDH_1SDV_20210715T055052",
        "2021-07-15T05:51:04.897499Z",
        3,
        1.0,
        None,
    ),
    (
        "pre_month",
        "S2L2A",
        "S2A_MSIL2A_20210611T104021_R008_T31UGR",
        "2021-06-11T10:40:21.024Z",
        4,
        0.840362,
        16.999946,
    ),
    (
        "pre_event",
        "S2L2A",
        "S2A_MSIL2A_20210721T104031_R008_T31UGR",
        "2021-07-21T10:40:31.024Z",
        10,
        0.840362,
        3.280537,
    ),
    (
        "event",
        "S2L2A",
        "S2A_MSIL2A_20210721T104031_R008_T31UGR",
        "2021-07-21T10:40:31.024Z",
        6,
        0.840362,
        3.280537,
    ),
    (
        "post_event",
        "S2L2A",
        "S2A_MSIL2A_20210721T104031_R008_T31UGR",
        "2021-07-21T10:40:31.024Z",
        3,
        0.840362,
        3.280537,
    ),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    """The demo event on the bundled snapshot."""
    return scan("demo", out=tmp_path_factory.mktemp("demo") / "out")


@pytest.mark.parametrize(
    ("phase", "sensor", "prefix", "time", "days", "overlap", "cloud"),
    SCENES,
    ids=lambda value: str(value)[:12],
)
def test_chooses_the_published_scene(  # noqa: PLR0913, PLR0917 - one per published figure
    demo: ScanResult,
    phase: str,
    sensor: str,
    prefix: str,
    time: str,
    days: int,
    overlap: float,
    cloud: float | None,
) -> None:
    """Scene, time, days, overlap and cloud of each slot are the published ones."""
    choice = demo.manifests[EVENT].content["selected"][phase][sensor]
    assert choice["id"].startswith(prefix)
    assert (choice["datetime"], choice["days_from_phase"]) == (time, days)
    assert round(choice["aoi_overlap_frac"], 6) == overlap
    assert choice.get("eo:cloud_cover") == cloud


def test_finds_the_published_dem_tiles(demo: ScanResult) -> None:
    """The four tiles come in the published order, with the published overlaps."""
    tiles = demo.manifests[EVENT].content["dem_items"]
    assert {tile["id"]: round(tile["aoi_overlap_frac"], 6) for tile in tiles} == DEM_TILES
    assert [tile["id"] for tile in tiles] == list(DEM_TILES)


def test_figures_of_this_test_are_the_published_ones(foreign_data: Path) -> None:
    """The expectations above are those of the published record."""
    record = orjson.loads((foreign_data / "luxembourg-2021_published-results.json").read_bytes())
    for phase, sensor, prefix, time, days, overlap, cloud in SCENES:
        published = record["selected"][sensor][phase]
        assert published["id_prefix"].startswith(prefix)
        expected = (
            published["datetime"],
            published["days_from_phase"],
            published["aoi_overlap_frac"],
        )
        assert (time, days, overlap, cloud) == (*expected, published.get("eo:cloud_cover"))
    assert dict(record["dem_items"]) == DEM_TILES


def test_reader_of_the_published_manifest_reads_ours(demo: ScanResult) -> None:
    """A reader that knows only the published keys finds each of them, of the published type."""
    raw = orjson.loads(demo.folder.manifest_path(EVENT).read_bytes())
    read = read_published(raw)
    assert read["event"] == (EVENT, [5.7333, 49.4426, 6.5282, 50.183], "EPSG:32632")
    assert len(read["scenes"]) == 8
    assert len(read["dem"]) == 4


def read_published(raw: dict[str, Any]) -> dict[str, Any]:
    """Read a manifest as the published packaging step does: by these keys, and none besides."""
    event = raw["event"]
    assert list(event["phase_dates"]) == raw["phase_order"]
    assert set(raw["collections"]) == set(raw["assets"]) == {"S1RTC", "S2L2A", "DEM"}
    extra = {"S1RTC": ("orbit_state", "relative_orbit"), "S2L2A": ("eo:cloud_cover",)}
    common = ("collection", "id", "datetime", "days_from_phase", "aoi_overlap_frac")
    scenes = [
        {key: raw["selected"][phase][sensor][key] for key in (*common, *extra[sensor])}
        for phase in raw["phase_order"]
        for sensor in ("S1RTC", "S2L2A")
    ]
    dem = [
        {key: tile[key] for key in ("collection", "id", "aoi_overlap_frac")}
        for tile in raw["dem_items"]
    ]
    return {
        "event": (event["name"], event["bbox"], event["target_crs"]),
        "scenes": scenes,
        "dem": dem,
    }


def test_writes_no_signed_url(demo: ScanResult) -> None:
    """No file of a run holds a signature or a token."""
    files: list[Path] = [file for file in demo.folder.path.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert b"sig=" not in file.read_bytes()
