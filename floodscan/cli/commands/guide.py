"""``floodscan guide``: the pages of the guide in the terminal."""

from __future__ import annotations

import sys

import click

from floodscan.cli.interrupts import INTERRUPTS
from floodscan.guide import read, topics


@click.command()
@click.argument("topic", required=False)
def guide(topic: str | None) -> None:
    """Show a page of the guide, or list its topics."""
    if topic is None:
        _list_topics()
    elif sys.stdout.isatty():
        _show_page(read(topic))
    else:
        click.echo(read(topic), nl=False)


def _list_topics() -> None:
    pages = topics()
    if not sys.stdout.isatty():
        width = max(map(len, pages))
        for topic, sentence in pages.items():
            click.echo(f"{topic:<{width}}  {sentence}")
        return
    from rich.console import Console
    from rich.table import Table

    from floodscan.cli.invocation import command

    table = Table.grid(padding=(0, 2))
    for topic, sentence in pages.items():
        table.add_row(topic, sentence)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\nShow a page: {command('guide', 'TOPIC')}", soft_wrap=True)


def _show_page(page: str) -> None:
    """Format a page for the terminal; one that is longer than the screen goes through a pager."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.capture() as captured:
        # a link to another page leads nowhere from a terminal, and its background suits few
        console.print(Markdown(page, code_theme="ansi_dark", hyperlinks=False))
    text = captured.get()
    if text.count("\n") < console.height:
        click.echo(text, nl=False)
    else:
        INTERRUPTS.clean_up()  # the pager handles Ctrl-C itself
        click.echo_via_pager(text)
