"""The figures of a benchmark as a picture: throughput and times over concurrency."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.app.benchmark.result import BenchmarkResult
from llmwright.app.benchmark.statistics import LevelResult, Spread
from llmwright.errors import ConfigError
from llmwright.plugins.installing import pip_install

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png")
MARGIN = 1.3
INK, PALE, GRID = "#1f2933", "#9fb3c8", "#e4e7eb"
PERCENTILES = (("p50", "#0b69a3", "o"), ("p95", "#c65d21", "s"), ("p99", "#8a2f62", "D"))


def check_plot(path: Path) -> None:
    """Raise ConfigError where no picture can be written to ``path``: better before the measurement than after it."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"a plot is written as .svg or .png, not to {path}")
    if not path.parent.is_dir():
        raise ConfigError(f"the directory {path.parent} of the plot is not there")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"plots are drawn by matplotlib, which cannot be imported: {error}", hint=pip_install("llmwright[bench]")
        ) from error


def write_plot(result: BenchmarkResult, path: Path) -> None:
    """Write the picture of ``result`` to ``path``, as SVG or PNG by its ending.

    Raises:
        ConfigError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    # A name with dollar signs is no formula.
    figure.suptitle(_title(result), x=0.01, ha="left", color=INK, fontsize=11, fontweight="bold", parse_math=False)
    levels = sorted((level for level in result.levels if level.succeeded), key=lambda level: level.concurrency)
    panels = figure.subplots(2, 2)
    _draw_rates(panels[0][0], levels)
    for axes, title, spread in (
        (panels[0][1], "time to first token, ms", lambda level: level.ttft_ms),
        (panels[1][0], "time per output token, ms", lambda level: level.tpot_ms),
        (panels[1][1], "latency of the whole answer, ms", lambda level: level.latency_ms),
    ):
        _draw_percentiles(axes, title, levels, spread)
    try:
        with warnings.catch_warnings():
            # Letters of a name that the font lacks are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(path, format=path.suffix.lower().removeprefix("."))
    except OSError as error:
        raise ConfigError(f"the plot {path} cannot be written: {error.strerror or error}") from error


def _title(result: BenchmarkResult) -> str:
    lengths = [level.input_tokens for level in result.levels if level.input_tokens]
    prompts = f"{sum(spread.mean for spread in lengths) / len(lengths):.0f} tokens in" if lengths else "own prompts"
    return f"{result.model} at {result.endpoint}\n{prompts}, at most {result.output_tokens} out, {result.began}"


def _draw_rates(axes: Axes, levels: Sequence[LevelResult]) -> None:
    points = [(level.concurrency, rate) for level in levels if (rate := level.output_tokens_per_s) is not None]
    title = "output tokens per second"
    if not points:
        points, title = [(level.concurrency, level.requests_per_s) for level in levels], "answers per second"
    color = PERCENTILES[0][1]
    axes.plot(*zip(*points, strict=True), color=color, linewidth=2.2, marker="o", markersize=5) if points else None
    for concurrency, rate in points:
        axes.annotate(
            f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}",
            (concurrency, rate),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=9,
        )
    _style(axes, title, levels)
    _from_zero(axes, [rate for _, rate in points])


def _draw_percentiles(
    axes: Axes, title: str, levels: Sequence[LevelResult], spread: Callable[[LevelResult], Spread | None]
) -> None:
    known = [(level.concurrency, values) for level in levels if (values := spread(level)) is not None]
    if not known:
        axes.set_title(title, loc="left", color=INK, fontsize=10)
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=PALE)
        axes.set_axis_off()
        return
    for name, color, marker in PERCENTILES:
        heights = [getattr(values, name) for _, values in known]
        axes.plot(
            [concurrency for concurrency, _ in known],
            heights,
            color=color,
            linewidth=2.2 if name == "p50" else 1.2,
            marker=marker,
            markersize=4,
            label=name,
        )
    _style(axes, title, levels)
    _from_zero(axes, [values.p99 for _, values in known])
    axes.legend(frameon=False, loc="upper left", fontsize=9, labelcolor=INK, ncols=len(PERCENTILES))


def _from_zero(axes: Axes, heights: Sequence[float]) -> None:
    """Begin at zero, and leave room for labels above the highest."""
    axes.set_ylim(0, 1.25 * max(heights, default=0.0) or 1.0)


def _style(axes: Axes, title: str, levels: Sequence[LevelResult]) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.set_xscale("log", base=2)
    steps = sorted({level.concurrency for level in levels})
    axes.set_xticks(steps, [f"{step:,}" for step in steps])
    axes.set_xticks([], minor=True)
    if steps:
        axes.set_xlim(steps[0] / MARGIN, steps[-1] * MARGIN)
    axes.set_xlabel("requests at a time", color=INK, fontsize=9)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.tick_params(colors=INK, length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
