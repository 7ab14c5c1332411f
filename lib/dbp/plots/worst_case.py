"""What is left of whom? What each attack adds to the ones before, and clean accuracy against that in the worst case."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas

from dbp.plots.style import COLORS, Figure, strength_axis, theme

__all__ = ["frontier", "what_each_attack_adds"]

# Told apart by marker as well as by colour.
STYLES = ((COLORS["wrong"], "o"), (COLORS["plain"], "s"), (COLORS["attached"], "D"), (COLORS["detached"], "^"),
          (COLORS["input noise"], "v"), (COLORS["logits"], "P"), (COLORS["weight decay"], "X"), (COLORS["ink"], "*"))
STAGES = {"FGSM": COLORS["fgsm"], "PGD": COLORS["weight decay"], "Auto-PGD": COLORS["attached"], "all": COLORS["ink"]}


def frontier(
    panels: Mapping[str, pandas.DataFrame], families: Mapping[str, str], *, title: str, alt: str,
) -> Figure:
    """Clean accuracy against that under the strongest attack: a panel a budget, a line a defence along its strength.

    Args:
        panels: heading to a table of `dbp.tables.frontier.summarise`.
        families: of that table, to the names that are written, at most as many as there are `STYLES`.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 4.4), layout="constrained", sharex=True, squeeze=False)
        for ax, (heading, table) in zip(axes[0], panels.items(), strict=True):
            for (family, name), (color, marker) in zip(families.items(), STYLES, strict=False):
                part = table[table["family"] == family].sort_values("strength")
                right, clean = 100 * part["accuracy"], 100 * part["clean"]
                ax.errorbar(clean, right, yerr=[right - 100 * part["low"], 100 * part["high"] - right],
                            xerr=[clean - 100 * part["clean_low"], 100 * part["clean_high"] - clean], fmt="none",
                            ecolor=color, elinewidth=0.8, alpha=0.5)
                ax.plot(clean, right, marker=marker, color=color, linewidth=1.2, markersize=5, label=name)
            ax.set_title(heading, fontsize="medium", weight="normal")
            ax.set(xlabel="right without an attack, in %", ylim=(-3, 102))
            ax.grid(color="#dddddd", linewidth=0.6)
        axes[0, 0].set_ylabel("right under the strongest attack, in %")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def what_each_attack_adds(
    panels: Mapping[str, Mapping[str, Mapping[float, float]]], *, xlabel: str, title: str, alt: str,
) -> Figure:
    """What is left after each attack, over a strength: where lines lie apart, the weaker attack has been fooled.

    Args:
        panels: heading to lines: FGSM, PGD, Auto-PGD or all, to strength to accuracy in percent. Strength 0 is drawn at the
            left end, before the logarithmic axis begins.
        xlabel: what the strength is.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.4), layout="constrained", sharey=True, squeeze=False)
        for ax, (heading, lines) in zip(axes[0], panels.items(), strict=True):
            place = strength_axis(ax, (strength for line in lines.values() for strength in line))
            for name, line in lines.items():
                ax.plot([place(strength) for strength in sorted(line)], [line[strength] for strength in sorted(line)], "o-",
                        color=STAGES[name], markersize=4, label=name)
            ax.set(xlabel=xlabel, ylim=(-2, 102))
            ax.set_title(heading, fontsize="medium", weight="normal")
            ax.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes[0, 0].set_ylabel("right, in %")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(STAGES))
        figure.suptitle(title)
    return Figure(figure, alt)
