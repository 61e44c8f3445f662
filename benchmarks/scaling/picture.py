"""Draw the picture of a scaling benchmark: speed against the ideal, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from benchmarks.scaling.summary import LATENCY, STRONG, WEAK
from floodscan.report.drawing import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    house_style,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

_CLUSTERS = {"local": (BLUE, "o"), "slurm": (VERMILION, "s"), "allocation": (GREEN, "^")}
_TITLES = {
    STRONG: "Strong: the same sweep",
    WEAK: "Weak: the sweep grows",
    LATENCY: "Bound by the catalog's latency",
}
_SIZES = {STRONG: "workers", WEAK: "workers", LATENCY: "requests at once"}
_STEPS = {
    "catalog": ("waiting for the catalog", SKY),
    "rate_limiter": ("waiting for the rate limiter", "#B9DDF1"),
    "parse": ("parse", BLUE),
    "score": ("score", GREEN),
    "select": ("select", "#7FCDB4"),
    "assess": ("check, make manifests", ORANGE),
    "write": ("write files", VERMILION),
    "other": ("rest of the tasks", PURPLE),
    "moving": ("moving between workers", "#5f5f5f"),
    "idle": ("idle, or waiting for the scheduler", PALE),
}


def draw(sums: pd.DataFrame, path: Path, *, machine: str) -> None:
    """Draw a column for each kind: speed-up and efficiency above, shares of time below."""
    kinds = [kind for kind in _TITLES if (sums["kind"] == kind).any()]
    with house_style():
        figure = Figure(figsize=(4.1 * len(kinds) + 0.4, 7.6), layout="constrained")
        axes = figure.subplots(2, len(kinds), squeeze=False, height_ratios=[1, 1.05])
        for column, kind in enumerate(kinds):
            of_kind = sums[sums["kind"] == kind]
            _draw_lines(axes[0, column], of_kind, kind)
            _draw_bars(axes[1, column], of_kind, kind)
        handles = axes[1, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
        figure.suptitle(
            f"How floodscan scales    ({machine}; medians)", fontsize=10, x=0.01, ha="left"
        )
        figure.savefig(path, dpi=DPI)


def _draw_lines(axes: Axes, sums: pd.DataFrame, kind: str) -> None:
    """Draw speed-ups on logarithmic axes, or efficiencies of weak scaling, against the ideal."""
    column = "efficiency" if kind == WEAK else "speed_up"
    sizes = sorted(sums["size"].unique())
    ideal = [1.0 if kind == WEAK else size for size in sizes]
    axes.plot(sizes, ideal, color=GREY, ls=":", lw=1.2, label="ideal")
    for cluster, each in sums.groupby("cluster"):
        colour, marker = _CLUSTERS[cluster]
        axes.plot(
            each["size"], each[column], color=colour, marker=marker, ms=4.5, lw=1.6, label=cluster
        )
        for row in each.itertuples():
            axes.annotate(
                f"{row.efficiency:.0%}", (row.size, getattr(row, column)),
                (0, 7) if cluster == "local" else (0, -12), textcoords="offset points",
                ha="center", fontsize=7, color=colour,
            )  # fmt: skip
    _set_scales(axes, kind, sizes)
    axes.set_title(_TITLES[kind], loc="left", fontsize=9.5, fontweight="bold")
    axes.set_xlabel(_SIZES[kind])
    axes.set_ylabel("efficiency" if kind == WEAK else "speed-up (and efficiency)")
    axes.grid(color=PALE, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left" if kind == WEAK else "upper left")


def _set_scales(axes: Axes, kind: str, sizes: list[int]) -> None:
    axes.set_xscale("log", base=2)
    _set_ticks(axes.xaxis, sizes)
    axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    if kind == WEAK:
        axes.set_ylim(0, 1.25)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        axes.set_yscale("log", base=2)
        axes.set_ylim(0.6, sizes[-1] * 1.7)
        _set_ticks(axes.yaxis, sizes)


def _draw_bars(axes: Axes, sums: pd.DataFrame, kind: str) -> None:
    """Draw a bar for each cluster and size, from waiting at the bottom to idle at the top."""
    names = [f"{row.cluster}\n{int(row.n)}" for row in sums.assign(n=sums["size"]).itertuples()]
    places = range(len(names))
    floor = sums[next(iter(_STEPS))].to_numpy() * 0
    for step, (label, colour) in _STEPS.items():
        shares = sums[step].to_numpy()
        axes.bar(places, shares, 0.78, bottom=floor, color=colour, label=label, linewidth=0)
        floor = floor + shares
    axes.set_xticks(places, names, fontsize=7)
    axes.set_xlabel(_SIZES[kind])
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("share of the threads' time")
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _set_ticks(axis: object, sizes: list[int]) -> None:
    axis.set_major_locator(FixedLocator(sizes))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
