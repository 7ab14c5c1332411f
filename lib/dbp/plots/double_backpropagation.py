"""How steep is it? The figures of chapter "Double backpropagation"."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patheffects import withStroke
from torch import Tensor

from dbp.plots.style import COLORS, Figure, show_image, theme

__all__ = ["fields", "first_order", "hidden_cliff", "input_gradient", "row_estimates"]


def input_gradient(image: Tensor, gradient: Tensor, *, title: str, alt: str) -> Figure:
    """A digit beside the gradient of a scalar with respect to its pixels.

    Args:
        image: [1, H, W], in [0, 1].
        gradient: [1, H, W], any unit per pixel.
        title: the message, as a sentence.
        alt: what is seen.
    """
    largest = float(gradient.abs().max())
    with theme():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
        show_image(left, image)
        shown = show_image(right, gradient, cmap="PuOr_r", vmin=-largest, vmax=largest)
        for ax, label in ((left, "the digit"), (right, "the slope at each pixel")):
            ax.set_title(label, fontsize="medium", weight="normal")
        bar = figure.colorbar(shown, ax=right, ticks=(-largest, 0, largest), shrink=0.85)
        bar.ax.set_yticklabels(("brighter:\nloss falls", "no effect", "brighter:\nloss rises"))
        bar.outline.set_visible(False)
        figure.suptitle(title)
    return Figure(figure, alt)


def fields(
    planes: Mapping[str, tuple[Tensor, Tensor]], grid: Tensor, points: Tensor, labels: Tensor, *, title: str, alt: str
) -> Figure:
    """The probability of class 1 over a plane, one panel a network, with its gradient as arrows.

    Args:
        planes: name to (probability [N], gradient [N, 2]) at the points of `grid`; arrows share one scale.
        grid: the product of two ranges, the second one running fastest, [N, 2].
        points: training points, [P, 2].
        labels: their classes, 0 or 1, [P].
        title: the message, as a sentence.
        alt: what is seen.
    """
    across, up = (np.unique(grid[:, axis].numpy()) for axis in (0, 1))
    shape, row = (len(across), len(up)), torch.arange(len(grid))
    every_third = ((row // len(up)) % 3 == 1) & ((row % len(up)) % 3 == 1)
    longest = max(float(gradient[every_third].norm(dim=1).max()) for _, gradient in planes.values())
    with theme():
        figure, axes = plt.subplots(1, len(planes), figsize=(3.4 * len(planes), 3.3), layout="constrained", sharey=True)
        for ax, (name, (probability, gradient)) in zip(np.atleast_1d(axes), planes.items(), strict=True):
            height = probability.reshape(shape).T.numpy()
            ax.contourf(across, up, height, levels=np.linspace(0, 1, 11), cmap="PuOr_r", alpha=0.45)
            ax.contour(across, up, height, levels=[0.5], colors="white", linewidths=1.5)
            for label, marker in ((0, "o"), (1, "s")):
                here = points[labels == label]
                ax.scatter(*here.T, marker=marker, s=12, facecolor=plt.get_cmap("PuOr_r")(0.05 + 0.9 * label),
                           edgecolor="white", linewidth=0.4)  # fmt: skip
            steep = every_third & (gradient.norm(dim=1) > 0.03 * longest)  # shorter arrows would be dots
            arrows = ax.quiver(*grid[steep].T.numpy(), *gradient[steep].T.numpy(), color=COLORS["ink"], pivot="mid",
                               width=0.007, angles="xy", scale_units="width", scale=6 * longest)
            ax.set_title(name, fontsize="large", weight="normal")
            ax.set(xlabel="$x_1$", aspect="equal")
        np.atleast_1d(axes)[0].set_ylabel("$x_2$")
        unit = float(f"{longest / 2:.1g}")
        figure.get_layout_engine().set(rect=(0, 0.07, 1, 0.93))
        ax.quiverkey(arrows, 0.4, 0.04, unit, f"an arrow for a slope of {unit:g} a unit", labelpos="E", coordinates="figure")
        figure.suptitle(title)
    return Figure(figure, alt)


def first_order(distance: Tensor, output: Tensor, slope: float, norm: float, *, title: str, alt: str) -> Figure:
    """One output along a straight way from x, with its tangent at x and the cone of P2 Eq. (1)'s bound.

    Below it, enlarged, how far the output is from the edge of the cone: below zero it is outside.

    Args:
        distance: t, from 0, in units of the pixel range, [T].
        output: f_i(x + t v), [T].
        slope: of f_i at x along v.
        norm: the L1 norm of the gradient of f_i at x.
        title: the message, as a sentence.
        alt: what is seen.
    """
    t, f, start = distance.numpy(), output.numpy(), float(output[0])
    with theme():
        figure, (ax, room) = plt.subplots(2, 1, figsize=(6, 4.9), layout="constrained", sharex=True, height_ratios=(1, 0.45))
        ax.fill_between(t, start - t * norm, start + t * norm, color=COLORS["neutral"], alpha=0.2, linewidth=0)
        ax.plot(t, start + t * slope, color=COLORS["neutral"], linestyle="--")
        ax.plot(t, f, color=COLORS["plain"], linewidth=2.5)
        low, high = min(f.min(), start + t[-1] * slope), f.max()
        ax.set(ylabel="logit of the true class", xlim=(0, t[-1]))
        ax.set_ylim(low - 0.1 * (high - low), high + 0.25 * (high - low))
        early, late = int(0.3 * len(t)), int(0.75 * len(t))
        _name(ax, (t[late], f[late]), "the output", COLORS["plain"], offset=(0, 9))
        _name(ax, (t[late], start + t[late] * slope), "its tangent at x", COLORS["ink"], offset=(-10, -6), ha="right")
        _name(ax, (t[early], start), "where the bound at x lets it go", COLORS["ink"], offset=(0, 6))
        _room(room, t, t * norm - abs(f - start))
        figure.suptitle(title)
    return Figure(figure, alt)


def _room(ax, t: np.ndarray, left: np.ndarray) -> None:
    """How much further an output could go before it leaves the cone, on a scale on which its leaving shows."""
    out = np.flatnonzero(left < 0)
    depth, before = (-float(left.min()), left[: out[-1] + 1].max()) if len(out) else (0.0, float(abs(left).max()))
    ax.axhline(0, color=COLORS["neutral"], linewidth=1)
    ax.plot(t, left, color=COLORS["plain"], linewidth=2)
    ax.set(xlabel="t, the distance each pixel has moved", ylabel="room left\nin the cone",
           ylim=(-max(4 * depth, 0.2 * before), max(1.4 * before, 4 * depth)))
    if len(out):
        ax.fill_between(t, *ax.get_ylim(), where=left < 0, color=COLORS["wrong"], alpha=0.25, linewidth=0)
        ax.annotate("outside", (t[out[-1]], ax.get_ylim()[1]), xytext=(4, -3), textcoords="offset points", va="top",
                    color=COLORS["wrong"])  # fmt: skip


def hidden_cliff(
    distance: Tensor, output: Tensor, norms: Tensor, images: Tensor, *, title: str, alt: str
) -> Figure:
    """One output along a straight way, with some images of the way (above) and the L1 norm of its gradient (below).

    Args:
        distance: t, from 0, in units of the pixel range, [T].
        output: f_i(x + t v), [T].
        norms: the L1 norm of the gradient of f_i at x + t v, [T].
        images: x + t v, [T, 1, H, W]; four of them are shown.
        title: the message, as a sentence.
        alt: what is seen.
    """
    t = distance.numpy()
    with theme():
        figure, (strip, above, below) = plt.subplots(
            3, 1, figsize=(6, 5.2), layout="constrained", sharex=True, height_ratios=(0.55, 1, 1)
        )
        for part in (0, 1 / 3, 2 / 3, 1):
            picture = images[round(part * (len(t) - 1)), 0].clamp(0, 1)
            inset = strip.inset_axes((part * 0.88, 0, 0.12, 1))
            show_image(inset, picture)
        strip.set_axis_off()
        above.plot(t, output.numpy(), color=COLORS["plain"], linewidth=2.5)
        above.set(ylabel="probability of\nthe true class", ylim=(-0.05, 1.05))
        below.fill_between(t, norms.numpy(), color=COLORS["plain"], alpha=0.25, linewidth=0)
        below.plot(t, norms.numpy(), color=COLORS["plain"])
        below.set(ylabel="L1 norm of\nits gradient", xlabel="t, the distance each pixel has moved", ylim=(0, None))
        below.plot(t[[0, -1]], norms[[0, -1]].numpy(), "o", color=COLORS["wrong"], clip_on=False, zorder=5)
        line = {"arrowstyle": "-", "color": COLORS["wrong"]}
        _name(below, (t[0], norms[0]), f"at x:\n{norms[0]:.2f}", COLORS["wrong"], offset=(6, 70), arrowprops=line)
        _name(below, (t[-1], norms[-1]), f"at the adversarial twin:\n{norms[-1]:.2f}", COLORS["wrong"], offset=(-6, 70),
              ha="right", arrowprops=line)  # fmt: skip
        below.set_xlim(t[0], t[-1])
        figure.suptitle(title)
    return Figure(figure, alt)


def row_estimates(estimates: Tensor, exact: float, *, title: str, alt: str) -> Figure:
    """What one row of the Jacobian says about the whole, one bar a row.

    Args:
        estimates: C times the L1 norm of row i, [C].
        exact: the entrywise L1 norm, drawn as a level line.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
        ax.bar(range(len(estimates)), estimates.numpy(), color=COLORS["plain"], alpha=0.75)
        ax.axhline(exact, color=COLORS["ink"], linestyle="--")
        _name(ax, (len(estimates) - 0.4, exact), "their mean:\nthe exact norm", COLORS["ink"], offset=(4, 0), va="center")
        ax.set(xlabel="the row that was drawn (a class)", ylabel="estimate", xticks=range(len(estimates)))
        ax.grid(visible=False, axis="x")
        ax.set_title(title)
    return Figure(figure, alt)


def _name(ax, place: tuple[float, float], text: str, color: str, offset: tuple[int, int], **style) -> None:
    """A direct label with a pale rim, so that it reads on top of lines."""
    ax.annotate(text, place, xytext=offset, textcoords="offset points", color=color, annotation_clip=False,
                path_effects=[withStroke(linewidth=3, foreground="white")], **style)  # fmt: skip
