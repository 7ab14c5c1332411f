"""Who breaks what? The figures of chapter "White box and black box" (P1 Section 5.4, Tables 3 and 4)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas
from torch import Tensor

from dbp.plots.style import COLORS, Figure, accuracy_rows, theme
from dbp.tables.cells import Cell

__all__ = ["accuracy_over_budget", "attackers", "heads_under_attack", "step_lengths"]

# Undefended networks are black and dashed: in the book's colours MLP would be the plain encoder's blue.
DASHES = {"MLP": ":", "LeNet": "--", "CvNet": "-."}
KINDS = {"literal": COLORS["wrong"], "black box": COLORS["ink"], "white box": COLORS["attached"]}
CLIMBS = {"fixed step": COLORS["wrong"], "halved where stuck": COLORS["attached"]}


def accuracy_over_budget(
    panels: Mapping[str, Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]],
    published: Mapping[str, Sequence[tuple[float, float]]], *, title: str, alt: str,
) -> Figure:
    """Accuracy over the budget, a panel an attack, a line a classifier: the seeds thin, their mean thick.

    Args:
        panels: heading to lines: name, a key of `COLORS` or MLP, LeNet, CvNet, to one (eps, accuracies in percent) a seed,
            all at the same budgets.
        published: heading to points (eps, accuracy in percent) of the paper's own classifier; drawn as crosses.
        title: the message, as a sentence.
        alt: what is seen.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.6), layout="constrained", sharey=True, squeeze=False)
        for ax, (heading, lines) in zip(axes[0], panels.items(), strict=True):
            for name, seeds in lines.items():
                color, style = COLORS["ink"] if name in DASHES else COLORS[name], DASHES.get(name, "-")
                for eps, accuracies in seeds if len(seeds) > 1 else ():
                    ax.plot(eps, accuracies, style, color=color, linewidth=0.7, alpha=0.4)
                eps, accuracies = (np.mean(values, axis=0) for values in zip(*seeds, strict=True))
                ax.plot(eps, accuracies, style, color=color, linewidth=1.8, label=name)
            for eps, accuracy in published.get(heading, ()):
                ax.plot(eps, accuracy, "x", color=COLORS["paper"], markersize=8, markeredgewidth=2)
                ax.annotate("the paper's\nencoder", (eps, accuracy), xytext=(8, 0), textcoords="offset points", va="center",
                            color=COLORS["paper"], fontsize="small")
            ax.set(xlabel="budget ε", ylim=(-2, 102), xlim=(0, None))
            ax.set_title(heading, fontsize="medium", weight="normal")
        axes[0, 0].set_ylabel("right, in %")
        handles = [plt.Line2D([], [], color=COLORS["ink"] if name in DASHES else COLORS[name], label=name,
                              linestyle=DASHES.get(name, "-")) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(names))
        figure.suptitle(title)
    return Figure(figure, alt)


def attackers(found: pandas.DataFrame, *, title: str, alt: str) -> Figure:
    """What each of several attacks leaves of one classifier: a row an attack, with its interval.

    Args:
        found: columns attack, kind (a key of `KINDS`), right, low and high (percent), drawn from top to bottom.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 0.9 + 0.32 * len(found)), layout="constrained")
        for place, row in enumerate(found.itertuples()):
            color = KINDS[row.kind]
            ax.plot((row.low, row.high), (place, place), color=color, linewidth=1.6)
            ax.plot(row.right, place, "o", color=color, markersize=6)
            ax.annotate(f"{row.right:.0f}  {row.kind}", (row.high, place), xytext=(7, 0), textcoords="offset points",
                        va="center", color=color, fontsize="small",
                        bbox={"boxstyle": "square,pad=0.1", "color": "white"})  # over the lines of the grid
        ax.set(xlabel="right after the attack, in %, with 95 % intervals", yticks=range(len(found)),
               yticklabels=found["attack"], ylim=(len(found) - 0.5, -0.5), xlim=(-1, min(found["high"].max() + 22, 120)))
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#dddddd", linewidth=0.6)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def step_lengths(climbs: Mapping[str, Sequence[tuple[Tensor, Tensor]]], eps: float, *, title: str, alt: str) -> Figure:
    """How far two climbs get and how long their steps are, over the steps; step lengths with the middle 80 % as a band.

    Args:
        climbs: a key of `CLIMBS` to one (whether fooled by now, [B]; length of the step, [B], in units of the pixel range)
            a step.
        eps: the budget, in that unit, which step lengths are divided by.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
        for name, path in climbs.items():
            count, color = np.arange(1, len(path) + 1), CLIMBS[name]
            standing = [100 * float((~fooled).double().mean()) for fooled, _ in path]
            low, middle, high = np.quantile([length.numpy() / eps for _, length in path], (0.1, 0.5, 0.9), axis=1)
            left.plot(count, standing, color=color)
            left.annotate(name, (count[-1], standing[-1]), xytext=(0, 8), textcoords="offset points", ha="right",
                          color=color)
            right.plot(count, middle, color=color, drawstyle="steps-post")
            right.fill_between(count, low, high, color=color, alpha=0.2, linewidth=0, step="post")
        left.set(xlabel="step", ylabel="still right, in %", xlim=(1, None), ylim=(0, 102))
        right.set(xlabel="step", ylabel="length of a step, in ε", xlim=(1, None), yscale="log")
        right.yaxis.set_major_formatter("{x:g}")
        figure.suptitle(title)
    return Figure(figure, alt)


def heads_under_attack(
    cells: Mapping[tuple[str, str], Cell], others: Mapping[str, Cell], *, title: str, alt: str
) -> Figure:
    """What is left of several heads on the codes of several encoders: a row a head, a mark an encoder.

    Args:
        cells: (head, encoder) to its accuracy, in percent; encoders are keys of `COLORS`, named at the first row. Bars are
            one standard deviation over seeds.
        others: classifier without an encoder to its accuracy, in percent; drawn as a line through all rows.
        title: the message, as a sentence.
        alt: what is seen.
    """
    heads, encoders = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 1.4 + 0.42 * len(heads)), layout="constrained")
        for name, cell in others.items():
            ax.axvline(cell.mean, color=COLORS["ink"], linestyle=DASHES[name], linewidth=1.4)
            ax.annotate(name, (cell.mean, len(heads) - 0.55), xytext=(5, 0), textcoords="offset points", va="bottom")
        for number, encoder in enumerate(encoders):
            for place, head in enumerate(heads):
                cell, height = cells.get((head, encoder)), place + 0.22 * (number - (len(encoders) - 1) / 2)
                if cell is None:
                    continue
                ax.errorbar(cell.mean, height, xerr=cell.std or 0, fmt="o", color=COLORS[encoder], markersize=5.5, capsize=2)
                if place == 0:
                    ax.annotate(encoder, (cell.mean + (cell.std or 0), height), xytext=(8, 0), textcoords="offset points",
                                color=COLORS[encoder], va="center", fontsize="small")
        accuracy_rows(ax, heads, title)
    return Figure(figure, alt)
