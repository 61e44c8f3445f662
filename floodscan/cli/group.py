"""The command line: the group of all commands, and how it ends."""

from __future__ import annotations

import signal
import sys
from io import StringIO
from typing import NoReturn

import click

from floodscan.cli.commands.agree import agree
from floodscan.cli.commands.archive import archive
from floodscan.cli.commands.choose import choose
from floodscan.cli.commands.compare import compare
from floodscan.cli.commands.doctor import doctor
from floodscan.cli.commands.events import events
from floodscan.cli.commands.explain import explain
from floodscan.cli.commands.guide import guide
from floodscan.cli.commands.init import init
from floodscan.cli.commands.manifest import manifest
from floodscan.cli.commands.plan import plan
from floodscan.cli.commands.plot import plot
from floodscan.cli.commands.report import report
from floodscan.cli.commands.reselect import reselect
from floodscan.cli.commands.scan import scan
from floodscan.cli.commands.status import status
from floodscan.cli.exit_status import ExitStatus
from floodscan.errors import FloodscanError

COMMANDS = (
    agree, archive, choose, compare, doctor, events, explain, guide, init, manifest, plan, plot,
    report, reselect, scan, status,
)  # fmt: skip


def run() -> int:
    """Run the command line; report a user's mistake in one message, without a traceback.

    Returns:
        The exit status.
    """
    # without a handler, a driver that gets SIGTERM or SIGHUP would leave its worker jobs behind
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup sets it to be ignored
        signal.signal(signal.SIGHUP, _end)
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as err:
        from floodscan.cli.output import print_problem

        usage = StringIO()
        err.show(usage)
        print_problem(usage.getvalue().rstrip())
        status = ExitStatus.BAD_INPUT
    except FloodscanError as err:
        from floodscan.cli.output import print_problem

        print_problem(f"error: {err}", style="red")
        status = ExitStatus.BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        status = ExitStatus.INTERRUPTED
    return status if isinstance(status, int) else ExitStatus.OK


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, commands=COMMANDS)
@click.version_option(package_name="floodscan")
def cli() -> None:
    """Find, score and choose satellite scenes for flood events."""
