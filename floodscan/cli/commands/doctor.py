"""``floodscan doctor``: checks before a large scan."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from floodscan.cli.exit_status import ExitStatus
from floodscan.cli.interrupts import INTERRUPTS
from floodscan.cli.options import AnyPath, json_option, log_options
from floodscan.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.cli.checks import Check

_log = logging.getLogger(__name__)


@click.command(epilog="The exit status is 0 if every check passed, and 1 if one failed.")
@click.option(
    "--profile", metavar="YAML", type=AnyPath(), help="Check SLURM too, with this profile."
)
@click.option(
    "--catalog",
    default="planetary-computer",
    metavar="CATALOG",
    help="The catalog that the scan will search, as for scan; default: planetary-computer.",
)
@click.option(
    "--wait",
    "wait_seconds",
    default=300.0,
    metavar="SECONDS",
    help="Time limit for the checks on a compute node, with the wait in the queue; default: 300.",
)
@json_option
@log_options
def doctor(profile: str | None, catalog: str, wait_seconds: float, *, as_json: bool) -> int:
    """Check that a scan has all that it needs.

    The catalog must answer. With --profile, SLURM must also accept a worker job, and a compute node
    must reach the shared folder, this machine and the catalog.
    """
    from floodscan.cli.output import open_console, print_json
    from floodscan.report.screen import print_line

    checks = []
    for check in _make_checks(profile, catalog, wait_seconds):
        checks.append(check)
        _log.info("%s: %s: %s", check.name, "ok" if check.ok else "NO", check.text)
        if not as_json:
            mark = "ok" if check.ok else "NO"
            print_line(open_console(), f"{mark:<4}{check.name:<28}{check.text}")
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "text": c.text} for c in checks])
    return ExitStatus.OK if all(check.ok for check in checks) else ExitStatus.INCOMPLETE


def _make_checks(path: str | None, catalog: str, wait_seconds: float) -> Iterator[Check]:
    from floodscan.cli.checks import check_catalog

    if path is None:
        yield check_catalog("catalog from here", catalog)
        return
    with needs_extra("slurm", "--profile"):
        from floodscan.cli.slurm_checks import check_node, check_site
        from floodscan.clusters.profile import load_profile

    INTERRUPTS.clean_up()
    profile = load_profile(path)
    on_driver = [check_catalog("catalog from here", catalog), *check_site(profile)]
    yield from on_driver
    if all(check.ok for check in on_driver[1:]):
        yield from check_node(profile, catalog, wait_seconds=wait_seconds)
