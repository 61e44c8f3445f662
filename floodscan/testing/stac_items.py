"""STAC items of the three collections, made from facts about a pass or a tile.

Property names, asset keys and forms of ids are those of the Planetary Computer. The hosts are not:
every address is below a domain that does not exist, so that nobody takes an item for a real one.
Two properties list the sources of an item: ``floodscan:published`` names the published fields,
``floodscan:modelled`` the modelled ones. Other fields are constants of the collection.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import shapely
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

from floodscan.testing.tile_grids import (
    DEM_ROWS,
    TILE_METRES,
    TileSquare,
    dem_column_width,
    dem_footprint,
    tile_footprint,
    tile_square,
    transformer,
)

Item = dict[str, Any]
OrbitState = Literal["ascending", "descending"]

DEMO_DOMAIN = "floodscan-demo.invalid"
STAC_VERSION = "1.0.0"

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
_POLARIZATION_WORDS = {"V": "vertical", "H": "horizontal"}
_SINGLE = 1

_S1_FIELDS = ("id", "datetime", "start_datetime", "end_datetime", "platform", "geometry",
              "sat:relative_orbit", "sat:absolute_orbit", "sat:orbit_state", "s1:datatake_id",
              "s1:slice_number", "s1:total_slices", "sar:polarizations",
              "assets", "links")  # fmt: skip
_S2_FIELDS = ("id", "datetime", "eo:cloud_cover", "platform", "geometry", "sat:relative_orbit",
              "s2:mgrs_tile", "s2:processing_baseline", "s2:generation_time", "s2:datatake_id",
              "s2:datastrip_id", "s2:product_uri", "s2:granule_id", "assets", "links")  # fmt: skip
_DEM_FIELDS = ("id", "datetime", "geometry", "assets", "links")


class _Band(NamedTuple):
    key: str
    file: str
    metres: int
    title: str
    common_name: str = ""
    wavelength: float = 0.0
    width: float = 0.0


_BANDS = (
    _Band("AOT", "AOT", 10, "Aerosol optical thickness (AOT)"),
    _Band("B01", "B01", 60, "Band 1 - Coastal aerosol", "coastal", 0.443, 0.027),
    _Band("B02", "B02", 10, "Band 2 - Blue", "blue", 0.49, 0.098),
    _Band("B03", "B03", 10, "Band 3 - Green", "green", 0.56, 0.045),
    _Band("B04", "B04", 10, "Band 4 - Red", "red", 0.665, 0.038),
    _Band("B05", "B05", 20, "Band 5 - Vegetation red edge 1", "rededge", 0.704, 0.019),
    _Band("B06", "B06", 20, "Band 6 - Vegetation red edge 2", "rededge", 0.74, 0.018),
    _Band("B07", "B07", 20, "Band 7 - Vegetation red edge 3", "rededge", 0.783, 0.028),
    _Band("B08", "B08", 10, "Band 8 - NIR", "nir", 0.842, 0.145),
    _Band("B09", "B09", 60, "Band 9 - Water vapor", "", 0.945, 0.026),
    _Band("B11", "B11", 20, "Band 11 - SWIR (1.6)", "swir16", 1.61, 0.143),
    _Band("B12", "B12", 20, "Band 12 - SWIR (2.2)", "swir22", 2.19, 0.242),
    _Band("B8A", "B8A", 20, "Band 8A - Vegetation red edge 4", "rededge", 0.865, 0.033),
    _Band("SCL", "SCL", 20, "Scene classification map (SCL)"),
    _Band("WVP", "WVP", 10, "Water vapour (WVP)"),
    _Band("visual", "TCI", 10, "True color image"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel2Scene:
    """One tile of one Sentinel-2 pass.

    ``swath`` is the ground of the pass, in degrees; None is all of the tile.
    ``platform`` is ``S2A`` or ``S2B``, ``cloud_cover`` a percentage, ``baseline`` ``03.01``.
    """

    tile: str
    platform: str
    start: datetime
    generated: datetime
    relative_orbit: int
    absolute_orbit: int
    baseline: str
    cloud_cover: float
    swath: Polygon | None = None
    missing_assets: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel1Frame:
    """One frame of a Sentinel-1 pass, its footprint in degrees; ``platform`` is ``S1A``."""

    platform: str
    start: datetime
    duration: timedelta
    footprint: Polygon
    relative_orbit: int
    absolute_orbit: int
    orbit_state: OrbitState
    datatake: int
    polarizations: tuple[str, ...] = ("VV", "VH")
    slice_number: int = 1
    total_slices: int = 1
    published: tuple[str, ...] = ()


def sentinel_2_item(scene: Sentinel2Scene, *, domain: str = DEMO_DOMAIN) -> Item | None:
    """Make a ``sentinel-2-l2a`` item, or None if the pass did not see the tile."""
    square = tile_square(scene.tile)
    tile = tile_footprint(scene.tile)
    seen = tile if scene.swath is None else shapely.intersection(tile, scene.swath)
    if seen.is_empty or not isinstance(seen, Polygon):
        return None
    names = _s2_names(scene)
    properties = {
        "datetime": spell_utc(scene.start),
        "platform": f"Sentinel-{scene.platform[1:]}",
        "proj:epsg": square.epsg,
        "instruments": ["msi"],
        "s2:mgrs_tile": scene.tile,
        "constellation": "Sentinel 2",
        "eo:cloud_cover": scene.cloud_cover,
        **{f"s2:{key}": names[key] for key in _S2_NAMES},
        "s2:product_type": "S2MSI2A",
        "sat:orbit_state": "descending",
        "s2:datatake_type": "INS-NOBS",
        "s2:generation_time": spell_utc(scene.generated),
        "sat:relative_orbit": scene.relative_orbit,
        "s2:processing_baseline": scene.baseline,
        "s2:nodata_pixel_percentage": round(100 * max(0.0, 1 - seen.area / tile.area), 6),
        **_origin(scene.published, _S2_FIELDS),
    }
    assets = _s2_assets(scene, square, names, domain)
    item = _item("sentinel-2-l2a", names["id"], seen, properties, domain=domain)
    item["assets"] = {**assets, **item["assets"]}
    item["stac_extensions"] = _extensions("eo/v1.0.0", "sat/v1.0.0", "projection/v1.1.0")
    return item


def sentinel_1_item(frame: Sentinel1Frame, *, domain: str = DEMO_DOMAIN) -> Item:
    """Make a ``sentinel-1-rtc`` item; ``datetime`` is the middle of the frame.

    ``start_datetime`` and ``end_datetime`` have a blank instead of the ``T``, as real items do.
    """
    end = frame.start + frame.duration
    product = _s1_product(frame, end)
    properties = {
        "datetime": spell_utc(frame.start + frame.duration / 2),
        "platform": f"SENTINEL-{frame.platform[1:]}",
        "start_datetime": str(frame.start),
        "end_datetime": str(end),
        "constellation": "Sentinel-1",
        **_s1_grid(frame.footprint),
        **_S1_CONSTANTS,
        "s1:datatake_id": str(frame.datatake),
        "s1:slice_number": str(frame.slice_number),
        "s1:total_slices": str(frame.total_slices),
        "sar:polarizations": list(frame.polarizations),
        "sat:orbit_state": frame.orbit_state,
        "sat:absolute_orbit": frame.absolute_orbit,
        "sat:relative_orbit": frame.relative_orbit,
        "sat:platform_international_designator": SENTINEL_1_DESIGNATORS[frame.platform],
        **_origin(frame.published, _S1_FIELDS),
    }
    item = _item("sentinel-1-rtc", f"{product}_rtc", frame.footprint, properties, domain=domain)
    item["assets"] = {**_s1_assets(frame, product, domain), **item["assets"]}
    item["stac_extensions"] = _extensions(
        "sar/v1.0.0", "sat/v1.0.0", "projection/v1.1.0", "raster/v1.1.0"
    )
    return item


def cop_dem_item(lat: int, lon: int, *, domain: str = DEMO_DOMAIN) -> Item:
    """Make the ``cop-dem-glo-30`` item whose south-west corner is at ``lat``, ``lon`` degrees."""
    title = f"{'NS'[lat < 0]}{abs(lat):02d}_00_{'EW'[lon < 0]}{abs(lon):03d}_00"
    item_id = f"Copernicus_DSM_COG_10_{title}_DEM"
    ratio = dem_column_width(lat)
    footprint = dem_footprint(lat, lon)
    west, _, _, north = footprint.bounds
    properties = {
        "gsd": 30,
        "datetime": "2021-04-22T00:00:00Z",
        "platform": "TanDEM-X",
        "proj:epsg": 4326,
        "proj:shape": [DEM_ROWS, round(DEM_ROWS / ratio)],
        "proj:transform": [ratio / DEM_ROWS, 0.0, west, 0.0, -1 / DEM_ROWS, north],
        **_origin(("id", "datetime", "geometry"), _DEM_FIELDS),
    }
    item = _item("cop-dem-glo-30", item_id, footprint, properties, domain=domain)
    href = f"https://elevationeuwest.{domain}/copernicus-dem/COP30_hh/{item_id}.tif"
    data = {"href": href, "title": title, "type": _COG, "roles": ["data"]}
    item["assets"] = {"data": data, **item["assets"]}
    item["stac_extensions"] = _extensions("projection/v1.0.0")
    return item


_S2_NAMES = ("granule_id", "datatake_id", "product_uri", "datastrip_id")
SENTINEL_1_DESIGNATORS = {"S1A": "2014-016A", "S1B": "2016-025A"}
_S1_CONSTANTS: dict[str, Any] = {
    "s1:resolution": "high",
    "s1:orbit_source": "RESORB",
    "s1:processing_level": "1",
    "s1:product_timeliness": "Fast-24h",
    "sar:looks_range": 5,
    "sar:looks_azimuth": 1,
    "sar:product_type": "GRD",
    "sar:frequency_band": "C",
    "sar:instrument_mode": "IW",
    "sar:center_frequency": 5.405,
    "sar:resolution_range": 20,
    "sar:resolution_azimuth": 22,
    "sar:pixel_spacing_range": 10,
    "sar:pixel_spacing_azimuth": 10,
    "sar:looks_equivalent_number": 4.4,
    "sar:observation_direction": "right",
}


def spell_utc(moment: datetime) -> str:
    """Write a time in UTC as ``datetime`` of an item has it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _extensions(*names: str) -> list[str]:
    return [_EXTENSION.format(name) for name in names]


