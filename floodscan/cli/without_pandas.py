"""Commands whose pyarrow does without pandas, see ``clusters.without_pandas``."""

from __future__ import annotations

from typing import Any

import click

from floodscan.clusters.without_pandas import keep_pandas_out


class CommandWithoutPandas(click.Command):
    """A command that keeps pyarrow from importing pandas."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as inherited
        """Run the command."""
        keep_pandas_out()
        return super().invoke(ctx)
