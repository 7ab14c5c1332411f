"""How does DRAW paint? The figures of chapter "DRAW: painting in steps" (P1 Eq. (5)-(7) and (12))."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dbp.models.draw import Window
from dbp.plots.style import COLORS, Figure, line_panels, show_image, theme

__all__ = ["glimpse", "over_steps", "painting"]

READ, WRITE = "#56B4E9", COLORS["fgsm"]  # light enough to be seen on black


def glimpse(
    image: Tensor, rows: Tensor, columns: Tensor, window: Window, seen: Tensor, *, title: str, alt: str
) -> Figure:
    """What a window reads of one image: where its points lie, the filters over the columns of pixels, and the glimpse.

    Args:
        image: [H, W], in [0, 1].
        rows: filter bank of the rows, [N, H].
        columns: filter bank of the columns, [N, W].
        window: where they lie, one value each.
        seen: the glimpse, [N, N].
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.7), layout="constrained", width_ratios=(1, 1.5, 1))
        show_image(axes[0], image)
        _frame(axes[0], window, 0, READ, 1.6)
        x, y, side = (float(part[0]) for part in window)
        across, down = ([middle + side * (point / (len(bank) - 1) - 0.5) for point in range(len(bank))]
                        for middle, bank in ((x, columns), (y, rows)))
        points = [(dx, dy) for dy in down for dx in across]
        axes[0].plot(*zip(*points, strict=True), ".", color=WRITE, markersize=3)
        axes[1].plot(columns.T.numpy(), color=READ, linewidth=1.2)
        axes[1].set(xlabel="column of pixels", ylabel="weight", ylim=(0, None))
        show_image(axes[2], seen)
        for ax, label in ((axes[0], "image and window"), (axes[2], "glimpse")):
            ax.set_xlabel(label)
        figure.suptitle(title)
    return Figure(figure, alt)


def painting(
    images: Tensor, canvases: Sequence[Tensor], windows: Sequence[Window], *, title: str, alt: str, columns: int = 8,
    reads: Sequence[Window] | None = None, widths: Mapping[str, Sequence[Tensor]] | None = None,
) -> Figure:
    """The canvas of DRAW step by step, with the windows on it: a row an image, a column a step.

    Args:
        images: what is painted, [B, 1, H, W], in [0, 1].
        canvases: what is seen of the canvas after each of the T steps, [B, 1, H, W], in [0, 1].
        windows: what each step writes through.
        columns: how many of the steps are drawn, evenly spaced, the first and the last one among them.
        reads: what each step reads through, drawn dashed.
        widths: "write" and "read" to the standard deviation of the filters in every step, in pixels, [B]; the sharper
            they are, the heavier is the line.
        title: the message, as a sentence.
        alt: what is seen.
    """
    last, (height, width) = len(canvases) - 1, images.shape[-2:]
    shown = sorted({round(place * last / max(columns - 1, 1)) for place in range(columns)})
    kinds = {"write": (windows, WRITE, "-")} | ({"read": (reads, READ, "--")} if reads else {})
    margin = max(0.5, *(_overhang(steps[step], height, width) for steps, _, _ in kinds.values() for step in shown))
    with theme():
        figure, axes = plt.subplots(
            len(images), 1 + len(shown), figsize=(8.2, (0.8 if reads else 0.45) + 8.2 / (1 + len(shown)) * len(images)),
            squeeze=False, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0, hspace=0)
        for row, line in enumerate(axes):
            show_image(line[0], images[row, 0])
            for ax, step in zip(line[1:], shown, strict=True):
                show_image(ax, canvases[step][row, 0])
                for kind, (steps, color, style) in kinds.items():
                    sharp = min(2.6, max(0.6, 2.4 / float(widths[kind][step][row]))) if widths else 1.8
                    _frame(ax, steps[step], row, color, sharp, style)
        for ax, label in zip(axes[0], ("image", *(f"t = {step + 1}" for step in shown)), strict=True):
            ax.set_title(label, fontsize="medium", weight="normal")
        for ax in axes.flat:  # the same margin everywhere, for windows that stick out
            ax.set(xlim=(-margin, width - 1 + margin), ylim=(height - 1 + margin, -margin), facecolor="#e4e4e4")
        if reads:
            for kind, (_, color, style) in kinds.items():
                axes[0, 0].plot([], [], style, color=color, label=f"{kind} window")
            figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def over_steps(panels: Mapping[str, Mapping[str, Sequence[float]]], *, title: str, alt: str) -> Figure:
    """Measures over the steps of a painting: a panel a measure, a line a network.

    Args:
        panels: heading of the panel to the networks' names, keys of `COLORS`, and their values, one a step.
        title: the message, as a sentence.
        alt: what is seen.
    """
    points = {label: {name: (range(1, len(values) + 1), values) for name, values in lines.items()}
              for label, lines in panels.items()}
    return Figure(line_panels(points, xlabel="step t", title=title), alt)


def _overhang(window: Window, height: int, width: int) -> float:
    """How far the frames of a step reach beyond the middle of the outermost pixels, at most, and a little more."""
    across, down = ((centre - (size - 1) / 2).abs() + (window.side - size + 1) / 2
                    for centre, size in ((window.x, width), (window.y, height)))
    return float(torch.cat([across, down]).max()) + 0.6


def _frame(ax: Axes, window: Window, row: int, color: str, weight: float, style: str = "-") -> None:
    x, y, side = (float(part[row]) for part in window)
    ax.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, edgecolor=color, linestyle=style,
                           linewidth=weight))