def _origin(published: Sequence[str], fields: Iterable[str]) -> dict[str, list[str]]:
    return {
        "floodscan:published": list(published),
        "floodscan:modelled": [field for field in fields if field not in published],
    }


def _item(
    collection: str, item_id: str, footprint: Polygon, properties: dict[str, Any], *, domain: str
) -> Item:
    ring = [[round(x, 10), round(y, 10)] for x, y in orient(footprint).exterior.coords]
    xs, ys = zip(*ring, strict=True)
    data = f"https://planetarycomputer.{domain}/api/data/v1/item"
    query = f"collection={collection}&item={item_id}"
    preview = {"title": "Rendered preview", "href": f"{data}/preview.png?{query}"}
    tilejson = {"title": "TileJSON", "href": f"{data}/tilejson.json?{query}"}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": item_id,
        "collection": collection,
        "bbox": [min(xs), min(ys), max(xs), max(ys)],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": properties,
        "links": _links(collection, item_id, domain),
        "assets": {
            "tilejson": {**tilejson, "type": "application/json", "roles": ["tiles"]},
            "rendered_preview": {**preview, "type": "image/png", "roles": ["overview"]},
        },
    }


def _links(collection: str, item_id: str, domain: str) -> list[dict[str, str]]:
    root = f"https://planetarycomputer.{domain}/api/stac/v1"
    parent = f"{root}/collections/{collection}"
    return [
        {"rel": "collection", "type": "application/json", "href": parent},
        {"rel": "parent", "type": "application/json", "href": parent},
        {"rel": "root", "type": "application/json", "href": f"{root}/"},
        {"rel": "self", "type": "application/geo+json", "href": f"{parent}/items/{item_id}"},
    ]


