"""Which way does the gradient take? The figures of chapter "An autoencoder with double backpropagation" (P1 Section 3)."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from dbp.plots.style import COLORS, Figure, end_labels, show_image, theme

__all__ = ["gradient_ways", "lambda2_paths", "over_epochs", "trade_off"]

MARKERS = {"attached": "o", "detached": "s", "KL weight": "^", "weight decay": "D", "input noise": "v"}
LABELLED = {"attached": {"xytext": (5, 6), "ha": "left"}, "detached": {"xytext": (-6, -11), "ha": "right"}}
RISING = {"xytext": (-5, 6), "ha": "right"}  # where the line goes on to the upper right
OUTLINE = [withStroke(linewidth=2.5, foreground="white")]
WAYS = ("the digit", "its\nreconstruction", "through\nthe encoder", "through\nthe target", "both\ntogether")
MEASURES = {
    "reconstruction": "reconstruction loss\n(nats a pixel)",
    "whole": "loss gradient, whole\n(nats a pixel, L2)",
    "encoder_path": "loss gradient, encoder path\n(nats a pixel, L2)",
    "jacobian": "norm of dx'/dx\n(Frobenius)",
}


def gradient_ways(rows: Mapping[str, Sequence[Tensor]], *, title: str, alt: str) -> Figure:
    """One digit a row: its reconstruction and the two parts of its loss gradient, as maps with one scale for all.

    Args:
        rows: name of the network to (image, reconstruction, gradient through the encoder, gradient through the target),
            each [1, H, W]; gradients in nats a pixel. Their sum is drawn beside them, the L2 norms below.
        title: the message, as a sentence.
        alt: what is seen.
    """
    most = max(float(part.abs().max()) for _, _, *parts in rows.values() for part in (*parts, parts[0] + parts[1]))
    norm = AsinhNorm(linear_width=most / 20, vmin=-most, vmax=most)  # weak parts stay visible beside strong ones
    with theme():
        figure, axes = plt.subplots(
            len(rows), 5, figsize=(7.2, 0.85 + 1.45 * len(rows)), layout="constrained", squeeze=False)
        for line, (name, (image, reconstruction, encoder, target)) in zip(axes, rows.items(), strict=True):
            for ax, picture in zip(line, (image, reconstruction), strict=False):
                show_image(ax, picture)
            for ax, part in zip(line[2:], (encoder, target, encoder + target), strict=True):
                shown = show_image(ax, part, cmap="PuOr_r", norm=norm)
                ax.set_xlabel(f"length {float(part.norm()):.0f}")
            line[0].set_ylabel(name)
        for ax, label in zip(axes[0], WAYS, strict=True):
            ax.set_title(label, fontsize="medium", weight="normal")
        length = 0.6 if len(rows) > 1 else 1
        bar = figure.colorbar(shown, ax=axes[:, 2:], ticks=(-most, 0, most), fraction=0.05, shrink=length)
        bar.ax.set_yticklabels(("brighter:\nloss falls", "no effect", "brighter:\nloss rises"))
        bar.ax.minorticks_off()
        bar.outline.set_visible(False)
        figure.suptitle(title)
    return Figure(figure, alt)


def lambda2_paths(paths: Mapping, *, mean_image: float, title: str, alt: str) -> Figure:
    """How the measures go with lambda_2: a line a reading of the target, a dot a seed.

    Args:
        paths: "attached" and "detached" to a frame of runs with `strength` (0 is without the penalty) and `MEASURES`.
        mean_image: reconstruction loss, in nats a pixel, of answering every image with the mean one.
        title: the message, as a sentence.
        alt: what is seen.
    """
    known = sorted(set().union(*(runs["strength"] for runs in paths.values())))
    decades = {strength: math.log10(strength) for strength in known if strength > 0}
    nothing = min(decades.values()) - 0.9  # 0 has no place on a logarithmic axis: it stands apart, to the left
    place = {0.0: nothing, **decades}
    with theme():
        figure, axes = plt.subplots(2, 2, figsize=(7.2, 5), layout="constrained", sharex=True)
        for ax, (measure, label) in zip(axes.flat, MEASURES.items(), strict=True):
            for name, runs in paths.items():
                marker, color = MARKERS[name], COLORS[name]
                means = runs.groupby("strength")[measure].mean()
                at = [place[strength] for strength in means.index]
                ax.plot(at[:2], means.iloc[:2], ":", color=color, linewidth=1.2)
                ax.plot(at[1:], means.iloc[1:], color=color, linewidth=1.2)
                ax.plot(runs["strength"].map(place), runs[measure], marker, color=color, markersize=4, alpha=0.6)
            if measure == "reconstruction":
                ax.axhline(mean_image, color=COLORS["neutral"], linestyle="--", linewidth=1)
                ax.text(nothing, mean_image, "the mean image for all", color=COLORS["neutral"], va="bottom")
            else:
                _log_scale(ax)
            ax.set_title(label, fontsize="medium", weight="normal")
            named = [f"{strength:g}" if place[strength] in (nothing, round(place[strength])) else "" for strength in known]
            ax.set_xticks([place[strength] for strength in known], named)
            ax.axvline(nothing + 0.45, color=COLORS["neutral"], linewidth=0.6, linestyle=(0, (1, 3)))
        for ax in axes[1]:
            ax.set_xlabel("λ₂ (logarithmic; 0 stands apart)")
        for name in paths:
            axes[0, 0].plot([], [], MARKERS[name], color=COLORS[name], linestyle="-", label=f"target {name}")
        figure.legend(loc="outside lower right", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def over_epochs(courses: Mapping, *, title: str, alt: str) -> Figure:
    """How the measures go with the epochs of a training: a line a seed, in the colour of the method.

    Args:
        courses: method to the courses of its seeds, each a frame over the epochs from 1 on with the columns `MEASURES`; the
            reconstruction loss is that of the training, in nats a pixel.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(2, 2, figsize=(7.2, 5), layout="constrained", sharex=True)
        for ax, (measure, label) in zip(axes.flat, MEASURES.items(), strict=True):
            for name, seeds in courses.items():
                for course in seeds:
                    ax.plot(course.index, course[measure], color=COLORS[name], linewidth=1, alpha=0.8)
            if measure == "reconstruction":
                label = label.replace("(", "(training, ")
            else:
                _log_scale(ax)
            ax.set_title(label, fontsize="medium", weight="normal")
        for ax in axes[1]:
            ax.set_xlabel("epoch")
        for name in courses:
            axes[0, 0].plot([], [], color=COLORS[name], label=name)
        figure.legend(loc="outside lower right", ncols=len(courses))
        figure.suptitle(title)
    return Figure(figure, alt)


