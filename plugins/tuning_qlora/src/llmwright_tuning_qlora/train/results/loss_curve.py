"""``loss.png``: the loss curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PALE, ACCENT, GRID = "#1f2933", "#9fb3c8", "#0b69a3", "#e4e7eb"
SECOND = "#c65d21"


@dataclass(frozen=True, slots=True)
class LossCurve:
    """Points (step, loss) of training and of evaluation, in order of steps."""

    training: tuple[tuple[int, float], ...]
    evaluation: tuple[tuple[int, float], ...] = ()


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Return the means over ``window`` values around each value, over fewer at both ends."""
    half = window // 2
    spans = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(span) / len(span) for span in spans]


def draw_curve(curve: LossCurve, title: str, path: Path) -> None:
    """Write ``curve`` as a PNG to ``path``, readable at half its size.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_lines(axes, curve)
    _style(axes, title)
    figure.savefig(path, format="png")


def _draw_lines(axes: Axes, curve: LossCurve) -> None:
    steps = [step for step, _ in curve.training]
    losses = [loss for _, loss in curve.training]
    window = max(1, len(losses) // 25)
    if window > 1:
        axes.plot(steps, losses, color=PALE, linewidth=0.9, label="each step")
        axes.plot(steps, smoothed(losses, window), color=ACCENT, linewidth=2.2, label=f"mean of {window | 1} steps")
    else:
        axes.plot(steps, losses, color=ACCENT, linewidth=2.2, marker="o", markersize=3, label="training")
    if curve.evaluation:
        points = list(zip(*curve.evaluation, strict=True))
        axes.plot(points[0], points[1], color=SECOND, linewidth=1.2, marker="D", markersize=5, label="evaluation")
    if losses:
        axes.annotate(
            f"{losses[-1]:.3g}",
            (steps[-1], losses[-1]),
            xytext=(6, 6),
            textcoords="offset points",
            color=INK,
            fontsize=10,
        )


def _style(axes: Axes, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, loc="left", color=INK, fontsize=13, fontweight="bold", pad=12)
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel("loss on the answers", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.04)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.legend(frameon=False, loc="upper right")
