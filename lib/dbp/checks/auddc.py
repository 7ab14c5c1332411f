"""Did I get it right? The exercises of chapter "Attacking an autoencoder"."""

import math

import torch
from torch import Tensor, nn

from dbp.attacks.autoencoder import straight_line
from dbp.checks.comparing import near, number, tensor
from dbp.metrics import distortion_curves
from dbp.models.vae import Autoencoder, Bernoulli, Output

__all__ = ["area_under", "break_it", "lower_envelope", "paired_difference", "rounded_defence"]


def area_under(student) -> str:
    """Exercise "The area by hand": student(distortion, distance) -> the reference area, for lists of numbers.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    number(float(student([0.0, 0.5, 1.0], [1.0, 0.5, 0.0])), 0.5, {1.5: "these are the distances added up, not an area"},
           "a straight line from (0, 1) to (1, 0)")
    number(float(student([0.0, 0.5], [1.0, 0.25])), 0.4375, {0.3125: "the last point was not extended, flat, to 1"},
           "0.5 * (1 + 0.25) / 2 + 0.5 * 0.25")
    number(float(student([0.5, 0.0], [0.25, 1.0])), 0.4375, {0.6875: "the points were not sorted by distortion"},
           "the same points in another order")
    number(float(student([0.0, 0.5, 2.0], [1.0, 0.25, 0.0])), 0.4375, {
        0.5: "the point at distortion 2 was kept: drop what lies beyond 1",
        0.375: "the curve was cut at 1, but the reference drops points beyond 1 and extends the last one that is left"},
           "the point beyond 1 is dropped, the one before it extended")
    number(float(student([0.2, 0.6], [1.0, 0.5])), 0.5, {
        0.7: "nothing is counted before the first point; it is not extended to the left"},
           "0.4 * 0.75 + 0.4 * 0.5, from the first point on")
    return "Right: dropped beyond 1, sorted, extended flat, and trapezoids from the first point on."


def lower_envelope(student) -> str:
    """Exercise "The best of several": student(curves, grid) -> the lowest distance allowed at each distortion, [K].

    `curves` is a list of (distortion, distance), each [N] and sorted; `grid` is [K].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    a = torch.tensor([0.0, 0.4, 1.0]), torch.tensor([1.0, 0.2, 0.8])
    b = torch.tensor([0.0, 0.6, 1.0]), torch.tensor([1.0, 0.6, 0.0])
    grid = torch.tensor([0.0, 0.4, 0.8, 1.0])
    expected = torch.tensor([1.0, 0.2, 0.2, 0.0])
    found = tensor(student([a, b], grid), (4,))
    if near(expected, found):
        return "Right: an attacker may always change less than allowed, and may choose among attacks."
    if found[2] > 0.25 and math.isclose(float(found[1]), 0.2, abs_tol=1e-5):
        raise AssertionError(f"at 0.8 found {found[2]:.2f}, expected 0.20: the first attack was at 0.2 with a distortion of"
                             " 0.4 already, and an attacker who may change more may also change less")
    if math.isclose(float(found[3]), 0.8, abs_tol=1e-5) or math.isclose(float(found[3]), 0.2, abs_tol=1e-5):
        raise AssertionError(f"at 1 found {found[3]:.2f}, expected 0: the second attack gets there")
    raise AssertionError(f"found {[round(value, 2) for value in found.tolist()]}, expected {expected.tolist()}")


def paired_difference(student) -> str:
    """Exercise "The same pairs": student(one, other) -> mean of one - other, and its standard error, for areas by pair, [P].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    one, other = torch.tensor([0.2, 0.5, 0.9, 0.4]), torch.tensor([0.1, 0.5, 0.7, 0.3])
    difference = one - other
    mean, error = float(difference.mean()), float(difference.std() / 2)
    found = student(one, other)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise AssertionError(f"found {found!r}, expected two numbers: the mean difference and its standard error")
    unpaired = math.sqrt(float(one.var() + other.var()) / 4)
    if not math.isclose(float(found[0]), mean, abs_tol=1e-6):
        raise AssertionError(f"mean difference: found {float(found[0]):.4f}, expected {mean:.4f}, one minus other")
    slips = {unpaired: "these are the errors of two means that know nothing of each other; take the differences first",
             2 * error: "this is the standard deviation of a difference; divide by the root of the number of pairs",
             error * math.sqrt(3 / 4): "with n - 1 in the variance, please: the mean was estimated from the same pairs"}
    for wrong, slip in slips.items():
        if math.isclose(float(found[1]), wrong, rel_tol=1e-4):
            raise AssertionError(f"standard error: found {wrong:.4f}, expected {error:.4f}: {slip}")
    if not math.isclose(float(found[1]), error, rel_tol=1e-4):
        raise AssertionError(f"standard error: found {float(found[1]):.4f}, expected {error:.4f}")
    return f"Right: {error:.3f}, where the unpaired error would be {unpaired:.3f}. Hard pairs are hard for both networks."


class Switch(Autoencoder):
    """Four by four pixels, one latent: the top left pixel decides between a picture and its negative."""

    PICTURE = torch.tensor([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]] * 2)

    def __init__(self) -> None:
        super().__init__(1, Bernoulli())
        self.gain = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        """As `dbp.models.vae.Autoencoder`."""
        mu = self.gain * (x[:, 0, 0, :1] - 0.5)
        z = mu if noise is None else mu + noise
        return Output((z[:, :, None] * (1 - 2 * self.PICTURE))[:, None], mu, torch.zeros_like(mu))


class Rounded(Autoencoder):
    """A "defence": the image is rounded to black and white before the network `inner` sees it."""

    def __init__(self, inner: Autoencoder) -> None:
        super().__init__(inner.latents, inner.likelihood)
        self.inner = inner

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        """As `dbp.models.vae.Autoencoder`, of the rounded image."""
        return self.inner(x.round(), noise)


def rounded_defence() -> tuple[Autoencoder, Tensor, Tensor]:
    """The defence of exercise "Break this defence", an image and its target, [1, 1, 4, 4] each."""
    picture = Switch.PICTURE[None, None]
    return Rounded(Switch()), picture.clone(), 1 - picture


def break_it(student) -> str:
    """Exercise "Break this defence": student(defence, x, target, budget) -> an image in [0, 1], like x.

    Raises:
        AssertionError: how far the image is from x, or its reconstruction from the target, and the likeliest slip.
    """
    defence, x, target = rounded_defence()
    budget = 0.3
    found = tensor(student(defence, x, target, budget), tuple(x.shape)).detach()
    if float(found.min()) < 0 or float(found.max()) > 1:
        pixels = f"{float(found.min()):.2f} to {float(found.max()):.2f}"
        raise AssertionError(f"pixels must lie in [0, 1], but range from {pixels}")
    curve = distortion_curves(defence, x, target, found[:, None])
    line = distortion_curves(defence, x, target, straight_line(x, target))
    distortion, distance = float(curve.distortion), float(curve.distance)
    if distortion > budget + 1e-6:
        raise AssertionError(f"the image went {distortion:.2f} of the way to the target, at most {budget} was allowed")
    if distance > 0.5:
        allowed = line.distance[line.distortion <= budget]
        slip = "" if distortion > 0.01 else (
            "; the image has not moved: rounding has no slope, so a gradient through it is zero. What is behind it?")
        raise AssertionError(f"the normalised distance is {distance:.2f}, expected below 0.5"
                             f" (the straight line reaches {float(allowed.min()):.2f}){slip}")
    return f"Broken: distance {distance:.2f} at {distortion:.2f} of the way. The rounding hid the slope, not the weakness."
