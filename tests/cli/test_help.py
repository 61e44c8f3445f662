"""Help texts: complete, true, and quick to show, since they import no heavy package."""

from __future__ import annotations

import subprocess
import sys

import pytest

from floodscan.catalogs import Access
from floodscan.catalogs.access import MAX_AGE_DAYS
from floodscan.cli.group import cli
from floodscan.store import FILES, PACKED

HEAVY = {
    "dask",
    "distributed",
    "geopandas",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "pystac",
    "shapely",
}
"""Packages that take 0.1 s or more to import."""

COMMANDS = {
    **cli.commands,
    **{
        f"{group} {name}": inner
        for group, command in cli.commands.items()
        for name, inner in getattr(command, "commands", {}).items()
    },
}
"""All commands, with those of a group."""

HELP = """
import sys
from floodscan.cli.main import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        *([*name.split(), "--help"] for name in COMMANDS),
        ["guide"],
        ["guide", "slurm"],
    ],
    ids=" ".join,
)
def test_help_imports_no_heavy_package(words: list[str]) -> None:
    """For a help text or a page of the guide, a user waits for Python and click alone."""
    command = [sys.executable, "-c", HELP, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert len(done.stdout.splitlines()) > 5
    assert HEAVY.isdisjoint(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    """Each command and each option has a text."""
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", None)


def test_help_names_the_defaults_that_apply() -> None:
    """The help texts write numbers and words out, so that they need not import their modules."""
    options = {parameter.name: parameter for parameter in cli.commands["scan"].params}
    texts = {name: str(getattr(option, "help", "")) for name, option in options.items()}
    assert f"default: {Access().max_in_flight}." in texts["max_in_flight"]
    assert f"for {MAX_AGE_DAYS:g} days" in texts["cache"]
    assert getattr(options["pack_manifests"].type, "choices", None) == (FILES, PACKED)
