"""How does an attack look? The figures of chapter "Adversarial examples"."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from torch import Tensor

from dbp.plots.style import COLORS, Figure, show_image, theme

__all__ = [
    "accuracy_over_eps", "epsilon_rows", "falls_to_chance", "gradient_step", "loss_over_steps", "reported_and_true",
]

ATTACK_STYLE = {
    "random noise": {"color": COLORS["neutral"], "linestyle": "-"},
    "FGSM": {"color": COLORS["fgsm"], "linestyle": "--"},
    "PGD": {"color": COLORS["pgd"], "linestyle": "-"},
}


def gradient_step(
    image: Tensor, gradient: Tensor, adversarial: Tensor, labels: Sequence[str], *, title: str, alt: str
) -> Figure:
    """A digit, its loss gradient, the gradient's sign, and the digit after one step along that sign.

    Args:
        image, gradient, adversarial: [1, H, W] each; the images in [0, 1].
        labels: four captions, one a panel.
        title: the message, as a sentence.
        alt: what is seen.
    """
    largest = float(gradient.abs().max())
    panels = (
        (image, {}),
        (gradient, {"cmap": "PuOr", "vmin": -largest, "vmax": largest}),
        (gradient.sign(), {"cmap": "PuOr", "vmin": -1.4, "vmax": 1.4}),
        (adversarial, {}),
    )
    with theme():
        figure, axes = plt.subplots(1, 4, figsize=(6.4, 2.3), layout="constrained")
        for ax, (picture, style), label in zip(axes, panels, labels, strict=True):
            show_image(ax, picture, **style)
            ax.set_title(label, fontsize="medium", weight="normal")
        figure.suptitle(title)
    return Figure(figure, alt)


def epsilon_rows(
    rows: Mapping[str, Tensor], predictions: Mapping[str, Tensor], eps: Sequence[float], label: int, *, title: str, alt: str
) -> Figure:
    """One digit under several attacks (rows) at growing budgets (columns), with what the classifier reads.

    Args:
        rows: name to images, [E, 1, H, W], one a budget.
        predictions: name to predicted classes, [E].
        eps: the E budgets, in units of the full pixel range.
        label: the true class; a wrong reading is marked by a cross, a thick frame and colour.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        size = (0.95 * len(eps) + 0.5, 1.24 * len(rows) + 0.5)
        figure, axes = plt.subplots(len(rows), len(eps), figsize=size, layout="constrained", squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items(), strict=True):
            line[0].set_ylabel(name)
            for ax, picture, found in zip(line, pictures, predictions[name].tolist(), strict=True):
                show_image(ax, picture)
                wrong = found != label
                ax.set_xlabel(f"reads {found} {'✗' if wrong else '✓'}", color=COLORS["wrong"] if wrong else COLORS["ink"])
                for side in ax.spines.values():
                    side.set(visible=wrong, color=COLORS["wrong"], linewidth=2.5)
        for ax, budget in zip(axes[0], eps, strict=True):
            ax.set_title(f"ε = {budget:g}", fontsize="medium", weight="normal")
        figure.suptitle(title)
    return Figure(figure, alt)


