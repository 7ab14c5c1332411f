"""How does one make a house number? Real MNIST digits, coloured, on pieces of photographs."""

import numpy as np
import torch
from torch import Tensor

PIECES = (2, 182, 289)  # photographs, rows and columns where a 32 x 32 piece can begin
LUMINANCE = np.array([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)  # of red, green and blue (ITU-R BT.601)


def colour_digits(images: Tensor, labels: Tensor, seed: int) -> Tensor:
    """Digits as house numbers: coloured, turned a little, on a piece of a photograph, with cut-off neighbours.

    No two digits get the same piece; nor do any of an even and of an odd seed. A neighbour is never of the digit's own
    class. The digit's luminance is at least 0.38 away from the mean of what it covers.

    Args:
        images: uint8 [N, 1, 28, 28], white on black.
        labels: [N], of at least two classes.
        seed: of every draw.

    Returns:
        uint8 [N, 3, 32, 32].

    Raises:
        ValueError: all labels are the same, or there are more digits than pieces.
    """
    count, pieces = len(images), PIECES[0] * PIECES[1] * PIECES[2] // 2
    if count > pieces or len(labels.unique()) < 2:
        raise ValueError(f"there must be at most {pieces} digits of at least 2 classes, but there are {count} of"
                         f" {len(labels.unique())}")
    rng = np.random.default_rng(seed)
    ground = _photographs(count, seed, rng)
    plate, share = rng.random((count, 3, 1, 1)), rng.uniform(0.3, 0.75, (count, 1, 1, 1))
    digit, neighbours = _masks(images.numpy()[:, 0] / 255.0, labels.numpy(), rng)
    gap, tint = rng.uniform(0.38, 0.6, (count, 1, 1, 1)), rng.random((count, 3, 1, 1))
    pixels = np.empty((count, 3, 32, 32), np.uint8)
    for i in _slices(count):
        house = share[i] * plate[i] + (1 - share[i]) * ground[i]
        luminance = (house * LUMINANCE).sum(1, keepdims=True)
        covered = (luminance * digit[i]).sum((2, 3), keepdims=True) / digit[i].sum((2, 3), keepdims=True)
        colour = _with_luminance(tint[i], np.clip(covered + np.where(covered < 0.5, gap[i], -gap[i]), 0, 1))
        picture = house + np.maximum(digit[i], neighbours[i]) * (colour - house)
        pixels[i] = np.rint(np.clip(picture, 0, 1) * 255)
    return torch.from_numpy(pixels)


def _slices(count: int, step: int = 100) -> list[slice]:
    """Parts of `count` examples that fit a processor's cache."""
    return [slice(start, start + step) for start in range(0, count, step)]


def _photographs(count: int, seed: int, rng) -> np.ndarray:
    """`count` different pieces of the photographs at half their resolution, [count, 3, 32, 32] in [0, 1]."""
    from sklearn.datasets import load_sample_image

    photographs = np.stack([load_sample_image(name) for name in ("china.jpg", "flower.jpg")])  # [2, 427, 640, 3]
    halved = photographs[:, :426].reshape(2, 213, 2, 320, 2, 3).mean((2, 4)) / 255
    deck = 2 * rng.random(np.prod(PIECES) // 2).argsort(kind="stable")[:count] + seed % 2
    places = zip(*np.unravel_index(deck, PIECES), strict=True)
    return np.stack([halved[which, y : y + 32, x : x + 32] for which, y, x in places]).transpose(0, 3, 1, 2)


def _masks(ink: np.ndarray, labels: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """Where the digits are and where their neighbours, each [N, 1, 32, 32] in [0, 1], from ink [N, 28, 28]."""
    count = len(ink)
    centre, half = np.array([_span(one) for one in ink]).T
    stretch = np.stack([rng.uniform(0.95, 1.2, count), rng.uniform(1.15, 1.35, count)], 1)
    turn = rng.uniform(-0.2, 0.2, count)
    digit = _place(ink, centre, np.zeros(count), stretch, turn)
    neighbours = np.zeros_like(digit)
    for side in (-1, 1):
        candidates = (rng.random((count, 16)) * count).astype(int)
        other = candidates[np.arange(count), (labels[candidates] != labels[:, None]).argmax(1)]
        # Clear of the digit, and with at most 6 pixels inside the image.
        distance = half[other] * stretch[:, 0] + np.maximum(half * stretch[:, 0] + rng.uniform(1.5, 3.5, count), 10)
        shown = (rng.random((count, 1, 1)) < 0.8) & (labels[other] != labels)[:, None, None]
        neighbours = np.maximum(neighbours, shown * _place(ink[other], centre[other], side * distance, stretch, turn))
    return digit[:, None], neighbours[:, None]


def _span(ink: np.ndarray) -> tuple[float, float]:
    """Where the middle of the ink is and half its width, in columns of [28, 28]."""
    inked = np.flatnonzero(ink.max(0) > 0.3)
    return (inked[0] + inked[-1]) / 2, (inked[-1] - inked[0] + 1) / 2


def _place(ink, centre, shift, stretch, turn) -> np.ndarray:
    """Draw ink [N, 28, 28] on [N, 32, 32]: stretched by (x, y), turned by radians, `shift` pixels right of the middle."""
    parts = _slices(len(ink))
    if len(parts) > 1:
        return np.concatenate([_place(ink[i], centre[i], shift[i], stretch[i], turn[i]) for i in parts])
    y, x = np.mgrid[:32, :32] - 15.5
    x, y = x[None] - shift[:, None, None], y[None]
    cosine, sine = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    column = (cosine * x + sine * y) / stretch[:, :1, None] + centre[:, None, None]
    row = (cosine * y - sine * x) / stretch[:, 1:, None] + 13.5
    padded = np.pad(ink, ((0, 0), (1, 2), (1, 2)))
    column, row = np.clip(column + 1, 0, 28.999), np.clip(row + 1, 0, 28.999)
    c, r, n = column.astype(int), row.astype(int), np.arange(len(ink))[:, None, None]
    right, low = column - c, row - r
    above = padded[n, r, c] * (1 - right) + padded[n, r, c + 1] * right
    below = padded[n, r + 1, c] * (1 - right) + padded[n, r + 1, c + 1] * right
    return above * (1 - low) + below * low


def _with_luminance(colour, target):
    """`colour` moved towards black or white until its luminance is `target`."""
    found = (colour * LUMINANCE).sum(1, keepdims=True)
    darker = colour * target / np.maximum(found, 1e-6)
    lighter = 1 - (1 - colour) * (1 - target) / np.maximum(1 - found, 1e-6)
    return np.where(target < found, darker, lighter)
