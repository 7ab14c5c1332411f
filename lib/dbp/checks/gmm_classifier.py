"""Did I get it right? The exercises of chapter "A classifier made of densities"."""

import math

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, number, row, tensor

__all__ = ["bic_of_mixture", "linear_head", "pull", "recognises", "steepest_slope", "temperature"]


def steepest_slope(student) -> str:
    """Exercise "How steep is a probability?": student(apart, sigma) -> slope of the probability half-way, a number.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    apart, sigma = 3.0, 0.5
    number(float(student(apart, sigma)), 3.0, {
        12.0: "this is the slope of the log odds; half-way the logistic function multiplies it by 1/4",
        1.5: "divide by the variance, sigma squared, not by sigma",
        6.0: "the slope of the logistic function at 0 is 1/4, not 1/2",
        0.75: "sigma is missing: narrower classes have a steeper slope"}, "apart / (4 sigma^2)")
    number(float(student(3.0, 1.0)), 0.75, {}, "the same classes, twice as wide")
    number(float(student(6.0, 1.0)), 1.5, {}, "twice as far apart")
    return "Right: apart / (4 sigma^2). Halve both, and the slope doubles: it is as steep as the classes are narrow."


def bic_of_mixture(student) -> str:
    """Exercise "Count the numbers": student(log_likelihood, n, components, latents) -> BIC, for full covariances.

    `log_likelihood` is the sum over the n codes, in nats.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    total, n, k, d = -1000.0, 200, 3, 4

    def with_numbers(count: float, log: float = math.log(200), sign: int = 1) -> float:
        return sign * (count * log + 2000.0)

    right = k - 1 + k * d + k * d * (d + 1) / 2
    number(float(student(total, n, k, d)), with_numbers(right), {
        with_numbers(right + 1): "the weights add up to 1, so only K - 1 of them are free",
        with_numbers(k - 1 + k * d + k * d * d): "a covariance is symmetric: D (D + 1) / 2 of its entries are free, not D^2",
        with_numbers(k + k * d + k * d * d): "a covariance is symmetric, and the weights add up to 1",
        with_numbers(k - 1 + k * d + k * d): "this is for diagonal covariances; full ones have D (D + 1) / 2 free entries",
        with_numbers(k * d + k * d * (d + 1) / 2): "the weights were forgotten: K - 1 of them are free",
        with_numbers(right, sign=-1): "the sign: BIC is made small, so the log likelihood counts -2 times",
        right * math.log(200) + 1000.0: "the log likelihood counts twice: -2 log L",
        right * math.log(200) - 2000.0: "the sign: -2 log L, so that a better fit makes it smaller",
        with_numbers(right, log=2.0): "this is AIC, with 2 for each number; BIC takes log n"},
           f"{right:.0f} numbers times log 200, plus 2000")
    return f"Right: {right:.0f} numbers for three components in four latents. With 32 latents they would be 1,682."


def temperature(student) -> str:
    """Exercise "Turn it down": student(log_p, y) -> the number that log densities [N, C] are best divided by.

    Best is the least mean cross-entropy with the labels y, int64 [N]; known to two percent.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    generator = torch.Generator().manual_seed(0)
    honest = 3 * torch.randn(600, 4, generator=generator, dtype=torch.float64)
    y = honest.softmax(1).multinomial(1, generator=generator)[:, 0]
    far = 50 * torch.rand(600, 1, generator=generator, dtype=torch.float64) - 400  # log densities, not log probabilities
    tried = torch.linspace(-3, 3, 3001, dtype=torch.float64).exp()
    for loudness in (7.0, 0.3):
        log_p = loudness * honest + far
        losses = torch.stack([nn.functional.cross_entropy(log_p / each, y) for each in tried])
        sure = torch.stack([(log_p / each).softmax(1).amax(1).mean() for each in tried])
        right = (log_p.argmax(1) == y).double().mean()
        best, matched = (float(tried[value.abs().argmin()]) for value in (losses - losses.min(), sure - right))
        found = float(student(log_p.clone(), y.clone()))
        if abs(found / best - 1) < 0.02:
            continue
        slip = {1 / best: "the log densities are divided by the number, not multiplied",
                1.0: "nothing was changed; more than 1 makes the answer softer, less makes it louder",
                matched: "this makes it as sure as it is right on average; asked for is the least cross-entropy"}
        told = next((text for value, text in slip.items() if abs(found / value - 1) < 0.02), None)
        if told is None and (found <= float(tried[1]) or found >= float(tried[-2])):
            told = ("this is at the end of the range. Is it the loss that was made small?"
                    " The accuracy is the same for any number")
        if told is None and abs(found / best - 1) < 0.3:
            told = "near; it should be known to two percent"
        raise AssertionError(f"found {found:.3g}, expected {best:.3g}" + (f": {told}" if told else ""))
    return "Right: one number, and no answer changes, only how loudly it is given."


def recognises(student) -> str:
    """Exercise "I do not know this": student(log_p_known, log_p, share) -> whether each code is recognised, bool [B].

    `log_p_known` are log densities of codes that are known to be digits, [N, C]; `log_p` those of new ones, [B, C].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    levels = torch.arange(100.0, dtype=torch.float64)
    known = torch.stack([levels, levels - 800], 1)  # log p(z) is the level, but for a constant
    known = torch.where((torch.arange(100) % 2 == 0)[:, None], known, known.flip(1))
    new = torch.tensor([[50.0, 49.9], [2.0, -900.0], [-300.0, 20.0], [-5e4, -9e4], [-9e4, -5e4]], dtype=torch.float64)
    expected = torch.tensor([True, False, True, False, False])
    found = tensor(student(known, new, 0.05), (5,))
    if found.dtype != torch.bool:
        raise AssertionError(f"found {found.dtype}, expected True or False for each code (torch.bool)")
    if found.equal(expected):
        return "Right: the sum of the densities tells what is a digit, where the probabilities have lost it."
    if found.equal(~expected):
        raise AssertionError("the answer is upside down: True must mean that the code is recognised")
    if found[3] or found[4]:
        raise AssertionError("a code with log densities of -50,000 and -90,000 was recognised; normalised, they are 1 and 0."
                             " Compare densities, not probabilities")
    if not found[0]:
        raise AssertionError("a code between two classes was not recognised: both its densities are high. It is not clear"
                             " which digit it is, but a digit it is")
    if found[1]:
        raise AssertionError("with a share of 0.05 the level is at the lowest twentieth of the known codes, about 5; a code"
                             " at 2 lies below it, but was recognised")
    if not found[2]:
        raise AssertionError("a code at 20 was not recognised, but 80 of 100 known ones lie above it and 20 below: take the"
                             " largest class or the sum, not the first class or the mean")
    raise AssertionError(f"found {found.tolist()}, expected {expected.tolist()}")


