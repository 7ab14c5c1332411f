"""How does one draw a face? An ellipsoid that turns, features on its surface, hair, light and film noise: `render`.

Every shape is a signed distance, negative inside, painted with an edge about a pixel wide. On pixels only + - * / and
square roots are taken, one at a time and in float32: IEEE 754 rounds those the same on every machine.
"""

import numpy as np
import torch
from torch import Tensor

from dbp.data.standins.people import DRAWS, parameters, rgb

BATCH = 10  # faces painted at once: what fits a processor's cache
BLUSH, SHADOW = (rgb(one).reshape(1, 3, 1, 1) for one in ((268, 184, 184), (204, 255, 268)))
EARRING, WHITE = (rgb(one).reshape(1, 3, 1, 1) for one in ((242, 209, 115), (247, 242, 237)))


def render(count: int, seed: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """Faces, each from random numbers of its own: the first n are the same whatever `count` is.

    Args:
        count: how many, N.
        seed: of the parameters and the film noise.
        size: height and width in pixels.

    Returns:
        Images, uint8 [N, 3, size, size], and labels, uint8 [N]: 1 = smiling.

    Raises:
        ValueError: `count` is below 1 or `size` below 16.
    """
    if count < 1 or size < 16:
        raise ValueError(f"count must be at least 1 and size at least 16, but they are {count} and {size}")
    draws, noise = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    images, labels = np.empty((count, 3, size, size), np.uint8), np.empty(count, np.uint8)
    for start in range(0, count, BATCH):
        rows = min(BATCH, count - start)
        face = parameters(draws.random((rows, DRAWS)))
        grain = noise.random((rows, 1, size, size), np.float32) - np.float32(0.5)
        images[start : start + rows] = np.rint(np.clip(_paint(face, size) + 0.03 * grain, 0, 1) * 255)
        labels[start : start + rows] = face.smiling.reshape(-1)
    return torch.from_numpy(images), torch.from_numpy(labels)


class _Canvas:
    """Pixels [N, 3, size, size], and for each the point of the scene and of the head that it shows, [N, size, size]."""

    def __init__(self, f, size):
        axis = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
        self.x, self.y = axis[None, None, :] / f.zoom, axis[None, :, None] / f.zoom
        self.edge = 2.6 / size
        # The head is an ellipsoid: a pixel sees it at (across, down, z), which lay at (u, v) before the head turned.
        x, y = self.x - f.x, self.y - f.y
        self.across = (f.roll_cos * x + f.roll_sin * y) / f.width
        self.down = (f.roll_cos * y - f.roll_sin * x) / f.height
        z = np.sqrt(np.maximum(1 - _square(self.across) - _square(self.down), 0))
        self.u = self.across * f.yaw_cos - z * f.yaw_sin
        self.v = self.down * f.pitch_cos - (self.across * f.yaw_sin + z * f.yaw_cos) * f.pitch_sin
        self.face_x, self.face_y = self.u * f.width, self.v * f.height
        lambert = np.maximum(self.across * f.light_x + self.down * f.light_y + z * 0.75, 0)
        self.light = (f.ambient + (1.12 - f.ambient) * lambert)[:, None]
        self.skin = f.skin * (1 - (1 - self.light) * SHADOW) + f.warmth[:, None]
        self.hair = _hair(f, self.across, self.down, self.u, lambert)
        self.pixels = _background(f, self.x, self.y)

    def over(self, distance, colour, strength=1.0, edge=None):
        """Paint `colour` where `distance` is negative, a soft `edge` wide (by default about a pixel)."""
        edge = self.edge if edge is None else edge
        rows, columns = ((distance < edge / 2).any(axes).nonzero()[0] for axes in ((0, 2), (0, 1)))
        if len(rows):
            box = np.s_[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # spares two thirds of the work
            inside = np.clip(0.5 - distance[box] / edge, 0, 1)
            inside = (inside * inside * (3 - 2 * inside) * strength)[:, None]
            below = self.pixels[box]
            below += inside * (np.broadcast_to(np.asarray(colour, np.float32), self.pixels.shape)[box] - below)


def _paint(f, size) -> np.ndarray:
    """Faces from `parameters`: float32 [N, 3, size, size], about in [0, 1]."""
    canvas = _Canvas(f, size)
    for paint in (_paint_behind, _paint_skin, _paint_nose, _paint_eyes, _paint_mouth, _paint_front_hair, _paint_glasses):
        paint(canvas, f)
    return canvas.pixels


def _background(f, x, y):
    picture = f.top + (f.bottom - f.top) * np.clip(0.5 + 0.4 * (x * f.slant + y), 0, 1)[:, None]
    for side, colour in ((-1, f.top), (1, f.blob)):
        far = (_square(x - side * f.blob_x) + _square(y - side * f.blob_y)) / _square(f.blob_size)
        picture += 0.7 / _square(1 + far)[:, None] * (colour - picture)
    return picture


def _hair(f, across, down, u, lambert):
    phase = u * f.strands + 0.6 * across + 0.5 * _square(down)
    strand = np.abs(phase - np.floor(phase) - 0.5) + np.abs(1.7 * phase - np.floor(1.7 * phase) - 0.5)
    shine = 1 / (1 + 30 * _square(down + 0.62 + 0.4 * f.light_x * across - 0.2 * _square(across)))
    return f.hair * (0.66 + 0.13 * strand + 0.32 * lambert)[:, None] + (shine * (0.09 + 0.08 * strand))[:, None]


def _paint_behind(c, f):
    """Hair behind the head, shoulders, neck, the chin's shadow, ears."""
    across = c.across + 0.25 * f.yaw_sin
    wave = 1 - f.curls * _ripple(c, f)
    cut = (c.down + 0.9 * np.abs(across) - np.maximum(f.length, 0.1) - 0.85) * f.height
    dome = np.maximum(_dome(across * wave, c.down * wave + 0.05, 1 + f.sides, 1 + f.volume) * f.width, cut)
    fallen = np.abs(across * wave) - (1 + f.sides) * (1 + 0.06 * c.down)
    fallen = np.maximum(fallen, np.maximum(c.down - f.length, -c.down)) * f.width
    c.over(np.minimum(dome, fallen), c.hair * 0.72, f.length > -1.5)
    x, y = c.x - 0.6 * f.x, c.y - f.y - f.height
    c.over(_ellipse(x, y - 0.62, 0.95, 0.6), f.cloth * (1 - 0.25 * _square(x))[:, None])
    c.over(_ellipse(x, y, 0.3, f.neckline + 0.1), f.skin * 0.8)
    c.over(np.maximum(np.abs(x) - 0.5 * f.width, np.abs(y + 0.05) - 0.2), f.skin * 0.7)
    c.over(_ellipse(c.across, c.down - 0.35, 0.7, 0.75) * f.width, f.skin * 0.45, 0.75, 0.16)
    for side in (-1, 1):
        x = c.across - side * f.yaw_cos - 0.25 * f.yaw_sin
        c.over(_ellipse(x, c.down - 0.08, 0.13, 0.2) * f.width, f.skin * 0.8)
        c.over(_ellipse(x, c.down - 0.08, 0.06, 0.11) * f.width, f.skin * 0.6, 0.6)
        c.over(_ellipse(x, c.down - 0.36, 0.06, 0.055) * f.width, EARRING, f.earring)


def _paint_skin(c, f):
    """The head with its jaw, cheeks, and a beard below the cheeks and round the mouth."""
    jaw = 1 - f.jaw * _square(np.maximum(c.down, 0))
    outline = _ellipse(c.across / jaw, c.down, 1, 1) * f.width
    c.over(outline, c.skin)
    for side in (-1, 1):
        cheek = _ellipse(c.face_x - side * 0.27, c.face_y - 0.2, 0.13, 0.1)
        c.over(cheek + 9 * np.maximum(outline, 0), f.skin * BLUSH, f.blush, 0.2)
    c.over(np.maximum(f.mouth_y - 0.06 - 1.6 * _square(c.face_x) - c.face_y, outline), c.hair * 0.8, f.beard * 0.9, 0.1)
    c.over(_ellipse(c.face_x, c.face_y - f.mouth_y + 0.075, 0.16, 0.045), c.hair * 0.8, f.moustache * 0.8, 0.06)


def _paint_nose(c, f):
    """A dark side away from the light, a shadow below, a light tip, nostrils, a light ridge."""
    x, y = c.face_x - 0.05 * f.yaw_sin, c.face_y - f.nose_y
    dark = np.where(f.light_x > 0, -1, 1).astype(np.float32)
    c.over(_ellipse(x - dark * 0.045, y + 0.4 * f.nose_length, 0.03, f.nose_length * 0.7), c.skin * 0.74, 0.7, 0.08)
    c.over(_ellipse(x, y - 0.02, f.nose_width * 1.1, 0.035), c.skin * 0.62, 0.75, 0.06)
    c.over(_ellipse(x, y + 0.02, f.nose_width * 0.75, 0.05), c.skin * 1.06, 0.9, 0.06)
    c.over(_ellipse(np.abs(x) - f.nose_width * 0.55, y - 0.018, 0.018, 0.012), c.skin * 0.35, 0.8)
    c.over(_ellipse(x + dark * 0.01, y + f.nose_length * 0.6, 0.016, f.nose_length * 0.6), c.skin * 1.15, 0.6, 0.06)


def _paint_eyes(c, f):
    """Both at once: x runs outwards from the middle of either eye."""
    side = np.where(c.face_x > 0, 1, -1).astype(np.float32)
    x = np.abs(c.face_x) - f.eye_gap
    y = c.face_y + f.eye_tilt * x
    upper = f.eye_open * (_square(x / f.eye_width) - 1)
    lids = np.maximum(upper - y, y + 0.62 * upper)
    c.over(_ellipse(x, y + 0.035, f.eye_width * 1.2, 0.075), c.skin * 0.72, 0.55, 0.1)
    c.over(lids, WHITE * (0.45 + 0.6 * f.ambient[:, None]))
    iris_x, iris_y = x - f.gaze_x * side, y - f.gaze_y + 0.006
    c.over(np.maximum(_ellipse(iris_x, iris_y, 0.052, 0.052), lids), f.iris)
    c.over(np.maximum(_ellipse(iris_x, iris_y, 0.026, 0.026), lids), 0.04)
    c.over(_ellipse(iris_x + 0.016 * side, iris_y + 0.02, 0.016, 0.016), 1.0, 0.9)
    c.over(np.maximum(np.abs(y - upper) - 0.013, np.abs(x) - f.eye_width), c.skin * 0.22, 0.9)
    brow = c.face_y - f.brow_y + f.brow_tilt * x - f.brow_arch * _square(x)
    c.over(np.maximum(np.abs(brow) - f.brow_thick, np.abs(x - 0.005) - 0.125), f.hair * 0.7 + 0.1 * f.skin, 0.85, 0.05)


def _paint_mouth(c, f):
    """Two parabolas for the opening, two outside of them for the lips."""
    x, y = c.face_x, c.face_y - f.mouth_y
    outward = _square(x / f.mouth_width)
    line, thin, ends = f.curve * (0.45 - outward), 1 - outward, np.abs(x) - f.mouth_width
    top, bottom, lip = line - 0.25 * f.gape * thin, line + f.gape * thin, f.lip * np.maximum(thin, 0)
    c.over(np.maximum(np.maximum(top - lip - y, y - bottom - 1.3 * lip), ends) - 0.004, f.lips * c.light)
    c.over(np.maximum(np.maximum(top - y, y - bottom), ends) - 0.006, f.lips * 0.28, 0.95)
    c.over(np.maximum(np.maximum(top + 0.004 - y, y - line - 0.55 * f.gape * thin), ends + 0.02), WHITE, f.teeth)
    c.over(_ellipse(x, y - 0.12, 0.1, 0.02), c.skin * 0.8, 0.5, 0.06)
    # Smiling lifts the cheeks: a fold from the nose to the corners.
    fold = np.abs(np.abs(x) - f.mouth_width - 0.035 - 0.5 * (y + 0.03)) - 0.008
    c.over(np.maximum(fold, np.abs(y + 0.04) - 0.07), c.skin * 0.72, 0.5 * f.smiling, 0.05)


def _paint_front_hair(c, f):
    """Hair over the forehead and the sides, with its shadow."""
    wave = 1 - f.curls * _ripple(c, f)
    dome = _dome(c.across * wave, c.down * wave + 0.05, 1 + 0.7 * f.sides, 1 + f.volume) * f.width
    hairline = f.hairline + f.fall * _square(_square(c.u)) + f.slope * np.abs(c.u - f.parting)
    below = (c.v - hairline) * f.height
    shadow = np.maximum(below, (np.abs(c.down) - 1) * f.height) - 0.06
    c.over(np.maximum(shadow, dome + 0.03), c.skin * 0.6, 0.7, 0.1)
    cut = (c.down + 0.9 * np.abs(c.across) - f.length - 0.95) * f.height
    c.over(np.maximum(below, np.maximum(dome, cut)), c.hair)


def _paint_glasses(c, f):
    x, y = np.abs(c.face_x), c.face_y
    ring = _ellipse(x - f.eye_gap, y - 0.005, f.lens * 1.12, f.lens * 0.92)
    bridge = np.maximum(np.abs(y + 0.02) - 0.012, x - f.eye_gap + f.lens)
    temple = np.maximum(np.abs(y + 0.03) - 0.012, f.eye_gap + f.lens - x)
    frame = np.minimum(np.abs(ring) - 0.012, np.minimum(bridge, temple))
    c.over(ring, f.frame, f.glasses * f.tint)
    c.over(np.maximum(frame, (np.abs(c.across) - 0.98) * f.width), f.frame, f.glasses)


def _ellipse(x, y, half_width, half_height):
    """About the signed distance to an ellipse at the origin."""
    scale = np.minimum(half_width, half_height).astype(np.float32)  # else of float64, in numpy 2 only
    return (np.sqrt(_square(x / half_width) + _square(y / half_height)) - 1) * scale


def _dome(x, y, half_width, half_height):
    """An ellipse with fuller shoulders: a third of the way to the fourth-power norm."""
    x, y = _square(x / half_width), _square(y / half_height)
    return 0.65 * np.sqrt(x + y) + 0.35 * np.sqrt(np.sqrt(_square(x) + _square(y))) - 1


def _ripple(c, f):
    """Curls: waves of the angle round the head, cos(8 angle) + 0.6 cos(16 angle), by doubling it without a cosine."""
    x, y = _square(c.across + f.twist * c.down), _square(c.down - f.twist * c.across)
    wave = 2 * x / (x + y + 1e-6) - 1  # cos(2 angle)
    for _ in range(2):
        wave = 2 * _square(wave) - 1
    return wave + 0.6 * (2 * _square(wave) - 1)


def _square(x):
    return x * x
