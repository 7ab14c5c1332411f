"""Does an image turn into another digit? The figures of chapter "From one digit to another" (P1 Figures 3 and 6)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor

from dbp.plots.style import COLORS, Figure, end_labels, show_image, theme

__all__ = ["pull_over_margin", "readings_grid", "seen_over_distance", "walk_strips"]


def pull_over_margin(pulls: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str, alt: str) -> Figure:
    """How strongly a distance pulls at the target's logit, over how far the target is behind; logarithmic.

    Args:
        pulls: name of the distance, a key of `PULLS`, to margins (nats) and slopes with respect to the target's logit, both
            above or at 0. Where a slope is exactly 0, which has no place on the axis, the curve ends in a cross.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
        for name, (margins, slopes) in pulls.items():
            margins, slopes = np.asarray(margins), np.asarray(slopes)
            color, above = PULLS[name], slopes > 0
            ax.plot(margins[above], slopes[above], color=color, linewidth=1.8)
            if not above.all():
                last = above.nonzero()[0][-1]
                ax.plot(margins[last], slopes[last], "X", color=color, markersize=9)
                ax.annotate("exactly zero\nfrom here on", (margins[last], slopes[last]), xytext=(12, 4), color=color,
                            textcoords="offset points", va="center")
            middle = len(margins[above]) // 2
            ax.annotate(name, (margins[above][middle], slopes[above][middle]), color=color,
                        xytext=(10, 10) if slopes[above][0] > slopes[above][-1] else (10, -15), textcoords="offset points")
        ax.set(yscale="log", xlabel="how far the target class is behind (nats)", ylabel="pull at its logit")
        ax.set_xlim(0, max(max(margins) for margins, _ in pulls.values()))
        ax.margins(y=0.12)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


PULLS = {"on probabilities": COLORS["wrong"], "on log densities": COLORS["ink"]}


