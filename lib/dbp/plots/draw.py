"""How does DRAW paint? The figures of chapter "DRAW: painting in steps" (P1 Eq. (5)-(7) and (12))."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dbp.models.draw import Window
from dbp.plots.diagrams import FIRST, FORWARD, SECOND
from dbp.plots.diagrams import _arrow as arrow
from dbp.plots.diagrams import _box as box
from dbp.plots.diagrams import _canvas as drawing
from dbp.plots.diagrams import _second as second
from dbp.plots.style import COLORS, Figure, line_panels, show_image, theme

__all__ = ["draw_scheme", "glimpse", "over_steps", "painting"]

READ, WRITE = "#56B4E9", COLORS["fgsm"]  # light enough to be seen on black
MARGIN = 8  # pixels around an image that a map of the windows shows as well


def draw_scheme(*, title: str, alt: str) -> Figure:
    """DRAW as a plan: encoder, code, decoder and canvas, and what goes from one step to the next (P1 Eq. (5)).

    Args:
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = drawing((7.4, 3.5), (-0.9, 11.6), (-2.75, 2.25))
        box(ax, (0.1, 0.6), "image\n$x$", FORWARD, width=1.3, height=1.0)
        box(ax, (0.1, -1.0), "error image\n$\\hat x_t$", FORWARD, width=1.7, height=0.9)
        box(ax, (2.5, 0), "read", FORWARD, width=1.0)
        box(ax, (4.4, 0), "encoder\n(LSTM)", FIRST, width=1.4, height=1.1)
        box(ax, (6.2, 0), "code\n$z_t$", SECOND, width=1.0, height=1.1)
        box(ax, (8.0, 0), "decoder\n(LSTM)", FIRST, width=1.4, height=1.1)
        box(ax, (9.75, 0), "write", FORWARD, width=1.0)
        box(ax, (9.75, -1.75), "canvas\n$c_t = c_{t-1}$ + stroke", FORWARD, width=2.9, height=0.9)
        for start, end in (((0.78, 0.5), (1.95, 0.12)), ((0.98, -0.85), (1.95, -0.2)), ((3.02, 0), (3.66, 0)),
                           ((5.12, 0), (5.66, 0)), ((6.72, 0), (7.26, 0)), ((8.72, 0), (9.22, 0)),
                           ((9.75, -0.44), (9.75, -1.27)), ((-0.2, 0.08), (-0.2, -0.53))):  # fmt: skip
            arrow(ax, start, end, FORWARD)
        # What waits for the next step is dashed.
        for path, text, place in (
            ([(8.27, -1.85), (0.1, -1.85), (0.1, -1.49)], "the canvas so far, as a picture, taken off the image",
             (4.4, -2.12)),
            ([(8.0, 0.58), (8.0, 1.35), (2.5, 1.35), (2.5, 0.45)], "where to look, and what was painted last", (5.2, 1.62)),
        ):  # fmt: skip
            second(ax, path)
            ax.text(*place, text, color=SECOND, ha="center", va="center", fontsize=9)
        for x, name in ((4.4, "h^\\mathrm{enc}"), (8.0, "h^\\mathrm{dec}")):
            ax.annotate("", (x - 0.35, -0.58), (x + 0.35, -0.58), arrowprops={
                "arrowstyle": "-|>", "color": SECOND, "linestyle": "--", "connectionstyle": "arc3,rad=-1.1"})
            ax.text(x, -1.15, f"memory ${name}$", color=SECOND, ha="center", va="center", fontsize=9)
        ax.text(-0.85, -2.6, "solid: within step $t$", color=FORWARD, va="center", fontsize=9)
        ax.text(2.9, -2.6, "dashed: on to step $t + 1$", color=SECOND, va="center", fontsize=9)
        ax.text(7.0, -2.6, "after the last step the canvas is the picture $x'$", color=FORWARD, va="center", fontsize=9)
        figure.suptitle(title)
    return Figure(figure, alt)


