"""Who is drawn? People from random numbers: pose, skin and hair, features, what they wear, light and background."""

from types import SimpleNamespace

import numpy as np

DRAWS = 128  # random numbers a face; some are left for later


def rgb(*colours) -> np.ndarray:
    """Colours of 0 to 255 as float32 in [0, 1], a row each."""
    return np.array(colours, np.float32) / np.float32(255)


# Light to dark; faces are drawn between neighbours. Of the hair the last is grey.
SKIN = rgb((255, 226, 203), (246, 205, 172), (229, 179, 138), (202, 145, 102), (158, 103, 68), (112, 70, 48), (74, 47, 35))
HAIR = rgb((222, 186, 112), (172, 126, 74), (134, 68, 36), (112, 62, 32), (76, 46, 28), (44, 28, 22), (22, 18, 18),
           (176, 174, 172))
IRIS = rgb((110, 130, 140), (70, 116, 160), (80, 110, 70), (96, 62, 30), (70, 42, 24))
LIPS = rgb((196, 96, 90), (170, 60, 70), (200, 40, 60), (150, 70, 66))
BARE_LIPS = rgb((209, 153, 153)).reshape(1, 3, 1, 1)

# A hair style a row: volume on top and at the sides, length below the eyes, hairline at the middle, how fast it falls to
# the sides, curls; then how often women and men wear it. Units are half head heights (or widths), down is positive.
STYLES = np.array([
    (0.00, 0.00, -2.0, -3.00, 0.0, 0.00, 0.00, 0.14),  # bald
    (0.14, 0.04, -0.1, -0.60, 0.6, 0.00, 0.10, 0.42),  # short
    (0.10, 0.05, 0.00, -0.72, 0.6, 0.01, 0.00, 0.16),  # receding
    (0.18, 0.16, 0.55, -0.30, 1.6, 0.00, 0.25, 0.04),  # fringe and bob
    (0.14, 0.18, 1.60, -0.62, 2.4, 0.00, 0.30, 0.06),  # long
    (0.26, 0.22, 0.10, -0.58, 0.8, 0.05, 0.10, 0.18),  # short curls
    (0.24, 0.34, 1.30, -0.58, 2.2, 0.05, 0.17, 0.00),  # long curls
    (0.10, 0.04, 0.00, -0.68, 0.5, 0.00, 0.08, 0.00),  # tied back
])


def parameters(draws: np.ndarray) -> SimpleNamespace:
    """What the faces are made of.

    Args:
        draws: uniform in [0, 1), [N, DRAWS].

    Returns:
        Numbers, float32 [N, 1, 1], lengths in half an unzoomed image; and colours, float32 [N, 3, 1, 1] in [0, 1].
    """
    draw, f = _Draws(draws), SimpleNamespace()
    f.smiling, f.feminine = draw.chance(0.5), draw.chance(0.5)
    _draw_pose(draw, f)
    _draw_skin_and_hair(draw, f)
    _draw_features(draw, f)
    _draw_surroundings(draw, f)
    return SimpleNamespace(**{key: value.astype(np.float32) for key, value in vars(f).items()})


class _Draws:
    """Hands out the columns of [N, DRAWS] uniform numbers, one after the other."""

    def __init__(self, draws: np.ndarray):
        self.columns = iter(draws.T[:, :, None, None])

    def between(self, low, high):
        return low + (high - low) * next(self.columns)

    def chance(self, share):
        return next(self.columns) < share

    def colour(self, low, high):
        """Half way to a grey: few things are of a pure colour."""
        grey = self.between(low, high)[:, None]
        return 0.45 * grey + 0.55 * np.stack([self.between(low, high) for _ in range(3)], 1)


def _draw_pose(draw, f):
    f.yaw, f.pitch, f.roll = draw.between(-0.55, 0.55), draw.between(-0.16, 0.2), draw.between(-0.13, 0.13)
    f.width, f.height, f.jaw = draw.between(0.47, 0.56), draw.between(0.62, 0.69), draw.between(0.12, 0.3)
    # As in CelebA the eyes stay about where they are when the head turns.
    f.x = draw.between(-0.025, 0.025) - 0.75 * f.width * np.sin(f.yaw)
    f.y = draw.between(0.02, 0.06) - 0.8 * f.height * np.sin(f.pitch)
    f.zoom = draw.between(1.12, 1.26)
    for angle in ("yaw", "pitch", "roll"):
        setattr(f, f"{angle}_sin", np.sin(getattr(f, angle)))
        setattr(f, f"{angle}_cos", np.cos(getattr(f, angle)))