def linear_head(student) -> str:
    """Exercise "From ellipses to lines": student(means, covariance) -> weight [C, D] and bias [C] of a linear layer.

    One Gaussian a class, all with one covariance, [D, D]. The logits may differ from the log densities by a number that is
    the same for all classes.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    means = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]], dtype=torch.float64)
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    z = torch.tensor([[0.3, -0.7], [2.0, 1.0], [-1.5, 0.4]], dtype=torch.float64)
    densities = torch.stack([torch.distributions.MultivariateNormal(mean, covariance).log_prob(z) for mean in means], 1)
    found = student(means, covariance)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise AssertionError(f"found {found!r}, expected two tensors: the weight, [C, D], and the bias, [C]")
    weight, bias = tensor(found[0], (3, 2)).double(), tensor(found[1], (3,)).double()

    def odds(logits: Tensor) -> Tensor:
        return logits - logits[:, :1]

    if near(odds(densities), odds(z @ weight.T + bias)):
        return "Right: the term with z twice is the same for all classes and drops out. What is left is a line."
    slopes = torch.linalg.solve(covariance, means.T).T
    levels = -(slopes * means).sum(1) / 2

    def agrees(one: Tensor, other: Tensor) -> bool:
        return near(one - one[:1], other - other[:1])

    if agrees(slopes, weight):
        slip = {"the bias has the wrong sign": agrees(-levels, bias),
                "a half is missing in the bias": agrees(2 * levels, bias),
                "the bias is missing: a class whose mean lies far out needs a lower one": agrees(0 * levels, bias)}
        told = next((text for text, true in slip.items() if true), "the bias should be -1/2 mu^T Sigma^-1 mu of each class")
        raise AssertionError(f"the weight is right; {told}: found {row(bias)}, expected {row(levels)}")
    if agrees(means @ covariance, weight):
        raise AssertionError("the means were multiplied by the covariance; expected by its inverse")
    if agrees(means, weight):
        raise AssertionError("the covariance does not enter the weight: this is for Sigma = I")
    raise AssertionError(f"first row of the weight: found {row(weight[0])}, expected {row(slopes[0])} = Sigma^-1 mu")


def pull(student) -> str:
    """Exercise "Where does it pull?": student(z, means, covariances, weights) -> gradient of log p_i at one code, [D].

    One mixture: means [K, D], covariances [K, D, D], weights [K]; z [D], far from all means, too.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    means = torch.tensor([[0.0, 0.0], [3.0, 1.0]], dtype=torch.float64)
    covariances = torch.tensor([[[1.0, 0.3], [0.3, 0.5]], [[0.4, 0.0], [0.0, 2.0]]], dtype=torch.float64)
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)
    for z in (torch.tensor([1.4, 0.5], dtype=torch.float64), torch.tensor([60.0, -80.0], dtype=torch.float64)):
        at = z.clone().requires_grad_()
        parts = weights.log() + torch.distributions.MultivariateNormal(means, covariances).log_prob(at)
        (expected,) = torch.autograd.grad(parts.logsumexp(0), at)
        found = tensor(student(z, means, covariances, weights), (2,)).detach().double()
        if near(expected, found):
            continue
        share, pulls = parts.softmax(0).detach(), torch.linalg.solve(covariances, (means - z)[:, :, None])[:, :, 0]
        place = f"at {row(z)} found {row(found)}, expected {row(expected)}"
        if not bool(found.isfinite().all()):
            raise AssertionError(f"{place}: far away all densities are 0 in floating point; take the softmax of their logs")
        for wrong, slip in (
            (-expected, "the sign: a density rises towards its mean, so the pull is from z to mu"),
            (weights @ pulls, "the components count with their share at z, w N(z) over the sum, not with weight alone"),
            (parts.detach().exp() @ pulls, "this is the gradient of the density; for that of its log divide by the density"),
            (share @ (means - z), "the inverse covariance is missing: narrow directions pull harder"),
            (pulls.sum(0), "the components count with their share at z"),
        ):
            if near(wrong, found):
                raise AssertionError(f"{place}: {slip}")
        raise AssertionError(place)
    return "Right: each component pulls towards its mean, by its share, and hardest where it is narrow."
