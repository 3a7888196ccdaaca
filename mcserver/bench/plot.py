"""A report as PNG files: every ratio beside its budget, and one file for each family of curves."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from mcserver.bench.report import Curve, Report, Row, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {Verdict.MET: "tab:green", Verdict.MISSED: "tab:red", Verdict.NONE: "tab:gray"}


def plot(report: Report, folder: Path) -> list[Path]:
    """Write the PNG files into `folder`, made if missing; their paths. Raises ImportError where matplotlib is not installed."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {}
    rows = [row for row in report.rows if row.ratio is not None]
    if rows:
        figures["ratios"] = _ratios(rows)
    for name, curves in groupby(report.curves, key=lambda curve: curve.plot):
        figures[name] = _curves(name, list(curves))
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=120)
        paths.append(path)
    return paths


def _ratios(rows: Sequence[Row]) -> "Figure":
    """One bar a row, its spread as a line, its budget as a black mark."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, wanted here only

    figure = Figure(figsize=(11, 1.5 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        assert row.ratio is not None  # noqa: S101 - the caller leaves out rows without one
        ratio = row.ratio
        axes.barh(place, ratio.median, color=COLOURS[row.verdict], alpha=0.7)
        axes.plot([ratio.low, ratio.high], [place, place], color="black", linewidth=1)
        if row.budget is not None:
            axes.plot([row.budget.limit] * 2, [place - 0.4, place + 0.4], color="black", linewidth=2.5)
            axes.annotate(str(row.budget), (row.budget.limit, place - 0.42), fontsize=7, ha="center", va="bottom")
    axes.set_yticks(range(len(rows)), [f"{row.section}: {row.name}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel(
        "ratio to what it is measured against: bar median, line smallest to largest, thick mark the budget; green met, red missed"
    )
    axes.grid(visible=True, axis="x", alpha=0.3)
    return figure


def _curves(name: str, curves: Sequence[Curve]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, wanted here only

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        axes.plot(curve.x, curve.y, marker="o", markersize=3, label=curve.label)
    axes.set_title(name)
    axes.set_xlabel(curves[0].x_axis)
    axes.set_ylabel(curves[0].y_axis)
    axes.set_yscale(curves[0].scale)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize=8)
    return figure
