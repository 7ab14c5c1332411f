"""What is in a code? The figures of chapter "What is a code?" (P1 Section 2)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patheffects import withStroke
from torch import Tensor

from dbp.plots.style import COLORS, Figure, end_labels, show_image, theme

__all__ = ["bound", "knobs", "learning_curve", "neighbours", "reconstruction_rows"]

CHOSEN = COLORS["wrong"]  # of what was looked for


def bound(mu: Tensor, elbo: Mapping[float, Tensor], log_p: float, *, title: str, alt: str) -> Figure:
    """The lower bound of P1 Eq. (4) over the encoder's mean, a line a width, under what it bounds.

    Args:
        mu: means of q(z|x), [N].
        elbo: standard deviation of q(z|x) to the bound at every mean, in nats, [N].
        log_p: log p(x), in nats, drawn as a level line.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
        ax.axhline(log_p, color=COLORS["ink"], linestyle="--")
        ax.annotate("log p(x)", (float(mu[0]), log_p), xytext=(2, 4), textcoords="offset points")
        ends = []
        for (sigma, values), color in zip(elbo.items(), ("plain", "fgsm", "logits"), strict=False):
            ax.plot(mu, values, color=COLORS[color], linewidth=2)
            ends.append((float(mu[-1]), float(values[-1]), f"σ = {sigma:g}", COLORS[color]))
        ax.set(xlabel="mean of the code, μ", ylabel="lower bound (nats)", xlim=(float(mu[0]), float(mu[-1])))
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.1 * (high - low))
        end_labels(ax, ends)
        ax.set_title(title)
    return Figure(figure, alt)


def learning_curve(history: Sequence[Mapping], mean_image: float, *, title: str, alt: str) -> Figure:
    """The two terms of the bound over the epochs, one on top of the other, in nats an image.

    Args:
        history: of `dbp.training.fit_autoencoder`, with a probe `test`, the sum of both terms on test images.
        mean_image: reconstruction loss, in nats an image, of answering every image with the mean one.
        title: the message, as a sentence.
        alt: what is seen.
    """
    epochs = [row["epoch"] for row in history[1:]]
    loss, kl, test = (np.array([row[name] for row in history[1:]]) for name in ("reconstruction", "kl", "test"))
    with theme():
        figure, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
        ends = []
        for low, high, name, color in ((0 * loss, loss, "reconstruction", "plain"), (loss, loss + kl, "KL", "fgsm")):
            ax.fill_between(epochs, low, high, color=COLORS[color], alpha=0.45, linewidth=0)
            ends.append((epochs[-1], (low + high)[-1] / 2, name, COLORS["ink"]))
        ax.plot(epochs, test, color=COLORS["ink"], linewidth=1.6)
        ends.append((epochs[-1], max(test[-1], (loss + kl)[-1]), "both, on\ntest digits", COLORS["ink"]))
        ax.axhline(mean_image, color=COLORS["neutral"], linestyle="--", linewidth=1)
        ax.annotate("the mean image for all", (epochs[-1], mean_image), xytext=(0, 4), textcoords="offset points",
                    color=COLORS["neutral"], ha="right")
        ax.set(xlabel="epoch", ylabel="nats an image", ylim=(0, 1.25 * mean_image), xlim=(min(epochs), max(epochs)))
        end_labels(ax, ends, gap=0.12)
        ax.set_title(title)
    return Figure(figure, alt)


def knobs(kl: Tensor, least: float, walks: Mapping[int, Tensor], *, title: str, alt: str) -> Figure:
    """What each latent costs, largest first, and what turning some of them does to one image.

    Args:
        kl: mean KL divergence of each latent, in nats, [D].
        least: nats from which on a latent counts as in use; the others are grey.
        walks: latent to the images that turning it gives, [N, 1, H, W], in [0, 1].
        title: the message, as a sentence.
        alt: what is seen.
    """
    order = kl.argsort(descending=True)
    ranks = {int(latent): rank for rank, latent in enumerate(order, 1)}
    with theme():
        figure = plt.figure(figsize=(7.2, 0.5 + 0.55 * len(walks)), layout="constrained")
        grid = figure.add_gridspec(len(walks), 2, width_ratios=(1, 1.15))
        left = figure.add_subplot(grid[:, 0])
        colors = [COLORS["plain"] if kl[latent] >= least else COLORS["neutral"] for latent in order]
        left.bar(range(1, len(kl) + 1), kl[order].numpy(), color=colors)
        left.set(xlabel="latent, by rank", ylabel="KL (nats an image)")
        idle = int((kl < least).sum())
        if idle:
            left.annotate(f"{idle} idle", (len(kl) + 0.5 - idle / 2, 0), xytext=(0, 5), textcoords="offset points",
                          color=COLORS["neutral"], ha="center")
        for line, (latent, images) in enumerate(walks.items()):
            ax = figure.add_subplot(grid[line, 1])
            show_image(ax, torch.cat(list(images[:, 0]), dim=1))
            ax.set_ylabel(f"latent\n{ranks[latent]}", rotation=0, ha="right", va="center",
                          color=COLORS["plain"] if kl[latent] >= least else COLORS["neutral"])
        figure.suptitle(title)
    return Figure(figure, alt)