def glimpse(
    image: Tensor, rows: Tensor, columns: Tensor, window: Window, seen: Tensor, *, title: str, alt: str
) -> Figure:
    """What a window reads of one image: where its points lie, its filter bank as a map, and the glimpse.

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
        _frame(axes[0], window, READ, 1.6)
        x, y, side = (float(part[0]) for part in window)
        across, down = ([middle + side * (point / (len(bank) - 1) - 0.5) for point in range(len(bank))]
                        for middle, bank in ((x, columns), (y, rows)))
        points = [(dx, dy) for dy in down for dx in across]
        axes[0].plot(*zip(*points, strict=True), ".", color=WRITE, markersize=3)
        shown = axes[1].imshow(columns.numpy(), cmap="Blues", vmin=0, aspect="auto", interpolation="nearest",
                               extent=(-0.5, columns.shape[1] - 0.5, len(columns) + 0.5, 0.5))
        axes[1].set(xlabel="column of pixels", ylabel="point", yticks=(1, len(columns)))
        figure.colorbar(shown, ax=axes[1], label="weight", fraction=0.06, ticks=(0, 0.3, 0.6))
        show_image(axes[2], seen)
        for ax, label in ((axes[0], "image and window"), (axes[2], "glimpse")):
            ax.set_xlabel(label)
        figure.suptitle(title)
    return Figure(figure, alt)


def painting(
    images: Tensor, canvases: Sequence[Tensor], windows: Mapping[str, tuple[Sequence[Window], Sequence[Tensor]]] = (), *,
    points: int = 12, title: str, alt: str, columns: int = 6,
) -> Figure:
    """The canvas of DRAW step by step, a row an image, and below it where the windows lie on average, a row a kind.

    Args:
        images: what is painted, [B, 1, H, W], in [0, 1].
        canvases: what is seen of the canvas after each of the T steps, [B, 1, H, W], in [0, 1].
        windows: what is done through them, as "where it looks", to the windows of the T steps, each [M], and the standard
            deviations of their points, in pixels, [M]. A map is the mean over the M images.
        points: N, of N x N points a window.
        columns: how many of the steps are drawn, evenly spaced, the first and the last one among them.
        title: the message, as a sentence.
        alt: what is seen.
    """
    last, size = len(canvases) - 1, images.shape[-1]
    shown = sorted({round(place * last / max(columns - 1, 1)) for place in range(columns)})
    maps = {kind: [_coverage(steps[step], widths[step], points, size) for step in shown]
            for kind, (steps, widths) in dict(windows).items()}
    most = max((float(part.max()) for parts in maps.values() for part in parts), default=1.0)
    count = len(images) + len(maps)
    with theme():
        figure, axes = plt.subplots(count, 1 + len(shown), squeeze=False, layout="constrained",
                                    figsize=(7.4, 0.5 + 6.6 / (1 + len(shown)) * count))
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
        for row, line in enumerate(axes[: len(images)]):
            for ax, picture in zip(line, (images[row], *(canvases[step][row] for step in shown)), strict=True):
                show_image(ax, picture)
        for line, (kind, parts) in zip(axes[len(images):], maps.items(), strict=True):
            line[0].set_axis_off()
            line[0].text(1, 0.5, kind.replace(" ", "\n", 1), transform=line[0].transAxes, ha="right", va="center")
            for ax, part in zip(line[1:], parts, strict=True):
                reach = (-MARGIN - 0.5, size + MARGIN - 0.5)
                drawn = show_image(ax, part, cmap="Blues", vmin=0, vmax=most, extent=(*reach, *reach[::-1]))
                ax.add_patch(Rectangle((-0.5, -0.5), size, size, fill=False, edgecolor=COLORS["penalised"], linewidth=1.1))
        for ax, label in zip(axes[0], ("image", *(f"t = {step + 1}" for step in shown)), strict=True):
            ax.set_title(label, fontsize="medium", weight="normal")
        if maps:
            bar = figure.colorbar(drawn, ax=axes[len(images):, 1:], label="points a pixel", fraction=0.04, ticks=(0, most))
            bar.ax.set_yticklabels(("0", f"{most:.1f}"))
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


def _coverage(windows: Window, widths: Tensor, points: int, size: int) -> Tensor:
    """How many points of a window look at each pixel in and around the image, mean over the windows; square."""
    pixels = torch.arange(-MARGIN, size + MARGIN)
    along = windows.side[:, None] * (torch.arange(points) / (points - 1) - 0.5)  # of each point from the centre
    hills = []
    for centre in (windows.y, windows.x):
        points_of = torch.distributions.Normal((centre[:, None] + along)[:, :, None], widths[:, None, None])
        hills.append(points_of.log_prob(pixels).exp().sum(1))  # [M, pixels]
    return (hills[0][:, :, None] * hills[1][:, None, :]).mean(0)


def _frame(ax: Axes, window: Window, color: str, weight: float) -> None:
    x, y, side = (float(part[0]) for part in window)
    ax.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, edgecolor=color, linewidth=weight))
