"""``floodscan events``: lists of floods that others publish."""

from __future__ import annotations

from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.options import AnyPath, json_option, log_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    Command = Callable[..., int | None]

LIST_KINDS = ("ems", "mmflood", "gdacs", "gfd", "dartmouth", "kuro-siwo", "table")

_OPTIONS = (
    click.option(
        "--id-column", metavar="NAME", help="Column with the ids; default: event_id or id."
    ),
    click.option(
        "--date-column",
        metavar="NAME",
        help="Column with the date of the flood; default: event_date, onset or date.",
    ),
    click.option(
        "--date-format",
        metavar="FORMAT",
        help="Format of the dates, such as %d.%m.%Y; default: 2021-07-15.",
    ),
    click.option("--x", metavar="NAME", help="Column with the longitude or easting of a point."),
    click.option("--y", metavar="NAME", help="Column with the latitude or northing of a point."),
    click.option("--wkt", metavar="NAME", help="Column with the area, or a point, as WKT."),
    click.option(
        "--crs", metavar="CRS", help="System of --x and --y, or of --wkt; default: EPSG:4326."
    ),
    click.option(
        "--buffer-km",
        type=click.FloatRange(0, 1000, min_open=True),
        metavar="KM",
        help="Radius of a circle around each point; without it, points are rejected.",
    ),
    click.option(
        "--areas",
        metavar="LIST",
        type=AnyPath(),
        help="Event file with the areas of a list that has none, by id, such as EMSR470_AOI01.",
    ),
    click.option(
        "--since",
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="DATE",
        help="Reject floods before this day, such as 2014-10-01.",
    ),
    click.option(
        "--max-area",
        type=click.FloatRange(1),
        metavar="KM2",
        help="Cut larger areas into several events of at most this size.",
    ),
)


def _list_options(command: Command) -> Command:
    """Add the options for reading a list; the command gets them as ``options``."""

    @wraps(command)
    def call(*args: object, sources: tuple[str, ...], out: str, **given: object) -> int | None:
        from floodscan.event_lists.rows import ListOptions

        others = {name: given.pop(name) for name in ("kind", "as_json")}
        areas, since = given.pop("areas"), given.pop("since")
        options = ListOptions(
            max_area_km2=given.pop("max_area"),  # type: ignore[arg-type]
            since=since.date() if isinstance(since, datetime) else None,
            areas=None if areas is None else _read_areas(str(areas)),
            **given,  # type: ignore[arg-type]
        )
        return command(*args, sources=sources, out=out, options=options, **others)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


def _read_areas(path: str) -> dict[str, BaseGeometry]:
    from floodscan.inputs.event_files import read_events
    from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS

    found = read_events(path, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS)
    return {event.event_id: event.aoi for event in found}


@click.group()
def events() -> None:
    """Convert lists of floods that others publish, and look at them.

    See "floodscan guide lists".
    """


@events.command(epilog="The exit status is 0 if at least one row became an event, and 2 if none.")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=AnyPath())
@click.option(
    "--out",
    metavar="PARQUET",
    type=AnyPath(),
    default="events.parquet",
    help="File of the events; default: events.parquet.",
)
@click.option(
    "--kind",
    type=click.Choice(LIST_KINDS),
    metavar="KIND",
    help=f"Kind of the list: {', '.join(LIST_KINDS)}; default: as its names say.",
)
@_list_options
@json_option
def convert(
    sources: tuple[str, ...], *, out: str, kind: str | None, options: object, as_json: bool
) -> int:
    """Convert a list of floods to an event file.

    SOURCE is a file of Copernicus EMS Rapid Mapping, the Global Flood Database, the Dartmouth Flood
    Observatory, GDACS, Kuro Siwo or MMFlood, or any table. Rows that can't be used are written to a
    file beside OUT, which ends in .rejected.csv, with the field and the reason.
    """
    from floodscan.cli.event_input import report_events
    from floodscan.cli.list_output import print_conversion
    from floodscan.event_lists.convert import check_out, convert_list, write_conversion
    from floodscan.event_lists.kinds import ListKind

    paths = list(map(Path, sources))
    check_out(Path(out), paths)
    with report_events(as_json=as_json):
        done = convert_list(
            paths,
            kind=None if kind is None else ListKind(kind),
            options=options,  # type: ignore[arg-type]
        )
    write_conversion(done, Path(out))
    print_conversion(done, Path(out), as_json=as_json)
    return ExitStatus.OK if len(done.events) else ExitStatus.BAD_INPUT


@events.command()
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option(
    "--out", metavar="JSON", type=AnyPath(), help="File of the answer; default: CODE.json."
)
@click.option(
    "--url",
    metavar="URL",
    help="Address of the API; default: the public API of Copernicus EMS Rapid Mapping.",
)
@log_options
def fetch(codes: tuple[str, ...], *, out: str | None, url: str | None) -> None:
    """Get activations of Copernicus EMS Rapid Mapping, with their areas.

    CODE is the code of an activation, such as EMSR871. The answer is a file for "floodscan events
    convert".
    """
    from floodscan.catalogs.emergency_mapping import ACTIVATIONS_URL, fetch_activations
    from floodscan.cli.list_output import print_fetched, write_activations

    found = fetch_activations(codes, url or ACTIVATIONS_URL)
    path = Path(out or f"{codes[0]}.json")
    write_activations(found, path)
    print_fetched(found, path)


@events.command()
@click.argument("events", metavar="EVENTS", type=AnyPath())
@click.option(
    "--map",
    "picture",
    metavar="FILE",
    type=AnyPath(),
    help="Draw a map of the events as a .png or .svg file.",
)
@json_option
def show(events: str, *, picture: str | None, as_json: bool) -> None:
    """Show events by year and continent, their sizes, and a map.

    EVENTS is "demo" or any event file, see "floodscan guide events".
    """
    from floodscan.cli.event_input import report_events
    from floodscan.cli.list_output import draw_picture, print_summary
    from floodscan.inputs.event_files import iterate_events
    from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS
    from floodscan.report.event_lists import summarise

    with report_events(as_json=as_json):
        found = iterate_events(events, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS)
        summary = summarise(found)
    print_summary(summary, events, as_json=as_json)
    if picture is not None:
        draw_picture(summary, Path(picture), as_json=as_json)
