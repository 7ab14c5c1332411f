"""What does a flat code withstand? The figures of chapter "Flat codes"."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas
from torch import Tensor

from dbp.plots.style import COLORS, Figure, accuracy_rows, strength_axis, theme
from dbp.tables.findings import Finding

__all__ = ["accuracy_over_strength", "code_shifts", "heads_and_encoders"]

# Told apart by marker and dash as well as by colour.
LINES = ((COLORS["plain"], "o", "-"), (COLORS["wrong"], "s", "--"), (COLORS["detached"], "D", "-."),
         (COLORS["ink"], "^", ":"))


def code_shifts(shifts: Mapping[str, Tensor], *, title: str, alt: str) -> Figure:
    """How far can an attack push a code? A rising line a network: the share of images whose code stays within a distance.

    Args:
        shifts: network to how far each code was pushed, in units of the distance to the nearest code of another class,
            [N]; at most as many networks as there are `LINES`.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
        for (color, _, dash), (name, values) in zip(LINES, shifts.items(), strict=False):
            places = values.sort().values.tolist()
            heights = [100 * (number + 1) / len(places) for number in range(len(places))]
            ax.step([0, *places], [0, *heights], where="post", color=color, linestyle=dash, linewidth=1.6)
            middle = len(places) // 2
            ax.annotate(name, (places[middle], heights[middle]), xytext=(8, -4), textcoords="offset points", color=color,
                        weight="bold", va="top")
        ax.axvline(1, color=COLORS["neutral"], linestyle="--", linewidth=1)
        ax.annotate("as far as the nearest\ncode of another class", (1, 0.6), xycoords=("data", "axes fraction"),
                    xytext=(5, 0), textcoords="offset points", color=COLORS["neutral"], fontsize="small")
        ax.set(xlabel="push of the code, in distances to another class", ylabel="digits pushed less far, in %",
               xlim=(0, None), ylim=(0, 102))
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def accuracy_over_strength(
    panels: Mapping[str, Mapping[str, pandas.DataFrame]], *, xlabel: str, title: str, alt: str
) -> Figure:
    """Accuracy over the strength of a penalty: a panel a head, a line a budget, with intervals.

    Args:
        panels: heading to lines, each a name and a table with the columns `strength`, rising from 0, and `value`, `low` and
            `high`, in percent. Strength 0 is drawn at the left end, before the logarithmic axis begins.
        xlabel: what the strength is.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.5), layout="constrained", sharey=True, squeeze=False)
        for ax, (heading, lines) in zip(axes[0], panels.items(), strict=True):
            place = strength_axis(ax, (strength for table in lines.values() for strength in table["strength"]))
            for (color, marker, dash), (name, table) in zip(LINES, lines.items(), strict=False):
                spread = [table["value"] - table["low"], table["high"] - table["value"]]
                ax.errorbar(table["strength"].map(place), table["value"], yerr=spread, color=color, marker=marker,
                            linestyle=dash, markersize=4.5, capsize=2, linewidth=1.3, label=name)
            ax.set(xlabel=xlabel, ylim=(-2, 102))
            ax.grid(axis="y", color="#dddddd", linewidth=0.6)
            ax.set_title(heading, fontsize="medium", weight="normal")
        axes[0, 0].set_ylabel("right, in %")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(LINES))
        figure.suptitle(title)
    return Figure(figure, alt)


def heads_and_encoders(found: Mapping[tuple[str, str], Finding], *, title: str, alt: str) -> Figure:
    """What is left of several heads on the codes of several encoders: a row a head, a mark an encoder, with intervals.

    Args:
        found: (head, encoder) to an accuracy, in percent; encoders are named at the first row.
        title: the message, as a sentence.
        alt: what is seen.
    """
    heads, encoders = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 1.3 + 0.42 * len(heads)), layout="constrained")
        for number, (encoder, (color, marker, _)) in enumerate(zip(encoders, LINES, strict=False)):
            for place, head in enumerate(heads):
                this, height = found.get((head, encoder)), place + 0.22 * (number - (len(encoders) - 1) / 2)
                if this is None:
                    continue
                ax.errorbar(this.value, height, xerr=[[this.value - this.low], [this.high - this.value]], fmt=marker,
                            color=color, markersize=5.5, capsize=2)
                if place == 0:
                    ax.annotate(encoder, (this.high, height), xytext=(6, 0), textcoords="offset points", color=color,
                                va="center", fontsize="small")
        accuracy_rows(ax, heads, title)
    return Figure(figure, alt)
