"""How does DRAW paint? The figures of chapter "Painting in steps" (P1 Eq. (5)-(7) and (12), Figure 4)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dbp.models.draw import Step, Window
from dbp.plots.style import COLORS, Figure, end_labels, theme

BRUSHES = {"read": (COLORS["plain"], "--"), "write": (COLORS["penalised"], "-")}


def painting(
    images: Tensor, steps: Sequence[Step], widths: Mapping[str, Sequence[Tensor]], shown: Sequence[int], *,
    title: str, alt: str,
) -> Figure:
    """The canvas of DRAW step by step, with both windows drawn on it: a row an image, a column a step.

    A window is a square whose side is that of the grid of filters, and whose line is the heavier the sharper they are.

    Args:
        images: what is painted, [N, 1, H, W].
        steps: all T, of `DRAW.paint`, with Bernoulli pixels.
        widths: "read" and "write" to the standard deviation of the filters in every step, in pixels, [N] each.
        shown: numbers of the steps that are drawn, from 1.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(
            len(images), 1 + len(shown), figsize=(7.2, 0.85 + 7.2 / (1 + len(shown)) * len(images)), squeeze=False,
            layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        for row, line in enumerate(axes):
            _picture(line[0], images[row])
            for ax, number in zip(line[1:], shown, strict=True):
                step = steps[number - 1]
                _picture(ax, step.canvas[row].sigmoid())
                for which, (color, style) in BRUSHES.items():
                    width = float(widths[which][number - 1][row])
                    _window(ax, getattr(step, which), row, color, style, min(2.4, max(0.5, 2 / width)))
            for ax in line:  # windows may stick out, by the same margin everywhere
                ax.set(xlim=(-0.22 * images.shape[-1], 1.2 * images.shape[-1]), ylim=(1.2 * images.shape[-2], -0.22 * images.shape[-2]))
        for ax, label in zip(axes[0], ("the image", *(f"step {number}" for number in shown)), strict=True):
            ax.set_title(label, fontsize="small", weight="normal")
        for which, (color, style) in BRUSHES.items():
            axes[0, 0].plot([], [], style, color=color, label=f"{which} window")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def glimpse(
    image: Tensor, rows: Tensor, columns: Tensor, window: Window, *, title: str, alt: str
) -> Figure:
    """What the attention does with one image: where the grid lies, one bank of filters, what is read, what is written back.

    Args:
        image: [1, H, W], in [0, 1].
        rows: filter bank of the rows, [N, H].
        columns: filter bank of the columns, [N, W].
        window: where they lie, one value each.
        title: the message, as a sentence.
        alt: what is seen.
    """
    read = rows @ image[0] @ columns.T
    with theme():
        figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.5), layout="constrained", width_ratios=(1, 1.1, 1, 1))
        _picture(axes[0], image)
        _window(axes[0], window, 0, BRUSHES["read"][0], "-", 1.5)
        side, count = float(window.side), len(rows)
        offsets = [side * (place / (count - 1) - 0.5) for place in range(count)]
        axes[0].plot([float(window.x) + dx for _ in offsets for dx in offsets],
                     [float(window.y) + dy for dy in offsets for _ in offsets], ".", color=BRUSHES["read"][0], markersize=2)
        axes[1].plot(rows.T.numpy(), color=BRUSHES["read"][0], linewidth=1)
        axes[1].set(xlabel="row of the image", yticks=[], ylim=(0, None))
        axes[1].set_box_aspect(1)
        _picture(axes[2], read[None])
        _picture(axes[3], (rows.T @ read @ columns)[None], most=None)
        for ax, label in zip(axes, ("the image and\nthe grid", f"its {count} filters\nfor the rows", "the glimpse",
                                    "written back"), strict=True):
            ax.set_title(label, fontsize="medium", weight="normal")
        figure.suptitle(title)
    return Figure(figure, alt)


def over_steps(panels: Mapping[str, Mapping[str, Sequence[float]]], *, title: str, alt: str) -> Figure:
    """Measures over the steps of a painting: a panel a measure, a line a network.

    Args:
        panels: heading to the networks' names, which are keys of `COLORS`, and their values, one a step.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 2.8), layout="constrained", squeeze=False)
        for ax, (label, lines) in zip(axes[0], panels.items(), strict=True):
            for name, values in lines.items():
                ax.plot(range(1, len(values) + 1), values, color=COLORS[name], marker="o", markersize=3)
            ax.set(xlabel="step", ylim=(0, None))
            ax.set_title(label, fontsize="medium", weight="normal")
            ax.xaxis.get_major_locator().set_params(integer=True)
            end_labels(ax, [(len(values), float(values[-1]), name, COLORS[name]) for name, values in lines.items()], gap=0.1)
        figure.suptitle(title)
    return Figure(figure, alt)


def _picture(ax: Axes, image: Tensor, most: float | None = 1) -> None:
    ax.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=most, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _window(ax: Axes, window: Window, row: int, color: str, style: str, weight: float) -> None:
    x, y, side = (float(part[row]) for part in window)
    ax.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, edgecolor=color, linestyle=style,
                           linewidth=weight))
