"""How hard is it to fool? The figures of chapter "Attacking an autoencoder" (P1 Sections 2, 5.2 and 5.3)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas
from torch import Tensor

from dbp.plots.dbp_autoencoder import MARKERS
from dbp.plots.style import COLORS, Figure, end_labels, show_image, theme

__all__ = ["area_over_blur", "areas_by_model", "distance_over_distortion", "image_grid"]

NAMES = {"none": "plain", "attached": "attached", "detached": "detached"}  # target to the name of its network


def image_grid(rows: Mapping[str, Tensor], columns: Sequence[str], *, title: str, alt: str) -> Figure:
    """Images in rows that are named at the left, under columns that are named at the top (P1 Figures 1, 2 and 5).

    Args:
        rows: label to images, [N, channels, height, width], in [0, 1].
        columns: N headings; they may be empty.
        title: the message, as a sentence.
        alt: what is seen.
    """
    cell = 6.2 / max(len(columns), 6)
    with theme():
        figure, axes = plt.subplots(
            len(rows), len(columns), squeeze=False, layout="constrained",
            figsize=(max(1.0 + cell * len(columns), 0.1 * len(title)), 0.7 + cell * len(rows)))
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02)
        for line, (name, images) in zip(axes, rows.items(), strict=True):
            for ax, image in zip(line, images, strict=True):
                show_image(ax, image.permute(1, 2, 0).clamp(0, 1))
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for ax, label in zip(axes[0], columns, strict=True):
            ax.set_title(label, fontsize="small", weight="normal")
        figure.suptitle(title)
    return Figure(figure, alt)


def distance_over_distortion(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, shade: str | None = None, points: str | None = None,
    title: str, alt: str,
) -> Figure:
    """Distortion-distortion curves: how near the reconstruction comes to the target, over how much the image was changed.

    Args:
        curves: name, a key of `COLORS` or "straight line", to distortions and normalised distances, in rising order.
        shade: the curve whose area is filled.
        points: the curve whose points are marked.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
        ends = []
        for name, (distortion, distance) in curves.items():
            color, style = (COLORS["neutral"], "--") if name == "straight line" else (COLORS[name], "-")
            ax.plot(distortion, distance, style, color=color, linewidth=1.6, marker="o" if name == points else None,
                    markersize=3.5)
            if name == shade:
                ax.fill_between(distortion, 0, distance, color=color, alpha=0.15, linewidth=0)
            ends.append((distortion[-1], distance[-1], name, color))
        low = min(0.0, *(min(distance) for _, distance in curves.values()))
        ax.set(xlabel="distortion: share of the way from the image to the target", xlim=(0, 1), ylim=(low - 0.03, 1.05),
               ylabel="distance of the reconstruction\nto the target (1: as before, 0: there)")
        end_labels(ax, ends)
        ax.set_title(title, loc="left")
    return Figure(figure, alt)


def areas_by_model(table: pandas.DataFrame, models: Sequence[str], *, title: str, alt: str) -> Figure:
    """P1 Table 2 as a picture: the area of each model without and with DBP, in the paper and here, one panel a space.

    Args:
        table: of `dbp.tables.areas.compare_table2`, for one data set. Where a `pairs` interval is given it is drawn.
        models: of the rows, from the top.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, 2, figsize=(7.2, 0.9 + 0.75 * len(models)), layout="constrained", sharey=True)
        for ax, space in zip(axes, ("latent", "output"), strict=True):
            for place, model in enumerate(models):
                part = table[(table["model"] == model) & (table["space"] == space)].set_index("target")
                ends = [part.loc[target, "theirs"].mean for target in ("none", "attached")]
                ax.annotate("", (ends[1], place - 0.22), (ends[0], place - 0.22), arrowprops={
                    "arrowstyle": "->", "color": COLORS["paper"], "shrinkA": 0, "shrinkB": 0})
                for shift, (target, name) in enumerate(NAMES.items()):
                    row = part.loc[target]
                    if row["ours"] is None:
                        continue
                    height = place + 0.16 * shift
                    if row["pairs"]:
                        ax.plot(row["pairs"], (height, height), color=COLORS[name], linewidth=1)
                    ax.plot(row["ours"].mean, height, MARKERS.get(name, "*"), color=COLORS[name], markersize=7)
            ax.set(xlabel=f"AUDDC, {space} space", yticks=range(len(models)), yticklabels=models, xlim=(0, 1))
            ax.tick_params(axis="y", length=0)
            ax.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes[0].set_ylim(len(models) - 0.35, -0.5)
        handles = [plt.Line2D([], [], color=COLORS["paper"], label="the paper, without → with DBP")]
        handles += [plt.Line2D([], [], marker=MARKERS.get(name, "*"), linestyle="", color=COLORS[name], label=name)
                    for name in NAMES.values()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        figure.suptitle(title)
    return Figure(figure, alt)


def area_over_blur(
    paths: Mapping[str, pandas.DataFrame], measures: Mapping[str, str], *, start_name: str = "plain", title: str, alt: str
) -> Figure:
    """Area against reconstruction loss, a line a method, a mark a strength, one panel a measure.

    Args:
        paths: method, as `dbp.tables.controls.trace_paths` names them, to runs with `strength`, `reconstruction` (nats a
            pixel) and the measures; bars are one standard deviation over seeds.
        measures: column to the panel's heading.
        start_name: of the network that all lines begin at.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, axes = plt.subplots(1, len(measures), figsize=(7.2, 3.6), layout="constrained", sharey=True, squeeze=False)
        for ax, (measure, heading) in zip(axes[0], measures.items(), strict=True):
            ends = []
            for name, runs in paths.items():
                columns = runs.groupby("strength")[["reconstruction", measure]]
                mean, spread = columns.mean().dropna(), columns.std().fillna(0)
                if mean.empty:  # all of them collapsed
                    continue
                ax.errorbar(mean["reconstruction"], mean[measure], yerr=spread.loc[mean.index, measure], color=COLORS[name],
                            marker=MARKERS[name], markersize=4.5, linewidth=1.2, elinewidth=0.8)
                ends.append((*mean.iloc[-1], name, COLORS[name]))
                start = mean.iloc[0]  # the same for all methods: without any of them
                ax.plot(*start, "*", color=COLORS["plain"], markersize=12, zorder=5)
            if ends:
                ax.margins(x=0.12)
                low, high = ax.get_xlim()
                ax.set_xlim(low - 0.4 * (high - low), high)  # room for the name
                ax.annotate(start_name, tuple(start), xytext=(-9, 0), textcoords="offset points", color=COLORS["plain"],
                            ha="right", va="center")
            ax.set_title(heading, fontsize="medium", weight="normal")
            ax.set_xlabel("reconstruction loss (nats a pixel)")
            if measure == list(measures)[-1]:
                end_labels(ax, ends, gap=0.07)
        axes[0, 0].set_ylabel("AUDDC (harder to attack ↑)")
        figure.suptitle(title)
    return Figure(figure, alt)
