"""``floodscan archive``: own archives, made from a STAC API, and what an archive has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.options import AnyPath, json_option, log_options, rules_options
from floodscan.errors import InputError
from floodscan.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from floodscan.catalogs import StacApiCatalog
    from floodscan.model import Recipe, Search

    BBox = tuple[float, float, float, float]

_DAY = click.DateTime(["%Y-%m-%d"])
_WEST, _NORTH_POLE = 180.0, 90.0


@click.group()
def archive() -> None:
    """Make an own archive from a STAC API, and look at archives.

    See "floodscan guide catalogs".
    """


@archive.command(
    epilog="The exit status is 0 if the archive has all items, and 2 if an input can't be used or "
    "the catalog does not answer. The same command continues a build that ended early."
)
@click.argument("events", metavar="[EVENTS]", type=AnyPath(), required=False)
@click.option(
    "--bbox",
    nargs=4,
    type=float,
    metavar="WEST SOUTH EAST NORTH",
    help="Archive all items in this box, in degrees, instead of those for EVENTS.",
)
@click.option("--start", type=_DAY, metavar="DATE", help="First day, with --bbox.")
@click.option("--end", type=_DAY, metavar="DATE", help="Last day, with --bbox.")
@click.option(
    "--collections",
    metavar="NAMES",
    help="Collections, separated by commas, with --bbox; default: those of the recipe.",
)
@rules_options
@click.option(
    "--catalog",
    default="planetary-computer",
    metavar="CATALOG",
    help="The STAC API: planetary-computer (default), or its URL.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=AnyPath(),
    help="Folder of the archive; an archive that is there is extended.",
)
@click.option(
    "--max-per-second",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Most requests that start in a second; default: no limit.",
)
@json_option
@log_options
def build(
    events: str | None,
    *,
    rules: Recipe,
    catalog: str,
    out: str,
    max_per_second: float | None,
    as_json: bool,
    **box: Any,  # noqa: ANN401 - the options that stand for EVENTS
) -> int:
    """Make an archive of the items that a scan of EVENTS searches, or of a box and a time.

    The items come from a STAC API, month by month. The archive then replaces the API: its folder
    is a --catalog. EVENTS is "demo" or a file, see "floodscan guide events".
    """
    from floodscan.cli.event_input import report_events
    from floodscan.cli.output import open_console, print_json, show_progress
    from floodscan.report.archives import show_build

    with needs_extra("archive", "floodscan archive build"):
        from floodscan.catalogs.archive_build.build import build_archive

    _check_choice(events, box)
    api = _open_api(catalog, max_per_second)
    if events is None:
        searches = _search_box(rules, **box)
    else:
        with report_events(as_json=as_json):
            searches = _search_for(events, rules)
    with show_progress(what="files") as on_progress:
        built = build_archive(searches, api, Path(out), on_progress=on_progress)
    if as_json:
        print_json({"out": out} | asdict(built))
    else:
        show_build(open_console(), out, built)
    return ExitStatus.OK


def _check_choice(events: str | None, box: dict[str, object]) -> None:
    """Check that there are either events, or a box with its time."""
    given = [f"--{name}" for name, value in box.items() if value is not None]
    if events is not None and given:
        raise click.UsageError(f"give EVENTS or {', '.join(given)}, but not both")
    if events is None and (missing := [n for n in ("bbox", "start", "end") if box[n] is None]):
        names = ", ".join(f"--{name}" for name in missing)
        raise click.UsageError(f"give EVENTS, or --bbox, --start and --end; missing: {names}")


def _open_api(name: str, max_per_second: float | None) -> StacApiCatalog:
    from floodscan.catalogs import Access, StacApiCatalog, open_catalog

    opened = Access(max_per_second=max_per_second).keep(open_catalog(name))
    if not isinstance(opened, StacApiCatalog):
        raise InputError(f"--catalog {name}: is an archive; name a STAC API to copy items from")
    return opened


def _search_for(events: str, rules: Recipe) -> list[Search]:
    """List the searches that a scan sends."""
    from floodscan.inputs.event_files import list_all
    from floodscan.planning.slots import cut_batches, plan_batches

    listed = list_all(events, phase_offset_days=rules.phase_offset_days)
    plans = plan_batches(cut_batches(listed, run_id=""), rules)
    return [search for plan in plans for search in plan.searches]


def _search_box(
    rules: Recipe, *, bbox: BBox, start: datetime, end: datetime, collections: str | None
) -> list[Search]:
    """List a search for each collection; the recipe says which one has no dates."""
    from floodscan.model import Search, TimeWindow

    west, south, east, north = bbox
    if max(abs(west), abs(east)) > _WEST or not -_NORTH_POLE <= south < north <= _NORTH_POLE:
        raise InputError(f"--bbox {' '.join(map(str, bbox))}: write WEST SOUTH EAST NORTH, degrees")
    if end < start:
        raise InputError(f"--end {end:%Y-%m-%d}: is before --start {start:%Y-%m-%d}")
    dated = {each.collection: each.window_days is not None for each in rules.sensors.values()}
    names: Iterable[str] = rules.collections
    if collections is not None:
        names = [name.strip() for name in collections.split(",") if name.strip()]
    first, last = TimeWindow.around(start.date(), 0), TimeWindow.around(end.date(), 0)
    window = TimeWindow(first.start, last.end)
    return [
        Search(name, bbox, window if dated.get(name, True) else None, ())
        for name in dict.fromkeys(names)
    ]


@archive.command()
@click.argument("path", metavar="ARCHIVE")
@json_option
@log_options
def info(path: str, *, as_json: bool) -> None:
    """Show what an archive has: coverage, rows, files and layout of each collection.

    ARCHIVE is "demo", or the address of stac-geoparquet files, see "floodscan guide catalogs".
    """
    from floodscan.catalogs import ArchiveCatalog, open_catalog
    from floodscan.catalogs.archive.info import describe_archive
    from floodscan.cli.output import open_console, print_json
    from floodscan.report.archives import show_archive

    opened = open_catalog(path)
    if not isinstance(opened, ArchiveCatalog):
        raise InputError(f"{path}: is a STAC API; name the address of stac-geoparquet files")
    described = describe_archive(opened)
    if as_json:
        print_json(asdict(described))
    else:
        show_archive(open_console(), described)