def neighbours(
    pictures: Mapping[str, tuple[Tensor, Tensor, float]], pairs: Mapping[str, Tensor], *, title: str, alt: str
) -> Figure:
    """An image and its near neighbours, what each is reconstructed as, and how far the codes lie apart.

    Args:
        pictures: name to (image, reconstruction, distance of its code from the first one's); images [1, H, W].
        pairs: name to the distances of codes between pairs of images, [P].
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure = plt.figure(figsize=(7.2, 5), layout="constrained")
        grid = figure.add_gridspec(3, len(pictures), height_ratios=(1, 1, 1.1))
        for column, (name, (image, reconstruction, _)) in enumerate(pictures.items()):
            for line, (picture, label) in enumerate(((image, "the image"), (reconstruction, "its recon-\nstruction"))):
                ax = figure.add_subplot(grid[line, column])
                show_image(ax, picture)
                if line == 0:
                    ax.set_title(name, fontsize="medium", weight="normal")
                if column == 0:
                    ax.set_ylabel(label, rotation=0, ha="right", va="center")
        ax = figure.add_subplot(grid[2, :])
        bins = np.linspace(0, max(float(part.max()) for part in pairs.values()), 60)
        for (name, part), color, side in zip(pairs.items(), ("detached", "plain"), ("right", "left"), strict=True):
            heights, _, _ = ax.hist(part, bins, density=True, color=COLORS[color], alpha=0.4)
            slope = np.flatnonzero(heights > heights.max() / 2)[0 if side == "right" else -1]  # named on its outer side
            ax.annotate(name, (bins[slope + (side == "left")], heights.max() / 2), xytext=(-6 if side == "right" else 6, 0),
                        textcoords="offset points", color=COLORS[color], ha=side, zorder=3,
                        path_effects=[withStroke(linewidth=4, foreground="white")])  # fmt: skip
        lines = sorted((distance, name) for name, (_, _, distance) in list(pictures.items())[1:])
        for distance, name in lines:
            side = "left" if (distance, name) == lines[-1] else "right"
            ax.axvline(distance, color=CHOSEN, linewidth=1.5)
            ax.annotate(name, (distance, 1), xycoords=("data", "axes fraction"), xytext=(4 if side == "left" else -4, -2),
                        textcoords="offset points", color=CHOSEN, va="top", ha=side)
        ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
        ax.set(xlabel="distance of two codes, ‖μ − μ′‖", yticks=[], xlim=(0, None))
        ax.spines["left"].set_visible(False)
        figure.suptitle(title)
    return Figure(figure, alt)


def reconstruction_rows(rows: Mapping[str, Tensor], *, title: str, alt: str) -> Figure:
    """Images and what autoencoders make of them, a row a network (P1 Figures 2 and 4).

    Args:
        rows: label to images, [N, channels, height, width], in [0, 1]; N is the same for all.
        title: the message, as a sentence.
        alt: what is seen.
    """
    count = len(next(iter(rows.values())))
    with theme():
        figure, axes = plt.subplots(len(rows), 1, figsize=(7.2, 0.55 + len(rows) * 6 / count), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12)
        for ax, (name, images) in zip(np.atleast_1d(axes), rows.items(), strict=True):
            strip = torch.cat(list(images.detach().cpu().clamp(0, 1)), dim=2).permute(1, 2, 0)  # [height, N width, channels]
            show_image(ax, strip)
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
        figure.suptitle(title)
    return Figure(figure, alt)