def _draw_skin_and_hair(draw, f):
    tone = draw.between(0, 1)
    tone = tone * (0.5 + 0.5 * tone)
    f.skin = _shade(SKIN, tone) * (1 + draw.colour(-0.03, 0.03))
    # As a rule, the darker the skin, the darker the hair and the eyes.
    hair = _shade(HAIR[:-1], 1 - draw.between(0, 1) * np.clip(1.25 - tone, 0.2, 1))
    f.hair = np.where(draw.chance(0.1)[:, None], HAIR[-1].reshape(1, 3, 1, 1), hair) * (1 + draw.colour(-0.06, 0.06))
    f.iris = _shade(IRIS, 1 - draw.between(0, 1) * np.clip(1.3 - tone, 0.25, 1))
    women, men = np.cumsum(STYLES[:, 6:], 0).T[:, :-1]
    pick = draw.between(0, 1)
    style = STYLES[np.where(f.feminine, np.searchsorted(women, pick), np.searchsorted(men, pick))[:, 0, 0], :6]
    f.volume, f.sides, f.length, f.hairline, f.fall, f.curls = style.T[:, :, None, None]
    f.volume = f.volume * draw.between(0.7, 1.3)
    f.hairline, f.length = f.hairline + draw.between(-0.06, 0.06), f.length + draw.between(-0.15, 0.15)
    f.parting, f.slope = draw.between(-0.5, 0.5), draw.between(0, 0.35) * (f.hairline < -0.4)
    f.strands, f.twist = draw.between(4, 7), draw.between(-0.4, 0.4)


def _draw_features(draw, f):
    f.eye_gap, f.eye_width, f.eye_tilt = draw.between(0.195, 0.235), draw.between(0.105, 0.13), draw.between(-0.12, 0.2)
    f.eye_open = draw.between(0.05, 0.085) - 0.012 * f.smiling
    f.gaze_x, f.gaze_y = draw.between(-0.028, 0.028), draw.between(-0.008, 0.012)
    f.brow_y, f.brow_tilt, f.brow_arch = draw.between(-0.15, -0.115), draw.between(-0.12, 0.2), draw.between(0, 2.5)
    f.brow_thick = draw.between(0.012, 0.03) - 0.008 * f.feminine
    f.nose_y, f.nose_width, f.nose_length = draw.between(0.19, 0.24), draw.between(0.05, 0.085), draw.between(0.14, 0.2)
    f.mouth_y, f.mouth_width = draw.between(0.37, 0.42), draw.between(0.12, 0.15) + 0.065 * f.smiling
    f.curve = np.where(f.smiling, draw.between(0.07, 0.12), draw.between(-0.022, 0.02))
    grin, agape = draw.chance(0.75) * draw.between(0.05, 0.1), draw.chance(0.15) * draw.between(0.02, 0.06)
    f.gape, f.teeth = np.where(f.smiling, grin, agape), f.smiling & (grin > 0)
    painted = (f.feminine * draw.between(0, 0.8))[:, None]
    f.lip, lipstick = draw.between(0.022, 0.04), _shade(LIPS, draw.between(0, 1))
    f.lips = f.skin * BARE_LIPS * (1 - painted) + lipstick * painted * (0.6 + 0.4 * f.skin)
    f.blush = draw.between(0, 0.25)
    f.beard = (~f.feminine & draw.chance(0.4)) * draw.between(0.5, 1)
    f.moustache = np.maximum(f.beard, (~f.feminine & draw.chance(0.08)) * 0.9)


def _draw_surroundings(draw, f):
    """What is worn, the light, the background."""
    f.glasses, f.frame, f.lens = draw.chance(0.17), draw.colour(0.02, 0.45), draw.between(0.095, 0.135)
    f.tint = np.where(draw.chance(0.15), 0.75, 0.06)
    f.earring = f.feminine & draw.chance(0.35)
    f.cloth, f.neckline = draw.colour(0.05, 0.95), draw.between(0.1, 0.3)
    f.light_x, f.light_y = draw.between(-0.8, 0.8), draw.between(-0.7, -0.1)
    f.ambient, f.warmth = draw.between(0.5, 0.66), draw.between(-0.015, 0.015)
    f.top, f.bottom, f.slant = draw.colour(0.1, 0.95), draw.colour(0.1, 0.95), draw.between(-1, 1)
    f.blob_x, f.blob_y, f.blob_size = draw.between(-1, 1), draw.between(-1, 0.4), draw.between(0.15, 0.5)
    f.blob = draw.colour(0.05, 1)


def _shade(palette, place):
    """The colour at `place` in [0, 1], [N, 1, 1], of a palette, between neighbours."""
    place = place.reshape(-1) * (len(palette) - 1)
    index = np.minimum(place.astype(int), len(palette) - 2)
    part = (place - index)[:, None]
    return (palette[index] * (1 - part) + palette[index + 1] * part)[:, :, None, None]
