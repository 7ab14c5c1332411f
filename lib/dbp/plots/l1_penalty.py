"""How does the L1 penalty act? The figures of chapter "A flat network" (P2 Figure 1 and Table 2)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt

from dbp.plots.style import COLORS, Figure, end_labels, line_panels, theme
from dbp.tables.cells import Cell

__all__ = ["attack_ladder", "ideal_progress", "lambda_path", "segment"]

PROGRESS = {
    "delta": "how far the outputs move,\nfrom x to its twin",
    "norm_clean": "slope at x\n(L1 norm of the Jacobian)",
    "norm_adversarial": "slope at the twin\n(L1 norm of the Jacobian)",
}


def ideal_progress(
    histories: Mapping[str, Sequence[dict]], *, title: str, alt: str, panels: Mapping[str, str] = PROGRESS
) -> Figure:
    """P2 Figure 1 as measured, epoch by epoch: the outputs' distance and the slopes at both ends, or other measures.

    Args:
        histories: method to the history of `dbp.training.fit_classifier` with the probe `flatness_probe`; the names are
            keys of `COLORS`.
        panels: measure to the heading of its panel.
        title: the message, as a sentence.
        alt: what is seen.
    """
    points = {label: {name: ([row["epoch"] for row in history], [row[measure] for row in history])
                      for name, history in histories.items()} for measure, label in panels.items()}
    return Figure(line_panels(points, xlabel="epoch", title=title), alt)


def segment(curves: Mapping[str, Mapping[int, Sequence[float]]], eps: float, *, title: str, alt: str) -> Figure:
    """P2 Figure 1 for one image: an output on the way from x to its adversarial twin, one panel an epoch.

    Args:
        curves: method to epoch to the output (a probability) at evenly spaced points of the way; the names are keys of
            `COLORS`, and the epochs are the same for all.
        eps: length of the way, L-infinity, in units of the pixel range.
        title: the message, as a sentence.
        alt: what is seen.
    """
    epochs = list(next(iter(curves.values())))
    with theme():
        figure, axes = plt.subplots(1, len(epochs), figsize=(7.2, 2.5), sharey=True, layout="constrained")
        for ax, epoch in zip(axes, epochs, strict=True):
            for (name, course), line in zip(curves.items(), ("-", "--"), strict=False):
                way = [eps * step / (len(course[epoch]) - 1) for step in range(len(course[epoch]))]
                ax.plot(way, course[epoch], line, color=COLORS[name], label=name)
            ax.set_title(f"epoch {epoch}", fontsize="medium", weight="normal")
            ax.set(ylim=(-0.03, 1.03), xticks=[0, eps], xticklabels=["x", "x + εv"])
        axes[0].set_ylabel("probability of\nthe true class")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def lambda_path(
    theirs: Mapping[float, Cell], ours: Mapping[str, Mapping[float, Cell]], *, ylabel: str, title: str, alt: str
) -> Figure:
    """An accuracy over lambda: one panel a reading of the penalty, with the paper's own points behind each.

    Args:
        theirs: lambda to the published cell, in percent.
        ours: reading to its cells, lambda to mean and spread over seeds, in percent; lambda = 0 stands for no penalty.
        ylabel: what is measured.
        title: the message, as a sentence.
        alt: what is seen.
    """
    lambdas = sorted({lam for cells in ours.values() for lam in cells} | set(theirs))
    place = {lam: position for position, lam in enumerate(lambdas)}  # evenly spaced: 0 has no place on a log axis
    with theme():
        figure, axes = plt.subplots(1, len(ours), figsize=(7.2, 2.9), sharey=True, layout="constrained", squeeze=False)
        for ax, (name, cells) in zip(axes[0], ours.items(), strict=True):
            _points(ax, place, theirs, COLORS["paper"], "s", "the paper")
            _points(ax, place, cells, COLORS["penalised"], "o", "ours")
            ax.set_title(name, fontsize="medium", weight="normal")
            ax.set_xticks(list(place.values()), [f"{lam:g}" for lam in lambdas])
            ax.set(xlabel="λ", ylim=(0, None))
        axes[0, 0].set_ylabel(ylabel)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
        figure.suptitle(title)
    return Figure(figure, alt)


def attack_ladder(
    cells: Mapping[tuple[str, str], Mapping[float, Cell]], *, title: str, alt: str,
    labels: Mapping[tuple[str, str], str] | None = None,
) -> Figure:
    """Accuracy over lambda under a weaker and a stronger attack, one line a network and attack.

    Args:
        cells: (outputs, attack) to its cells, lambda to mean and spread over seeds, in percent; the outputs ("softmax",
            "logits") give the colour, and the line is dashed for "FGSM".
        labels: what to write at the end of a line, where its attack's name does not say enough.
        title: the message, as a sentence.
        alt: what is seen.
    """
    lambdas = sorted({lam for line in cells.values() for lam in line})
    place = {lam: position for position, lam in enumerate(lambdas)}
    several = len({outputs for outputs, _ in cells}) > 1
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
        ends = []
        for (outputs, attack), line in cells.items():
            weak = attack == "FGSM"
            _points(ax, place, line, COLORS[outputs], "s" if weak else "o", attack, "--" if weak else "-")
            name = (labels or {}).get((outputs, attack), f"{outputs}, {attack}" if several else attack)
            ends.append((place[max(line)], line[max(line)].mean, name, COLORS[outputs]))
        ax.set_xticks(list(place.values()), [f"{lam:g}" for lam in lambdas])
        ax.set(xlabel="λ", ylabel="accuracy in %", ylim=(0, 100))
        end_labels(ax, ends)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def _points(ax, place, cells: Mapping[float, Cell], color: str, marker: str, label: str, linestyle: str = "-") -> None:
    lambdas = sorted(cells)
    ax.errorbar([place[lam] for lam in lambdas], [cells[lam].mean for lam in lambdas],
                yerr=[cells[lam].std or 0 for lam in lambdas], color=color, marker=marker, markersize=4,
                capsize=2, linewidth=1.2, label=label, linestyle=linestyle)
