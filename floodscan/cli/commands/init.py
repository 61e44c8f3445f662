"""``floodscan init``: a recipe and an event file to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from floodscan.errors import OutputError

STARTERS = ("flood.toml", "recipe.toml")


@click.command()
@click.option(
    "--out", metavar="DIR", default=".", help="Folder of the files; default: the current folder."
)
def init(out: str) -> None:
    """Write a commented event file and recipe to start from.

    The recipe has all keys with their defaults. No file is overwritten.
    """
    from floodscan.cli.output import open_console
    from floodscan.report.screen import print_line

    written = _write(Path(out))
    console = open_console()
    for path in written:
        print_line(console, f"wrote {path}", whole=True)
    print_line(console, "Edit them, and run:")
    for command in next_commands(Path(out)):
        print_line(console, f"  {command}", whole=True)
    print_line(console, "Without --catalog demo, scan searches Planetary Computer.")


def next_commands(folder: Path) -> list[str]:
    """List the commands that use the files."""
    from floodscan.cli.invocation import command

    events, recipe = (str(folder / name) for name in STARTERS)
    run = str(folder / "run")
    return [
        command(*words)
        for words in (
            ["plan", events, "--recipe", recipe],
            ["scan", events, "--recipe", recipe, "--catalog", "demo", "--out", run],
            ["explain", run, "luxembourg_2021"],
        )
    ]


def _write(folder: Path) -> list[Path]:
    """Write the files; none if one of them is there."""
    paths = [folder / name for name in STARTERS]
    if there := [str(path) for path in paths if path.exists()]:
        raise OutputError(f"{', '.join(there)}: there already; choose another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            with path.open("xb") as file:
                file.write((files("floodscan.data") / "starter" / path.name).read_bytes())
    except OSError as err:
        raise OutputError(f"{err.filename or folder}: can't be written: {err.strerror}") from err
    return paths
