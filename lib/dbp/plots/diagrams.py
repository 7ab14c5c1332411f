"""How is it built? Drawings of networks and of the two backward passes, which several chapters lean on."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import FancyBboxPatch, Polygon
from torch import Tensor, nn

from dbp.plots.style import COLORS, Figure, theme

__all__ = ["autoencoder_scheme", "network_layers", "two_backward_passes"]

FORWARD, FIRST, SECOND = COLORS["ink"], COLORS["plain"], COLORS["penalised"]
PALE = {FORWARD: "#f2f2f2", FIRST: "#dcebf5", SECOND: "#fbe6d8"}


def two_backward_passes(*, title: str, alt: str) -> Figure:
    """Double backpropagation as a plan: a pass to the pixels, and a second one to the weights, back through the first.

    Args:
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = _canvas((7.2, 4.1), (0, 10.4), (-0.85, 5.0))
        _box(ax, (1.0, 4), "image $x$", FORWARD)
        _box(ax, (4.2, 4), "network\nwith weights $w$", FORWARD, width=2.2)
        _box(ax, (7.2, 4), "loss $L$", FORWARD)
        _box(ax, (4.2, 2), "the same network,\nbackwards, same $w$", FIRST, width=2.2)
        _box(ax, (1.0, 2), r"slopes $\nabla_x L$", FIRST)
        _box(ax, (1.0, 0), r"penalty $\|\nabla_x L\|^2$", FIRST, width=1.9)
        _box(ax, (7.2, 0), r"$L + \lambda\,\|\nabla_x L\|^2$", SECOND, width=2.0)
        for start, end, color in (
            ((1.8, 4), (3.1, 4), FORWARD), ((5.3, 4), (6.4, 4), FORWARD),
            ((7.2, 3.58), (5.3, 2), FIRST), ((3.1, 2), (1.8, 2), FIRST), ((1.0, 1.58), (1.0, 0.42), FIRST),
            ((1.95, 0), (6.2, 0), FORWARD), ((7.7, 3.58), (7.7, 0.42), FORWARD),
        ):  # fmt: skip
            _arrow(ax, start, end, color)
        for path in (
            [(8.0, 0.42), (8.0, 4.0)], [(7.2, 4.42), (7.2, 4.72), (4.2, 4.72), (4.2, 4.42)],
            [(6.2, -0.28), (1.95, -0.28)], [(0.6, 0.42), (0.6, 1.58)], [(1.8, 1.72), (3.1, 1.72)],
        ):  # fmt: skip
            _second(ax, path)
        ax.text(4.3, 4.58, "to $w$", color=SECOND, fontsize=9, va="center")
        ax.text(2.45, 1.42, "to $w$", color=SECOND, fontsize=9, va="center", ha="center")
        ax.text(8.3, 3.35, "forward", color=FORWARD, va="center")
        ax.text(8.3, 2.35, "first backward pass:\nto the pixels", color=FIRST, va="center")
        ax.text(8.3, 1.25, "second backward pass:\nto the weights, also\nthrough the first", color=SECOND, va="center")
        figure.suptitle(title)
    return Figure(figure, alt)


def network_layers(networks: Mapping[str, nn.Module], image: Tensor, *, title: str, alt: str) -> Figure:
    """Networks made of layers in a row: one line a network, one box a layer's output, from the image to the logits.

    What is written is what the networks do to the image: the sizes come from running it through them.

    Args:
        networks: name to a network of layers in a row, as `nn.Sequential`.
        image: one image, [1, channels, H, W].
        title: the message, as a sentence.
        alt: what is seen.
    """
    rows = {name: _outputs(network, image) for name, network in networks.items()}
    widest = max(len(row) for row in rows.values())
    with theme():
        figure, ax = _canvas((7.4, 0.55 + 1.25 * len(rows)), (-0.75, 1.45 * widest - 0.35), (-0.75, 1.6 * len(rows) - 0.7))
        for line, (name, row) in enumerate(reversed(rows.items())):
            y, weights = 1.6 * line, sum(parameter.numel() for parameter in networks[name].parameters())
            ax.text(-0.7, y + 0.62, f"{name}  ({weights:,} weights)", weight="bold", va="center")
            for place, (layer, size) in enumerate(row):
                _box(ax, (1.45 * place, y), size, FIRST if 0 < place < len(row) - 1 else FORWARD, width=0.92, height=0.56,
                     fontsize=8)
                if place:
                    _arrow(ax, (1.45 * place - 0.97, y), (1.45 * place - 0.48, y), FORWARD)
                    ax.text(1.45 * place - 0.725, y - 0.36, layer, ha="center", va="top", fontsize=7.5)
        figure.suptitle(title)
    return Figure(figure, alt)


