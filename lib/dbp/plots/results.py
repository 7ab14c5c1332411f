"""Published against ours: the slope plots of the results pages, one for each table of the papers."""

from collections.abc import Mapping, Sequence

import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
import pandas

from dbp.plots.style import COLORS, Figure, theme
from dbp.tables.cells import Cell

__all__ = ["slopes"]

# How a line is drawn says its verdict: solid goes with the paper, dashed against it, dotted says that nobody knows.
STYLES = {"matches": "-", "same direction": "-", "neither moves": "-", "differs": "--", "undecided": ":"}
LEGEND = {"-": "matches, same direction or neither moves", "--": "differs", ":": "undecided"}
# Where an axis of factors may have its marks, from coarse to fine: the first that leaves at least three is taken.
FACTORS = ([10.0**power for power in range(-6, 7)], [1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
           [0.1, 0.2, 0.5, 1, 2, 5, 10], [round(0.1 * step, 1) for step in range(1, 31)])


def slopes(
    table: pandas.DataFrame, *, panel: str, line: str, title: str, alt: str, color: str | None = None,
    colors: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None, ylabel: str = "", factors: bool = False,
    least: float = 0, sides: Mapping[str, tuple[str, str]] | None = None,
) -> Figure:
    """Published numbers on the left, ours on the right, a line a cell; a level line is one that came back.

    Bars are standard deviations over runs, where there are any. What was not run has a mark on the left only.

    Args:
        table: a row a cell, with the cells `theirs` and `ours` (None where there is none; rows without theirs are left out),
            the `verdict`, and the columns below.
        panel: column whose values have a panel each, in the order of the table.
        line: column of texts, written at the lines' right ends.
        title: the message, as a sentence.
        alt: what is seen.
        color: column that says which lines have one colour; all have the same without it.
        colors: its values to colours; by default those of `dbp.plots.COLORS` by their names.
        names: its values to what the legend says.
        ylabel: what is measured, and in which unit.
        factors: the cells are natural logarithms of factors, and the axis is labelled with the factors.
        least: the smallest range that an axis may have, so that small differences do not look large.
        sides: panel to what stands below its two ends; by default "paper" and "ours".
    """
    parts = {name: part for name, part in table[table["theirs"].notna()].groupby(panel, sort=False)}
    shades = COLORS | dict(colors or {})
    columns = min(3 if len(parts) not in (2, 4) else 2, max(len(parts), 1))
    rows = max(-(-len(parts) // columns), 1)
    with theme():
        figure, axes = plt.subplots(rows, columns, figsize=(7.2, 3.2 * rows + 0.5), layout="constrained", squeeze=False)
        for ax in axes.flat[len(parts):]:
            ax.set_visible(False)
        for ax, (name, part) in zip(axes.flat, parts.items(), strict=False):
            _panel(ax, part, line, [shades[row] for row in part[color]] if color else [COLORS["neutral"]] * len(part), least)
            ax.set_title(name, fontsize="medium", weight="normal")
            ax.set(xticks=[0, 1], xticklabels=(sides or {}).get(name, ("paper", "ours")), xlim=(-0.15, 1.75))
            if factors:
                _mark_factors(ax)
        for ax in axes[:, 0]:
            ax.set_ylabel(ylabel)
        figure.suptitle(title)
        _legend(figure, table, color, shades, names or {})
    return Figure(figure, alt)


def _mark_factors(ax) -> None:
    """Marks at round factors, and a line at 1, no change."""
    low, high = ax.get_ylim()
    found = [[factor for factor in fine if low <= np.log(factor) <= high] for fine in FACTORS]
    shown = next((factors for factors in found if len(factors) > 2), found[-1])
    ax.set_yticks(np.log(shown), labels=[f"×{factor:g}" for factor in shown])
    if low < 0 < high:
        ax.plot([-0.15, 1], [0, 0], color="#bbbbbb", linewidth=0.8, zorder=0)


def _panel(ax, part: pandas.DataFrame, line: str, shades: Sequence[str], least: float) -> None:
    ends = []
    for row, shade in zip(part.to_dict("records"), shades, strict=True):
        places = [(x, cell) for x, cell in ((0, row["theirs"]), (1, row["ours"])) if _is_drawn(cell)]
        style = STYLES.get(row["verdict"], ":")
        ax.plot([x for x, _ in places], [cell.mean for _, cell in places], style, color=shade, linewidth=1.4)
        for x, cell in places:
            hollow = {} if len(places) == 2 else {"markerfacecolor": "white"}
            ax.errorbar(x, cell.mean, yerr=cell.std or None, fmt="o", color=shade, markersize=3.5, elinewidth=0.8, **hollow)
        text = row[line] if len(places) == 2 else f"{row[line]}: not run"
        ends.append((places[-1][0], places[-1][1].mean, text, shade))
    ax.margins(y=0.08)
    low, high = ax.get_ylim()
    room = max(least - (high - low), 0) / 2
    ax.set_ylim(low - room, high + room)
    for x in (0, 1):
        _label(ax, [end for end in ends if end[0] == x])


def _label(ax, ends: list[tuple[float, float, str, str]], gap: float = 0.062) -> None:
    """Name lines at their ends, moved apart where they would overlap, and centred where they were moved."""
    low, high = ax.get_ylim()
    heights = _spread([(y - low) / (high - low) for _, y, _, _ in ends], gap)
    for (x, y, text, shade), height in zip(ends, heights, strict=True):
        ax.annotate(text, (x, y), xytext=(x + 0.14, low + height * (high - low)), color=shade, va="center",
                    fontsize=7.5, annotation_clip=False,
                    arrowprops={"arrowstyle": "-", "color": shade, "linewidth": 0.5, "shrinkA": 1,
                                "relpos": (0, 0.5)})  # from the text's left end: other texts are not struck out


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights within the axes, at least `gap` apart and in the same order, as near to the given ones as groups can be."""
    order = np.argsort(heights, kind="stable")
    groups: list[list[int]] = []  # each evenly spaced around its mean
    for index in order:
        groups.append([int(index)])
        while len(groups) > 1 and _top(groups[-2], heights, gap) + gap > _top(groups[-1], heights, gap, bottom=True):
            last = groups.pop()
            groups[-1] += last
    found = [0.0] * len(heights)
    for group in groups:
        first = _top(group, heights, gap, bottom=True)
        for place, index in enumerate(group):
            found[index] = first + place * gap
    return found


def _top(group: list[int], heights: Sequence[float], gap: float, bottom: bool = False) -> float:
    half = gap * (len(group) - 1) / 2
    centre = float(np.clip(np.mean([heights[index] for index in group]), min(half + 0.04, 0.5), max(0.98 - half, 0.5)))
    return centre + (-half if bottom else half)


def _is_drawn(cell: Cell | None) -> bool:
    return isinstance(cell, Cell) and bool(np.isfinite(cell.mean))


def _legend(
    figure: matplotlib.figure.Figure, table: pandas.DataFrame, color: str | None, shades: Mapping[str, str],
    said: Mapping[str, str],
) -> None:
    """The styles and colours that occur."""
    drawn = table[table["theirs"].notna() & table["ours"].map(_is_drawn).astype(bool)]
    styles = {STYLES.get(verdict, ":") for verdict in drawn["verdict"]}
    handles = [plt.Line2D([], [], color=COLORS["ink"], linestyle=style, label=LEGEND[style])
               for style in LEGEND if style in styles]
    names = list(dict.fromkeys(table[color])) if color else []
    if len(names) > 1:
        colors = [plt.Line2D([], [], color=shades[name], linewidth=3, label=said.get(name, name)) for name in names]
        handles = colors + handles
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize="small")