def loss_over_steps(losses: Mapping[str, Sequence[float]], *, title: str, alt: str) -> Figure:
    """Mean loss after each step of several attacks; a single value is drawn as a level line.

    Args:
        losses: name to the mean loss (nats an example) after 0, 1, 2, ... steps, or to one value.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
        longest = max(len(values) for values in losses.values()) - 1
        for (name, values), style in zip(losses.items(), _line_styles(), strict=False):
            x = range(len(values)) if len(values) > 1 else (0, longest)
            y = values if len(values) > 1 else (values[0], values[0])
            ax.plot(x, y, marker="o" if len(values) > 1 else None, markersize=4, **style)
            ax.annotate(name, (longest, y[-1]), xytext=(5, 0), textcoords="offset points", va="center")
        ax.set(xlabel="steps", ylabel="mean loss [nats]", xlim=(0, longest), ylim=(0, None))
        figure.suptitle(title)
    return Figure(figure, alt)


def accuracy_over_eps(curves: pd.DataFrame, published: pd.DataFrame | None = None, *, title: str, alt: str) -> Figure:
    """Accuracy under attack over the budget, one panel a model, one line an attack, with its interval as a band.

    Args:
        curves: columns model, attack, eps, accuracy, low, high (the last three in percent).
        published: columns model, attack, accuracy (percent) and crossing: the budget at which our curve has that
            accuracy. Drawn as a dotted level with a diamond where our curve meets it.
        title: the message, as a sentence.
        alt: what is seen.
    """
    models = list(curves["model"].unique())
    with theme():
        size = (min(3.2 * len(models), 7.2), 3.3)
        figure, axes = plt.subplots(1, len(models), figsize=size, sharey=True, layout="constrained")
        for ax, model in zip(np.atleast_1d(axes), models, strict=True):
            here = curves[curves["model"] == model]
            for attack, curve in here.groupby("attack", sort=False):
                style = ATTACK_STYLE[attack]
                ax.fill_between(curve["eps"], curve["low"], curve["high"], color=style["color"], alpha=0.2, linewidth=0)
                ax.plot(curve["eps"], curve["accuracy"], **style)
                _label_curve(ax, curve, attack, left=attack == "PGD")
            if published is not None:
                _published(ax, published[published["model"] == model])
            ax.set(xlabel="budget ε", ylim=(-2, 102), xlim=(0, curves["eps"].max()))
            ax.set_title(model, weight="normal")
        np.atleast_1d(axes)[0].set_ylabel("accuracy [%]")
        figure.suptitle(title)
    return Figure(figure, alt)


def reported_and_true(
    ledger: pd.DataFrame, *, title: str, alt: str, labels: tuple[str, str] = ("sound attack", "with the mistake")
) -> Figure:
    """For each row the accuracy that one evaluation reports, joined to what a sounder one finds on the same model.

    Args:
        ledger: columns mistake (the row's name), reported, true (percent), drawn from top to bottom.
        labels: what the two dots are: the sounder evaluation, and the one that reports.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(6.2, 0.38 * len(ledger) + 1.2), layout="constrained")
        rows = np.arange(len(ledger))[::-1]
        ax.hlines(rows, ledger["true"], ledger["reported"], color=COLORS["neutral"], linewidth=2, zorder=1)
        ax.scatter(ledger["true"], rows, color=COLORS["pgd"], zorder=2)
        ax.scatter(ledger["reported"], rows, facecolor="white", edgecolor=COLORS["wrong"], linewidth=2, zorder=2)
        widest = int((ledger["reported"] - ledger["true"]).to_numpy().argmax())
        for column, label, side, color in (("true", labels[0], "left", "pgd"),
                                           ("reported", labels[1], "right", "wrong")):  # fmt: skip
            ax.annotate(label, (ledger[column].iloc[widest], rows[widest]), xytext=(0, 7), textcoords="offset points",
                        ha=side, color=COLORS[color])  # fmt: skip
        ax.set_yticks(rows, ledger["mistake"])
        ax.set(xlabel="accuracy under attack [%]", xlim=(-3, 103), ylim=(-0.6, len(ledger) - 0.4))
        figure.suptitle(title)
    return Figure(figure, alt)


def falls_to_chance(accuracies: Mapping[str, Mapping[float, float]], chance: float, *, title: str, alt: str) -> Figure:
    """Accuracy of several models under the same attack, up to a budget at which no model can do better than chance.

    Args:
        accuracies: name to {budget: accuracy in percent}; names are written at the right end of the lines.
        chance: accuracy of a constant answer, in percent.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(6.2, 3.4), layout="constrained")
        colors = (COLORS["lenet"], COLORS["wrong"], COLORS["fgsm"])
        for (name, curve), color, line in zip(accuracies.items(), colors, ("-", "--", "-."), strict=False):
            eps, accuracy = list(curve), list(curve.values())
            ax.plot(eps, accuracy, color=color, linestyle=line, marker="o", markersize=4)
            ax.annotate(name, (eps[-1], accuracy[-1]), xytext=(7, 0), textcoords="offset points", va="center")
        ax.axhline(chance, color=COLORS["neutral"], linestyle=":", linewidth=1)
        ax.annotate("one answer for all", (0, chance), xytext=(3, 3), textcoords="offset points", color=COLORS["neutral"])
        ax.set(xlabel="budget ε", ylabel="accuracy under PGD [%]", xlim=(0, None), ylim=(-2, 102))
        figure.suptitle(title)
    return Figure(figure, alt)


def _label_curve(ax, curve: pd.DataFrame, name: str, *, left: bool) -> None:
    """The name beside the line, where the curve passes 38 % (or at its end, where it never falls so low).

    Where it does so at once there is no room on its left: then on the right, farther down.
    """
    x = np.interp(-38, -curve["accuracy"], curve["eps"])
    if left and x < 0.2 * curve["eps"].max():
        x, left = np.interp(-12, -curve["accuracy"], curve["eps"]), False
    y = np.interp(x, curve["eps"], curve["accuracy"])
    place = {"xytext": (-7, -4), "ha": "right"} if left else {"xytext": (7, 2), "ha": "left"}
    ax.annotate(name, (x, y), textcoords="offset points", **place)


def _published(ax, rows: pd.DataFrame) -> None:
    for row in rows.itertuples():
        ax.axhline(row.accuracy, color=COLORS["paper"], linestyle=":", linewidth=1)
        ax.plot(row.crossing, row.accuracy, marker="D", color=COLORS["paper"], clip_on=False)
        ax.annotate(f"P1 {row.attack} {row.accuracy:g}", (1, row.accuracy), xycoords=("axes fraction", "data"),
                    xytext=(-3, 3), textcoords="offset points", ha="right", color=COLORS["paper"])  # fmt: skip


def _line_styles():
    return (
        {"color": COLORS["pgd"], "linestyle": "-"},
        {"color": COLORS["fgsm"], "linestyle": "--"},
        {"color": COLORS["neutral"], "linestyle": "-."},
    )
