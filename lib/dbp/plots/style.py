"""How does every figure look? One theme, one colour a method in the whole book, and an alt text that travels along."""

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager

import matplotlib.figure
import matplotlib.pyplot as plt
from matplotlib.image import AxesImage
from torch import Tensor

__all__ = ["COLORS", "Figure"]

# Okabe and Ito's colours, which readers with any kind of colour blindness can tell apart; the same method has the same
# colour in the whole book.
COLORS = {
    "plain": "#0072B2",
    "penalised": "#D55E00",
    "softmax": "#D55E00",
    "logits": "#7B3FA0",
    "attached": "#D55E00",
    "detached": "#009E73",
    "KL weight": "#CC79A7",
    "weight decay": "#56B4E9",
    "input noise": "#E69F00",
    "FGSM training": "#0072B2",
    "with the penalty": "#D55E00",
    "paper": "#767676",
    "fgsm": "#E69F00",
    "pgd": "#D55E00",
    "mlp": "#0072B2",
    "lenet": "#009E73",
    "wrong": "#AA3377",
    "neutral": "#767676",
    "ink": "#222222",
}

THEME = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#555555",
    "axes.labelcolor": COLORS["ink"],
    "text.color": COLORS["ink"],
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "figure.titleweight": "bold",
    "figure.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "image.cmap": "gray",
}


@contextmanager
def theme():
    """Draw in the book's style inside of `with theme():`; matplotlib's own settings are as before afterwards."""
    with plt.rc_context(THEME):
        yield


def show_image(ax, image: Tensor, **style) -> AxesImage:
    """Draw an image without axes, with nearest-neighbour pixels.

    Args:
        ax: the axes.
        image: [H, W] or [H, W, 3], also with further dimensions of size 1.
        style: of `imshow`; by default grey, from 0 (black) to 1 (white).

    Returns:
        What a colour bar needs.
    """
    shown = ax.imshow(image.detach().squeeze().cpu().numpy(), interpolation="nearest",
                      **style or {"cmap": "gray", "vmin": 0, "vmax": 1})
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return shown


def end_labels(ax, ends: list[tuple[float, float, str, str]], gap: float = 0.075) -> None:
    """Name lines at their right ends, moved apart where they would overlap.

    Args:
        ax: the axes, with their final limits.
        ends: (x, y, text, colour) of each line's last point.
        gap: least distance between two labels, as a share of the axes' height.
    """
    low, high = ax.get_ylim()
    floor = -float("inf")
    for x, y, text, color in sorted(ends, key=lambda end: end[1]):
        floor = max((y - low) / (high - low), floor + gap)
        ax.annotate(text, (x, low + floor * (high - low)), xytext=(7, 0), textcoords="offset points", color=color,
                    va="center", annotation_clip=False)


def strength_axis(ax, strengths: Iterable[float]) -> Callable[[float], float]:
    """A logarithmic axis of strengths, on which 0 stands at the left end, before the axis begins.

    Args:
        ax: the axes.
        strengths: all that are drawn; each is a tick.

    Returns:
        A strength to its place on the axis.
    """
    strengths = sorted(set(strengths))
    least = min(strength for strength in strengths if strength > 0) / 4
    ax.set_xscale("log")
    ax.set_xticks([strength or least for strength in strengths], [f"{strength:g}" for strength in strengths], minor=False)
    ax.minorticks_off()
    return lambda strength: strength or least


def accuracy_rows(ax, names: Sequence[str], title: str) -> None:
    """Axes of accuracies in percent under all attacks, a named row each, the first on top."""
    ax.set(xlabel="right under all attacks, in %", yticks=range(len(names)), yticklabels=names,
           ylim=(len(names) - 0.5, -0.5), xlim=(-3, 103))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    ax.set_title(title, loc="left")


def line_panels(
    panels: Mapping[str, Mapping[str, tuple[Sequence, Sequence]]], *, xlabel: str, title: str
) -> matplotlib.figure.Figure:
    """Panels side by side, each from zero up, with a line a method that is named at its end.

    Args:
        panels: heading of the panel to the methods' names, keys of `COLORS`, and their points: whole numbers and values.
        xlabel: what the whole numbers count.
        title: the message, as a sentence.
    """
    with theme():
        figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 2.8), layout="constrained", squeeze=False)
        for ax, (label, lines) in zip(axes[0], panels.items(), strict=True):
            for name, (places, values) in lines.items():
                ax.plot(places, values, color=COLORS[name], marker="o", markersize=3)
            ax.set(xlabel=xlabel, ylim=(0, None))
            ax.set_title(label, fontsize="medium", weight="normal")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ends = [(places[-1], values[-1], name, COLORS[name]) for name, (places, values) in lines.items()]
            end_labels(ax, ends, gap=0.09)
        figure.suptitle(title)
    return figure


class Figure:
    """A finished figure with its alt text: what is seen, for those who do not see it.

    In a notebook it shows as an HTML image with that alt text, on a light ground of its own, so that it can be read on a
    dark page too.

    Args:
        figure: a matplotlib figure; it is closed, so that it is not shown twice.
        alt: what is seen; not "figure".

    Raises:
        ValueError: an alt text that is too short to say anything.
    """

    DPI = 150

    def __init__(self, figure: matplotlib.figure.Figure, alt: str) -> None:
        if len(alt.split()) < 5:
            raise ValueError(f"alt must say in a few words what is seen, but is {alt!r}")
        self.figure, self.alt = figure, " ".join(alt.split())
        plt.close(figure)

    def png(self) -> bytes:
        """The picture, without the date that would make two equal pictures differ."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=self.DPI, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        width = round(self.figure.get_figwidth() * 100)
        data = base64.b64encode(self.png()).decode()
        style = f"width:{width}px;max-width:100%;height:auto;background:white;border-radius:6px;padding:6px"
        return f'<img alt="{html.escape(self.alt, quote=True)}" style="{style}" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return f"[Figure: {self.alt}]"