def trade_off(paths: Mapping, *, most: float, start_name: str = "plain", title: str, alt: str) -> Figure:
    """Flatness over blur: the norm of d x' / d x against the reconstruction loss, a line a method, a mark a strength.

    Args:
        paths: method to a frame of runs with `strength`, `reconstruction` and `jacobian`; the bars are one standard
            deviation over seeds.
        most: reconstruction loss, in nats a pixel, at which the picture ends.
        start_name: of the network that all lines begin at.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
        ends = []
        for name, runs in paths.items():
            marker, color = MARKERS[name], COLORS[name]
            columns = runs.groupby("strength")[["reconstruction", "jacobian"]]
            mean, spread = columns.mean(), columns.std().fillna(0)
            mean, spread = mean[mean["reconstruction"] <= most], spread[mean["reconstruction"] <= most]
            ax.errorbar(mean["reconstruction"], mean["jacobian"], xerr=spread["reconstruction"], yerr=spread["jacobian"],
                        color=color, marker=marker, markersize=5, linewidth=1.3, elinewidth=0.8, ecolor=(color, 0.55),
                        zorder=4)
            if name in LABELLED:  # off the bars, which are level and upright
                following = [*mean["jacobian"].iloc[2:], -math.inf]
                for (strength, point), next_one in zip(mean.iloc[1:].iterrows(), following, strict=True):
                    beside = RISING if next_one > point["jacobian"] else LABELLED[name]
                    ax.annotate(f"{strength:g}", tuple(point), textcoords="offset points", color=color, fontsize="small",
                                zorder=6, path_effects=OUTLINE, **beside)
            elif len(mean) > 1:
                name = f"{name}, up to {mean.index[-1]:g}"
            ends.append((mean.iloc[-1, 0] + spread.iloc[-1, 0], mean.iloc[-1, 1], name, color))
        ax.margins(x=0.09)
        start = mean.iloc[0]
        ax.plot(*start, "*", color=COLORS["plain"], markersize=13, zorder=5)
        low, high = ax.get_xlim()
        ax.set_xlim(low - 0.14 * (high - low), high)  # room for the name
        ax.annotate(start_name, tuple(start), xytext=(-9, 0), textcoords="offset points", color=COLORS["plain"],
                    ha="right", va="center")
        ax.set(xlabel="reconstruction loss (nats a pixel): more blur →", ylabel="norm of dx'/dx (more sensitive ↑)",
               ylim=(0, None))
        farthest = max(x for x, *_ in ends)
        for x, y, name, color in [end for end in ends if end[2].startswith("KL") and end[0] < 0.9 * farthest]:
            ax.annotate(name, (x, y), xytext=(2, 15), textcoords="offset points", color=color, path_effects=OUTLINE,
                        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8})  # other lines pass where it ends
            ends.remove((x, y, name, color))
        end_labels(ax, ends, gap=0.06)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def _log_scale(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