def walk_strips(
    walks: Mapping[str, tuple[Tensor, Tensor, Tensor, Tensor, Tensor]], steps: Sequence[int], classes: tuple[int, int], *,
    title: str, alt: str,
) -> Figure:
    """One image on its way, as P1 Figure 3: for each encoder the images, their reconstructions, and probabilities.

    Args:
        walks: encoder, a key of `COLORS`, to its path and the path's reconstructions, [N + 1, 1, H, W] each, in [0, 1]; and
            to probabilities over the N steps, [N + 1] each: that of the old class and of the new one by the classifier that
            is followed, and of the new one by a classifier that is not.
        steps: which of the path are shown as pictures.
        classes: the old and the new one.
        title: the message, as a sentence.
        alt: what is seen.
    """
    old, new = classes
    with theme():
        figure = plt.figure(figsize=(7.2, 0.6 + 1.45 * len(walks)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02, hspace=0.02)
        wide = len(steps) * 0.42
        grid = figure.add_gridspec(2 * len(walks), len(steps) + 1, width_ratios=[*[1] * len(steps), wide])
        for place, (name, (path, reconstructions, before, after, other)) in enumerate(walks.items()):
            for line, images in ((2 * place, path), (2 * place + 1, reconstructions)):
                for column, step in enumerate(steps):
                    ax = figure.add_subplot(grid[line, column])
                    show_image(ax, images[step])
                    if line == 0:
                        ax.set_title(f"step {step}" if column == 0 else f"{step}", fontsize="small", weight="normal")
                    if column == 0:
                        ax.set_ylabel(name if line % 2 == 0 else "comes out", rotation=0, ha="right", va="center")
            _probabilities(figure.add_subplot(grid[2 * place: 2 * place + 2, -1]), COLORS[name], before, after, other,
                           (f"{old}", f"{new}", f"LeNet: {new}"), last=place == len(walks) - 1)
        figure.suptitle(title)
    return Figure(figure, alt)


def _probabilities(ax, color: str, before, after, other, names, *, last: bool) -> None:
    """The three curves of a walk, named at their ends."""
    styles = ((color, "-", 0.7), (color, "-", 1.6), (COLORS["neutral"], "--", 1.6))
    ends = []
    for values, name, (shade, style, width) in zip((before, after, other), names, styles, strict=True):
        values = [float(value) for value in values]
        ax.plot(values, style, color=shade, linewidth=width)
        ends.append((len(values) - 1, values[-1], name, shade))
    ax.set(xlim=(0, len(after) - 1), ylim=(-0.04, 1.04), yticks=(0, 1))
    ax.tick_params(labelsize="small")
    ax.set_xlabel("step: probability of a class" if last else "", fontsize="small")
    ax.set_xticklabels([]) if not last else None
    end_labels(ax, ends, gap=0.17)


def readings_grid(
    rows: Mapping[str, Tensor], columns: Sequence[str], readings: Mapping[str, Tensor], wanted: Tensor, *,
    title: str, alt: str,
) -> Figure:
    """Images in named rows, each with what a classifier reads below it; one that it reads as wanted is framed.

    Args:
        rows: label to images, [N, channels, height, width], in [0, 1].
        columns: N headings.
        readings: label to the classes read, int64 [N].
        wanted: the class that each column is on its way to, int64 [N].
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        size = (7.2, 0.7 + len(rows) * (6.2 / max(len(columns), 6) + 0.2))  # a square and its caption
        figure, axes = plt.subplots(len(rows), len(columns), figsize=size, layout="constrained", squeeze=False)
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.02)
        for line, (name, images) in zip(axes, rows.items(), strict=True):
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
            for ax, image, read, goal in zip(line, images, readings[name].tolist(), wanted.tolist(), strict=True):
                show_image(ax, image.permute(1, 2, 0).clamp(0, 1))
                there = read == goal
                ax.set_xlabel(f"reads {read}{' ✓' if there else ''}", fontsize="small", labelpad=2,
                              color=COLORS["wrong"] if there else COLORS["neutral"])
                for side in ax.spines.values():
                    side.set(visible=there, color=COLORS["wrong"], linewidth=2.5)
        for ax, label in zip(axes[0], columns, strict=True):
            ax.set_title(label, fontsize="small", weight="normal")
        figure.suptitle(title)
    return Figure(figure, alt)


def seen_over_distance(
    panels: Mapping[str, Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]], *, xlabel: str, title: str,
    alt: str,
) -> Figure:
    """Who sees the new class after how much change? Panels side by side, a line an encoder, all in shares of 1.

    Args:
        panels: heading to lines: name, a key of `COLORS` or "straight line", to one (distances, shares) a seed, all of the
            same length. The seeds are drawn thin, their mean thick.
        xlabel: what the distance is, with its unit.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.2), layout="constrained", sharey=True, squeeze=False)
        for ax, (heading, lines) in zip(axes[0], panels.items(), strict=True):
            ends = []
            for name, seeds in lines.items():
                color, style = (COLORS["neutral"], "--") if name == "straight line" else (COLORS[name], "-")
                for x, y in seeds if len(seeds) > 1 else ():
                    ax.plot(x, y, style, color=color, linewidth=0.8, alpha=0.4)
                x, y = np.mean([x for x, _ in seeds], axis=0), np.mean([y for _, y in seeds], axis=0)
                ax.plot(x, y, style, color=color, linewidth=2)
                ends.append((x[-1], y[-1], name, color))
            far = max(x for x, *_ in ends)
            ax.set(xlim=(0, far * (1 + 0.17 * len(panels))), ylim=(-0.02, 1.1), xlabel=xlabel)  # names stay in their panel
            ax.set_title(heading, fontsize="medium", weight="normal")
            end_labels(ax, [(far, *end) for _, *end in ends], gap=0.08)
        axes[0, 0].set_ylabel("share that is seen as the new class")
        figure.suptitle(title)
    return Figure(figure, alt)