def autoencoder_scheme(pixels: int, latents: int, *, title: str, alt: str) -> Figure:
    """A variational autoencoder as a plan: image, encoder, a distribution, a draw, decoder, reconstruction.

    Args:
        pixels: numbers in an image.
        latents: numbers in a code.
        title: the message, as a sentence.
        alt: what is seen.
    """
    with theme():
        figure, ax = _canvas((7.4, 2.5), (-0.9, 11.9), (-1.5, 1.35))
        _box(ax, (0, 0), f"image\n$x$\n{pixels} pixels", FORWARD, width=1.5, height=1.9)
        _funnel(ax, 1.2, 2.9, 0.95, 0.45, "encoder\n$e$")
        _box(ax, (3.85, 0.48), r"mean $\mu$", FIRST, width=1.3, height=0.7)
        _box(ax, (3.85, -0.48), r"width $\sigma$", FIRST, width=1.3, height=0.7)
        _box(ax, (6.1, 0), f"code\n$z$\n{latents} numbers", SECOND, width=1.5, height=1.15)
        _box(ax, (6.1, -1.25), r"noise $\xi$", FORWARD, width=1.2, height=0.42)
        _funnel(ax, 7.3, 9.0, 0.45, 0.95, "decoder\n$d$")
        _box(ax, (10.6, 0), f"recon-\nstruction\n$x'$\n{pixels} pixels", FORWARD, width=1.5, height=1.9)
        for start, end in (((0.76, 0), (1.2, 0)), ((2.9, 0.1), (3.2, 0.48)), ((2.9, -0.1), (3.2, -0.48)),
                           ((4.5, 0.48), (5.34, 0.15)), ((4.5, -0.48), (5.34, -0.15)), ((6.1, -1.03), (6.1, -0.6)),
                           ((6.86, 0), (7.3, 0)), ((9.0, 0), (9.84, 0))):  # fmt: skip
            _arrow(ax, start, end, FORWARD)
        ax.text(4.98, 1.0, r"$z = \mu + \sigma\,\xi$", ha="center", color=SECOND)
        figure.suptitle(title)
    return Figure(figure, alt)


def _outputs(network: nn.Module, image: Tensor) -> list[tuple[str, str]]:
    """What each layer with weights is, and the size of what it and the layers after it hand on."""
    found, x = [("", _size(image))], image.to(next(network.parameters()).device)
    with torch.no_grad():
        for layer in network:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                side, step = layer.kernel_size[0], layer.stride[0]
                found.append((f"convolution\n{side}×{side}" + (f", step {step}" if step > 1 else ""), _size(x)))
            elif isinstance(layer, nn.Linear):
                found.append(("linear", _size(x)))
            elif isinstance(layer, nn.MaxPool2d):
                found[-1] = (f"{found[-1][0]},\npooled", _size(x))
            elif isinstance(layer, nn.ReLU):
                found[-1] = (f"{found[-1][0]},\nReLU" if "," not in found[-1][0] else f"{found[-1][0]}, ReLU", found[-1][1])
    return found


def _size(x: Tensor) -> str:
    if x.ndim == 2:
        return f"{x.shape[1]}"
    channels, height, width = x.shape[1:]
    return f"{height}×{width}" if channels == 1 else f"{channels} maps\n{height}×{width}"


def _canvas(size: tuple[float, float], across: tuple[float, float], up: tuple[float, float]):
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set(xlim=across, ylim=up)
    ax.set_axis_off()
    return figure, ax


def _box(ax, centre: tuple[float, float], text: str, color: str, *, width: float = 1.6, height: float = 0.84,
         fontsize: float = 9) -> None:
    x, y = centre
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.1",
                                facecolor=PALE[color], edgecolor=color, linewidth=1.3))  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", fontsize=fontsize, color=COLORS["ink"])


def _funnel(ax, left: float, right: float, before: float, after: float, text: str) -> None:
    corners = [(left, -before), (left, before), (right, after), (right, -after)]
    ax.add_patch(Polygon(corners, facecolor=PALE[FIRST], edgecolor=FIRST, linewidth=1.3))
    ax.text((left + right) / 2, 0, text, ha="center", va="center", fontsize=9)


def _arrow(ax, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    style = {"arrowstyle": "-|>", "color": color, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


def _second(ax, path: list[tuple[float, float]]) -> None:
    """A dashed way with an arrow at its end."""
    x, y = np.array(path).T
    ax.plot(x[:-1], y[:-1], color=SECOND, linestyle=(0, (4, 2)), linewidth=1.8)
    ax.annotate("", path[-1], path[-2], arrowprops={"arrowstyle": "-|>", "color": SECOND, "linewidth": 1.8,
                                                    "linestyle": (0, (4, 2)), "shrinkA": 0, "shrinkB": 0})  # fmt: skip
