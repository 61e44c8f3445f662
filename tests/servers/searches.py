"""Random searches around the items of a server, and their answers page by page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlencode

import orjson
import shapely
from shapely.geometry import mapping

from floodscan.testing.servers.store import begin_microseconds

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    import requests

    from floodscan.testing.servers.catalog import Json

# A link of a page: the body of a search by POST, or the path of one by GET.
Asked: TypeAlias = "Json | str"

_MOST_PAGES = 4
_TIMEOUT_SECONDS = 60
_LEAN_FIELDS: tuple[Json, ...] = (
    {"include": ["id", "geometry", "properties.datetime"], "exclude": ["links"]},
    {"include": ["properties.eo:cloud_cover", "assets.B04.href", "bbox"]},
    {"include": ["assets.B04.href", "assets.B08.href", "assets.vv.href", "assets.data.href"]},
    {"include": ["id"], "exclude": ["links", "assets"]},
    {"include": ["properties"], "exclude": ["properties.datetime"]},
    {"include": ["properties.datetime", "properties"], "exclude": ["properties.platform"]},
    {"include": ["assets.B04"], "exclude": ["assets.B04.href", "links"]},
    {"include": ["assets.B04.href"], "exclude": ["assets", "properties", "links"]},
    {"exclude": ["assets", "links"]},
    {"exclude": ["assets.B04.href", "properties.eo:cloud_cover", "geometry"]},
    {"exclude": ["assets.B04", "bbox", "stac_extensions", "properties.nothing"]},
)
_QUERIED = ("platform", "sat:orbit_state", "sat:relative_orbit", "s2:mgrs_tile")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server to a search.

    Attributes:
        statuses: HTTP status of each page.
        features: Items of each page, without their links.
        turns: Links of each page to its neighbours, by relation.
    """

    statuses: list[int] = field(default_factory=list)
    features: list[list[Json]] = field(default_factory=list)
    turns: list[dict[str, Asked]] = field(default_factory=list)


