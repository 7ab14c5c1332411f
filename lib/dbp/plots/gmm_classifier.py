"""What do densities on codes decide? The figures of chapter "A classifier made of densities" (P1 Section 4)."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from dbp.plots.style import COLORS, Figure, end_labels, theme
from dbp.tables.cells import Cell

__all__ = ["class_maps", "clean_accuracies", "em_steps", "scores_by_components", "sharpness_by_latent", "steps_and_slopes"]

# A class has a colour in a map only where no method has one.
CLASSES = ("#E69F00", "#56B4E9", "#CC79A7", "#444444")
KINDS = {"full": (COLORS["ink"], "o"), "tied": ("#7B3FA0", "s"), "diag": ("#AA3377", "D"), "spherical": ("#E69F00", "^")}


def steps_and_slopes(
    z: Tensor, points: Mapping[int, Tensor], fitted: Mapping[int, Tensor], densities: Tensor, *, title: str, alt: str
) -> Figure:
    """The probability of class 1 along one latent: a network fitted to labels for ever longer, and two densities.

    Args:
        z: where it was computed, [N], rising.
        points: class, 0 or 1, to the codes that it was fitted on; drawn as ticks.
        fitted: steps of training to the probability, [N].
        densities: the probability by the densities, [N].
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
        for label, codes in points.items():
            ax.plot(codes, [-0.06 + 1.12 * label] * len(codes), "|", color=CLASSES[label], markersize=7, alpha=0.6)
        for number, (steps, probability) in enumerate(fitted.items(), 1):
            share = number / len(fitted)
            ax.plot(z, probability, color=COLORS["ink"], alpha=0.2 + 0.8 * share, linewidth=0.8 + 0.8 * share,
                    label=f"{steps:,} steps")
        ax.plot(z, densities, color=COLORS["penalised"], linewidth=2.2, label="two densities")
        ax.legend(loc="center right", fontsize="small")
        ax.set(xlabel="code z", ylabel="probability of class 1", yticks=(0, 0.5, 1), xlim=(float(z[0]), float(z[-1])))
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def em_steps(
    points: Tensor, steps: Mapping[int, tuple[Tensor, Tensor, Tensor, float]], *, title: str, alt: str
) -> Figure:
    """EM on two latents: the components after some iterations, as ellipses of two standard deviations, weights below.

    Args:
        points: codes, [N, 2].
        steps: iteration to the means, [K, 2], covariances, [K, 2, 2], weights, [K], and the mean log density in nats.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(steps), figsize=(7.2, 2.1), layout="constrained", sharex=True, sharey=True,
                                    squeeze=False)
        for ax, (step, (means, covariances, weights, density)) in zip(axes[0], steps.items(), strict=True):
            ax.plot(*points.T, ".", color=COLORS["neutral"], markersize=2.2, alpha=0.6)
            for k, (mean, covariance, weight) in enumerate(zip(means, covariances, weights, strict=True)):
                values, vectors = np.linalg.eigh(covariance.numpy())
                angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
                ax.add_patch(Ellipse(mean.tolist(), *4 * np.sqrt(values)[::-1], angle=angle, fill=False, linewidth=1.8,
                                     edgecolor=CLASSES[k % len(CLASSES)]))
                ax.annotate(f"{float(weight):.0%}", ((k + 0.5) / len(weights), 0), xycoords="axes fraction", ha="center",
                            va="top", xytext=(0, -3), textcoords="offset points", fontsize="small", weight="bold",
                            color=CLASSES[k % len(CLASSES)])
            ax.set_title(f"step {step}\n{density:.2f} nats", fontsize="small", weight="normal")
            ax.set(xticks=[], yticks=[], aspect="equal")
        figure.suptitle(title)
    return Figure(figure, alt)


def class_maps(
    maps: Mapping[str, tuple[Tensor, Tensor, Tensor, str]], codes: Tensor, labels: Tensor, names: Sequence[str], *,
    title: str, alt: str,
) -> Figure:
    """A quantity over a plane of codes, a panel each, with the codes on it in the colours of their classes.

    Args:
        maps: heading to the places along both latents, [W] and [H], the values there, [H, W], and their unit.
        codes: [N, 2].
        labels: of the codes, [N], from 0; at most four classes.
        names: of the classes, in the legend.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(maps), figsize=(7.2, 3.8), layout="constrained", squeeze=False)
        for ax, (heading, (across, up, values, unit)) in zip(axes[0], maps.items(), strict=True):
            shown = ax.pcolormesh(across.numpy(), up.numpy(), values.numpy(), cmap="Greys_r", shading="nearest")
            figure.colorbar(shown, ax=ax, label=unit, shrink=0.85)
            for label, name in enumerate(names):
                part = codes[labels == label]
                ax.plot(*part.T, ".", color=CLASSES[label], markersize=3, markeredgewidth=0, label=name)
            ax.set(xlabel="latent 1", ylabel="latent 2" if ax is axes[0, 0] else "", aspect="equal",
                   xlim=(float(across[0]), float(across[-1])), ylim=(float(up[0]), float(up[-1])))
            ax.set_title(heading, fontsize="medium", weight="normal")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), markerscale=4,
                      handletextpad=0)
        figure.suptitle(title)
    return Figure(figure, alt)


