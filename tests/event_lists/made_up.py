"""Small made-up lists of floods, with the structure of the published ones."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from floodscan.event_lists.convert import Conversion, convert_list
from floodscan.event_lists.kinds import ListKind
from floodscan.event_lists.rows import ListOptions

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

SQUARE = "POLYGON ((6 49, 7 49, 7 50, 6 50, 6 49))"
BOW = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
"""An outline that crosses itself."""

KML = (
    "<Polygon><outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing>"
    "</outerBoundaryIs></Polygon>"
)
RING = "6,49 7,49 7,50 6,50 6,49"
HOLE = (
    "<Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 9,0 9,9 0,9 0,0</coordinates>"
    "</LinearRing></outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>3,3 6,3 6,6 3,6 3,3"
    "</coordinates></LinearRing></innerBoundaryIs></Polygon>"
)


def convert(*paths: Path, kind: str | None = None, **options: object) -> Conversion:
    """Convert files, whatever is noted about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert_list(
            paths,
            kind=ListKind(kind) if kind else None,
            options=ListOptions(**options),  # type: ignore[arg-type]
        )


def write(path: Path, content: object) -> Path:
    """Write bytes, a text, or anything else as JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def activation(**changes: object) -> Json:
    """Make an activation of Copernicus EMS with two areas."""
    areas = [
        {
            "name": name,
            "number": number,
            "extent": SQUARE,
            "products": [
                product("DEL", "Sentinel-1", "2026-04-02T05:03:00"),
                product("FEP", "Sentinel-1", "2026-04-01T05:10:00"),
            ],
        }
        for number, name in enumerate(["Upper", "Lower"], 1)
    ]
    about: Json = {
        "code": "EMSR001",
        "name": "Flood in Nowhere",
        "category": "Flood",
        "subCategory": "Riverine flood",
        "eventTime": "2026-03-31T15:00:00",
        "activationTime": "2026-04-01T15:16:00",
        "countries": [{"name": "Nowhere"}],
        "aois": areas,
    }
    return {name: value for name, value in (about | changes).items() if value is not ...}


def product(kind: str, satellite: str, time: str) -> Json:
    """Make a product with one image."""
    image = {"sensorType": "sar", "sensorName": satellite, "acquisitionTime": time}
    return {"type": kind, "images": [image]}


def answer(*activations: object) -> Json:
    """Make an answer of the API of Copernicus EMS."""
    return {"count": len(activations), "next": None, "results": list(activations)}


def episode(
    number: int, kind: str = "Poly_Affected", *, west: float = 0.0, **about: object
) -> Json:
    """Make a feature of GDACS: an area of one degree, or a point."""
    area = shapely.box(west, 0, west + 1, 1)
    geometry = area if kind.startswith("Poly") else area.centroid
    properties = {
        "eventtype": "FL",
        "eventid": 7,
        "episodeid": number,
        "Class": kind,
        "name": "Flood in Nowhere",
        "country": "Nowhere",
        "fromdate": "2024-10-27T15:00:00",
        "todate": "2024-11-04T11:00:00",
        **about,
    }
    return {
        "type": "Feature",
        "geometry": json.loads(shapely.to_geojson(geometry)),
        "properties": properties,
    }


def collection(*features: object) -> Json:
    """Make a GeoJSON collection."""
    return {"type": "FeatureCollection", "features": list(features)}


def database(*rows: str) -> str:
    """Make a table of the Global Flood Database; rows have id, begin, end and KML."""
    head = "ID,ThreshType,Country,Began,Ended,MainCause,geometry"
    cells = [row.split("|") for row in rows]
    lines = [f"{i},otsu,Nowhere,{b},{e},Rain,{kml}" for i, b, e, kml in cells]
    return "\n".join([head, *lines, ""])


def quoted(kml: str) -> str:
    """Quote a cell of CSV."""
    return f'"{kml}"'


def observatory(path: Path, areas: list[Any], ids: list[int]) -> Path:
    """Write a Shapefile of the Dartmouth Flood Observatory; its writer cuts the names."""
    days = pd.to_datetime(["2016-05-01"] * len(ids)).date
    columns = {"ID": ids, "GlideNumber": "0", "Country": "Nowhere", "OtherCountry": "0"}
    times = {"Began": days, "Ended": days, "MainCause": "Rain"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gpd.GeoDataFrame({**columns, **times}, geometry=areas).to_file(path)
    return path


CATALOG_YAML = """
App: IFLOODS
DATA_PATH: &DATA_PATH your/path
CAT_PATH: &CAT_PATH !join [*DATA_PATH, 'catalog.gpkg']
Floods:
  - act_id: 470
    act_region: Togo
    ref_date: 20201005T180000
    aois:
      - aoi_id: '01'
        aoi_name: Oti River
      - aoi_id: '02'
        aoi_name: Kara
  - act_id: 1111002
    act_region: Nowhere
    ref_date: 20200914T080000
    aois:
      - aoi_id: '01'
        aoi_name: Somewhere
"""


def workbook(*rows: list[str]) -> bytes:
    """Make a file of Excel with one sheet of texts."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    lines = [
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    ]
    relation = (
        '<Relationships xmlns="{}/relationships">'
        '<Relationship Id="r" Type="{}/{}" Target="{}"/></Relationships>'
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": relation.format(package, office, "officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="floods" sheetId="1" r:id="r"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relation.format(
            package, office, "worksheet", "worksheets/sheet1.xml"
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}'
        "</sheetData></worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()