def neighbourhoods(items: Iterable[Json]) -> list[list[Json]]:
    """Group items by collection and place, so that searches do not all hit the largest sets."""
    groups: dict[tuple[str, int, int], list[Json]] = defaultdict(list)
    for item in items:
        west, south = item["bbox"][:2]
        groups[item["collection"], int(west // 10), int(south // 10)].append(item)
    return list(groups.values())


def random_search(rng: random.Random, items: Sequence[Json]) -> Json:
    """Make the body of a random search that is likely to find items.

    Args:
        rng: Random numbers.
        items: One of these is the centre of the search.

    Returns:
        The body, for `POST /search`.
    """
    centre = rng.choice(items)
    body: Json = {"limit": rng.choice([1, 2, 5, 10, 25])}
    parts: list[tuple[float, Callable[[random.Random, Json], Json]]] = [
        (0.85, _some_collections),
        (0.9, _some_area),
        (0.85, _some_window),
        (0.35, _some_query),
        (0.4, _some_fields),
        (0.2, _some_order),
    ]
    for chance, part in parts:
        if rng.random() < chance:
            body |= part(rng, centre)
    if rng.random() < 0.1:
        body["ids"] = [item["id"] for item in rng.sample(items, min(8, len(items)))]
        body["ids"] += [centre["id"], "nothing-of-that-name"]
    if "fields" in body:
        # whole items cost pgstac milliseconds each, so only lean pages are long
        body["limit"] = rng.choice([body["limit"], 100, 500])
    return body


def get_parameters(body: Json) -> dict[str, str]:
    """Write the body of a search as the parameters of `GET /search`."""
    parameters = {}
    for name, value in body.items():
        if name in {"intersects", "query"}:
            parameters[name] = orjson.dumps(value).decode()
        elif name == "fields":
            dropped = [f"-{path}" for path in value.get("exclude", [])]
            parameters[name] = ",".join([*value.get("include", []), *dropped])
        elif name == "sortby":
            signs = {"desc": "-", "asc": "+"}
            parameters[name] = ",".join(signs[k["direction"]] + k["field"] for k in value)
        elif isinstance(value, list):
            parameters[name] = ",".join(map(str, value))
        else:
            parameters[name] = str(value)
    return parameters


def ask(session: requests.Session, url: str, body: Json, *, by_get: bool = False) -> Answer:
    """Search, and read some pages forward and one back.

    Args:
        session: An HTTP session.
        url: Root of the STAC API.
        body: The search.
        by_get: Search by GET instead of POST.

    Returns:
        The first pages of the answer.
    """
    answer = Answer()
    asked: Asked = f"/search?{urlencode(get_parameters(body))}" if by_get else body
    for _ in range(_MOST_PAGES):
        links = _turn(session, url, asked, answer)
        if "next" not in links:
            break
        asked = links["next"]
    if "previous" in links:
        _turn(session, url, links["previous"], answer)
    return answer


def _turn(session: requests.Session, url: str, asked: Asked, answer: Answer) -> dict[str, Asked]:
    if isinstance(asked, str):
        response = session.get(url + asked, timeout=_TIMEOUT_SECONDS)
    else:
        response = session.post(f"{url}/search", json=asked, timeout=_TIMEOUT_SECONDS)
    answer.statuses.append(response.status_code)
    page = orjson.loads(response.content)
    features = page.get("features", [])
    answer.features.append([{k: v for k, v in f.items() if k != "links"} for f in features])
    links = {
        link["rel"]: link.get("body") or link["href"].removeprefix(url)
        for link in page.get("links", [])
        if link["rel"] in {"next", "previous"}
    }
    answer.turns.append(links)
    return links


def _some_collections(rng: random.Random, centre: Json) -> Json:
    others = ["sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30", "nothing-of-that-name"]
    return {"collections": [centre["collection"], *rng.sample(others, rng.choice([0, 0, 1]))]}


def _some_area(rng: random.Random, centre: Json) -> Json:
    part = shapely.get_parts(shapely.from_geojson(orjson.dumps(centre["geometry"]).decode()))[0]
    middle = part.representative_point()
    x, y = min(max(middle.x, -179.9), 179.9), min(max(middle.y, -89.9), 89.9)
    width, height = rng.uniform(0.01, 2.0), rng.uniform(0.01, 1.5)
    west, east = max(x - width, -180.0), min(x + width, 180.0)
    south, north = max(y - height, -90.0), min(y + height, 90.0)
    if rng.random() < 0.7:
        return {"bbox": [round(edge, 6) for edge in (west, south, east, north)]}
    shapes = (
        shapely.Point(x, y),
        shapely.LineString([(west, south), (east, north)]),
        shapely.Polygon([(west, south), (east, south), (x, north)]),
        shapely.MultiPolygon([shapely.box(west, south, x, y), shapely.box(x, y, east, north)]),
    )
    return {"intersects": orjson.loads(orjson.dumps(mapping(rng.choice(shapes))))}


def _some_window(rng: random.Random, centre: Json) -> Json:
    begin = timedelta(microseconds=begin_microseconds(centre))
    middle = datetime(1970, 1, 1, tzinfo=UTC) + begin
    days = rng.choice([0, 1, 4, 10, 10, 40])
    if days:
        start = (middle - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = (middle + timedelta(days=days)).replace(hour=23, minute=59, second=59, microsecond=0)
    else:
        # a pass takes seconds: start, middle and end of an item differ
        start = middle + timedelta(seconds=round(rng.uniform(-10, 15), 3))
        end = start + timedelta(seconds=rng.choice([0, 1, 5]))
    first, last = (t.isoformat().replace("+00:00", "Z") for t in (start, end))
    forms = [f"{first}/{last}"] * 6 + [f"{first}/..", f"../{last}", last]
    return {"datetime": rng.choice(forms)}


def _some_query(rng: random.Random, centre: Json) -> Json:
    properties = centre["properties"]
    choices: list[Json] = [{"eo:cloud_cover": {_comparison(rng): round(rng.uniform(0, 100), 2)}}]
    if "eo:cloud_cover" in properties:
        choices.append({"eo:cloud_cover": {_comparison(rng): properties["eo:cloud_cover"]}})
    choices += [
        {name: {rng.choice(["eq", "eq", "neq"]): properties[name]}}
        for name in _QUERIED
        if name in properties
    ]
    if "sar:polarizations" in properties:
        polarizations = rng.choice([["VV", "VH"], ["VH", "VV"], ["VV"]])
        choices += [{"sar:polarizations": {"eq": polarizations}}] * 4
    query: Json = {}
    for choice in rng.sample(choices, min(len(choices), rng.choice([1, 1, 2]))):
        query |= choice
    return {"query": query}


def _comparison(rng: random.Random) -> str:
    return rng.choice(["lt", "lte", "gt", "gte"])


def _some_fields(rng: random.Random, _: Json) -> Json:
    return {"fields": rng.choice(_LEAN_FIELDS)}


def _some_order(rng: random.Random, _: Json) -> Json:
    names = rng.choice([["datetime"], ["id"], ["datetime", "id"]])
    directions = ["asc", "desc"]
    return {"sortby": [{"field": name, "direction": rng.choice(directions)} for name in names]}