def scores_by_components(
    panels: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]], *, title: str, alt: str
) -> Figure:
    """How well mixtures of each kind of covariance do, over their number of components, one panel a measure.

    Args:
        panels: the measure, with its unit, to each kind of covariance and its numbers of components and values.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.2), layout="constrained", squeeze=False)
        for ax, (measure, lines) in zip(axes[0], panels.items(), strict=True):
            ends = []
            for kind, (components, values) in lines.items():
                color, marker = KINDS[kind]
                ax.plot(components, values, color=color, marker=marker, markersize=4.5, linewidth=1.3)
                ends.append((components[-1], values[-1], kind, color))
            ax.set(xlabel="components K of each class")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.set_title(measure, fontsize="medium", weight="normal")
            end_labels(ax, ends, gap=0.08)
        figure.suptitle(title)
    return Figure(figure, alt)


def sharpness_by_latent(spread: Tensor, heads: Mapping[str, Tensor], least: float, *, title: str, alt: str) -> Figure:
    """How steeply the lead over the second class changes along each latent, over how far the codes spread along it.

    Both on a logarithmic scale.

    Args:
        spread: standard deviation of the mean codes along each latent, [D].
        heads: name to the median absolute slope of the lead along each latent, [D], in nats a unit of the code.
        least: latents with less spread than this are not in use; a line marks it.
        title: the message, as a sentence.
        alt: what is seen.
    """
    looks = [(COLORS["ink"], "o"), (COLORS["penalised"], "^"), ("#56B4E9", "s")]
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.5), layout="constrained")
        order = spread.argsort()
        for (color, marker), (name, slope) in zip(looks, heads.items(), strict=False):
            ax.plot(spread[order], slope[order], marker, color=color, markersize=5, alpha=0.85)
            ax.annotate(name, (float(spread[order][0]), float(slope[order][0])), xytext=(0, 13), textcoords="offset points",
                        color=color, weight="bold")
        ax.set(xscale="log", yscale="log", xlabel="spread of the mean codes along a latent (standard deviation)",
               ylabel="slope of the lead\n(nats a unit of the code)")
        ax.margins(y=0.18)
        ax.axvline(least, color=COLORS["neutral"], linestyle="--", linewidth=1)
        for text, shift, side in (("not in use", -5, "right"), ("in use", 5, "left")):
            ax.annotate(text, (least, 0.02), xycoords=("data", "axes fraction"), xytext=(shift, 2),
                        textcoords="offset points", ha=side, color=COLORS["neutral"])
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def clean_accuracies(
    cells: Mapping[tuple[str, str], Cell], others: Mapping[str, Cell], published: Mapping[str, float], *,
    title: str, alt: str,
) -> Figure:
    """Accuracies without attack: a row a head, a mark an encoder; other classifiers below; crosses are the paper's.

    Args:
        cells: (head, encoder) to its accuracy, in percent; encoders are keys of `COLORS`.
        others: classifier to its accuracy, in percent.
        published: row to the paper's accuracy, in percent.
        title: the message, as a sentence.
        alt: what is seen. Bars are one standard deviation over seeds.
    """
    heads = list(dict.fromkeys(head for head, _ in cells))
    encoders = list(dict.fromkeys(encoder for _, encoder in cells))
    rows = heads + list(others)
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 1.2 + 0.42 * len(rows)), layout="constrained")
        for place, row in enumerate(rows):
            marks = {name: cells[row, name] for name in encoders if (row, name) in cells} if row in heads else {
                "ink": others[row]}
            for number, (name, cell) in enumerate(marks.items()):
                height = place + 0.22 * (number - (len(marks) - 1) / 2)
                ax.errorbar(cell.mean, height, xerr=cell.std or 0, fmt="o", color=COLORS[name], markersize=5.5, capsize=2)
                if place == 0:
                    ax.annotate(name, (cell.mean, height), xytext=(12, 0), textcoords="offset points", color=COLORS[name],
                                va="center", fontsize="small")
            if row in published:
                ax.plot(published[row], place, "x", color=COLORS["paper"], markersize=8, markeredgewidth=2)
                ax.annotate("the paper", (published[row], place), xytext=(0, 6), textcoords="offset points", ha="center",
                            va="bottom", color=COLORS["paper"], fontsize="small")
        ax.set(xlabel="right, of the test digits", yticks=range(len(rows)), yticklabels=rows,
               ylim=(len(rows) - 0.5, -0.6))
        ax.xaxis.set_major_formatter(PercentFormatter(100))
        ax.margins(x=0.12)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#dddddd", linewidth=0.6)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)
