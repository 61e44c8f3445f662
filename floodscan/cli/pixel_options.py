"""The options for the reading of scenes, and the limits that they become."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from floodscan.catalogs import Access

    Command = Callable[..., int | None]

_PIXELS = (
    click.option(
        "--cloud-source",
        type=click.Choice(["overview", "statistics"]),
        default="overview",
        metavar="HOW",
        help="With --cloud area, how clouds are read. overview (default): from a small copy inside "
        "each scene. statistics: from a server that reads the scene.",
    ),
    click.option(
        "--cloud-fallback/--no-cloud-fallback",
        default=True,
        help="Whether the other source is tried for a scene that the first can't read; default: "
        "yes.",
    ),
    click.option(
        "--data-api",
        metavar="URL",
        help="Server of statistics: a titiler; default: that of Planetary Computer, for scenes "
        "that are searched there.",
    ),
    click.option(
        "--max-scenes",
        type=click.IntRange(1),
        default=80,
        metavar="N",
        help="Read at most N scenes of an event, the nearest to its dates; default: 80.",
    ),
    click.option(
        "--max-reads",
        type=click.IntRange(1),
        default=16,
        metavar="N",
        help="At most N requests for scenes at the same time, over all workers; default: 16.",
    ),
    click.option(
        "--private-host",
        "private_hosts",
        multiple=True,
        metavar="HOST",
        help="Read scenes from this host although its address is not a public one; may be "
        "repeated.",
    ),
)


def pixel_options(command: Command) -> Command:
    """Add the options for the reading of scenes; the command gets them in its ``access``."""

    @wraps(command)
    def call(  # noqa: PLR0913 - one parameter per option
        *args: object,
        cloud_source: str,
        cloud_fallback: bool,
        data_api: str | None,
        max_scenes: int,
        max_reads: int,
        private_hosts: tuple[str, ...],
        access: Access,
        **others: object,
    ) -> int | None:
        from floodscan.catalogs.pixel_access import CloudSource, PixelAccess

        pixels = PixelAccess(
            source=CloudSource(cloud_source),
            fallback=cloud_fallback,
            data_api=data_api,
            max_scenes=max_scenes,
            max_in_flight=max_reads,
            private_hosts=frozenset(private_hosts),
        )
        return command(*args, access=replace(access, pixels=pixels), **others)

    for option in reversed(_PIXELS):
        call = option(call)
    return call