def _s2_names(scene: Sentinel2Scene) -> dict[str, str]:
    sensed, made = f"{scene.start:%Y%m%dT%H%M%S}", f"{scene.generated:%Y%m%dT%H%M%S}"
    stem, version = f"{scene.platform}_MSIL2A_{sensed}", f"N{scene.baseline}"
    tail = f"R{scene.relative_orbit:03d}_T{scene.tile}_{made}"
    oper, orbit = f"{scene.platform}_OPER_MSI_L2A", f"{scene.absolute_orbit:06d}"
    return {
        "id": f"{stem}_{tail}",
        "sensed": sensed,
        "product_uri": f"{stem}_{version.replace('.', '')}_{tail}.SAFE",
        "granule_id": f"{oper}_TL_MSFT_{made}_A{orbit}_T{scene.tile}_{version}",
        "datatake_id": f"G{scene.platform}_{sensed}_{orbit}_{version}",
        "datastrip_id": f"{oper}_DS_MSFT_{made}_S{sensed}_{version}",
    }


def _s2_assets(
    scene: Sentinel2Scene, square: TileSquare, names: dict[str, str], domain: str
) -> dict[str, dict[str, Any]]:
    tile, sensed = scene.tile, names["sensed"]
    folder = f"{tile[:2].lstrip('0')}/{tile[2]}/{tile[3:]}/{scene.start:%Y/%m/%d}"
    safe = f"https://sentinel2l2a01.{domain}/sentinel2-l2/{folder}/{names['product_uri']}"
    images = f"{safe}/GRANULE/L2A_T{tile}_A{scene.absolute_orbit:06d}_{sensed}/IMG_DATA"
    assets: dict[str, dict[str, Any]] = {}
    for band in _BANDS:
        name = f"R{band.metres}m/T{tile}_{sensed}_{band.file}_{band.metres}m.tif"
        assets[band.key] = {"href": f"{images}/{name}", **_band_fields(band, square)}
    assets["product-metadata"] = {
        "href": f"{safe}/MTD_MSIL2A.xml",
        "type": "application/xml",
        "roles": ["metadata"],
        "title": "Product metadata",
    }
    return {key: value for key, value in assets.items() if key not in scene.missing_assets}


def _band_fields(band: _Band, square: TileSquare) -> dict[str, Any]:
    _, ulx, uly = square
    right, bottom = float(ulx + TILE_METRES), float(uly - TILE_METRES)
    metres, pixels = float(band.metres), TILE_METRES // band.metres
    fields: dict[str, Any] = {
        "type": _COG,
        "roles": ["data"],
        "title": f"{band.title} - {band.metres}m" if band.wavelength else band.title,
        "gsd": metres,
        "proj:bbox": [float(ulx), bottom, right, float(uly)],
        "proj:shape": [pixels, pixels],
        "proj:transform": [metres, 0.0, float(ulx), 0.0, -metres, float(uly)],
    }
    if band.wavelength:
        known = {"name": band.key, "description": band.title, "common_name": band.common_name}
        spectrum = {"center_wavelength": band.wavelength, "full_width_half_max": band.width}
        fields["eo:bands"] = [{key: v for key, v in known.items() if v} | spectrum]
    return fields


def _s1_product(frame: Sentinel1Frame, end: datetime) -> str:
    mode = "1SSV" if len(frame.polarizations) == _SINGLE else "1SDV"
    span = f"{frame.start:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}"
    orbit = f"{frame.absolute_orbit:06d}_{frame.datatake:06X}"
    return f"{frame.platform}_IW_GRDH_{mode}_{span}_{orbit}"


def _s1_assets(frame: Sentinel1Frame, product: str, domain: str) -> dict[str, dict[str, Any]]:
    day = f"{frame.start.year}/{frame.start.month}/{frame.start.day}"
    mode = "SV" if len(frame.polarizations) == _SINGLE else "DV"
    host = f"https://sentinel1euwestrtc.{domain}/sentinel1-grd-rtc/GRD"
    bands = [{"nodata": -32768, "data_type": "float32", "spatial_resolution": 10.0}]
    assets: dict[str, dict[str, Any]] = {}
    for name in sorted(frame.polarizations):
        sent, received = (_POLARIZATION_WORDS[letter] for letter in name)
        assets[name.lower()] = {
            "href": f"{host}/{day}/IW/{mode}/{product}/measurement/iw-{name.lower()}.rtc.tiff",
            "type": _COG,
            "roles": ["data"],
            "title": f"{name}: {sent} transmit, {received} receive",
            "raster:bands": bands,
        }
    return assets


def _s1_grid(footprint: Polygon) -> dict[str, Any]:
    centre = footprint.centroid
    epsg = (32600 if centre.y >= 0 else 32700) + int((centre.x + 180) // 6) + 1
    xs, ys = transformer(4326, epsg).transform(*footprint.exterior.xy)
    west, south = (float(math.floor(min(v) / 10) * 10) for v in (xs, ys))
    east, north = (float(math.ceil(max(v) / 10) * 10) for v in (xs, ys))
    columns, rows = round((east - west) / 10), round((north - south) / 10)
    return {
        "proj:epsg": epsg,
        "proj:bbox": [west, south, east, north],
        "proj:shape": [rows, columns],
        "s1:shape": [columns, rows],
        "proj:transform": [10.0, 0.0, west, 0.0, -10.0, north, 0.0, 0.0, 1.0],
    }
