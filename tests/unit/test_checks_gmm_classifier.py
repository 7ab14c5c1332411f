"""Each check of chapter 09 passes the solution and tells a plausible wrong answer what it did."""

import math

import pytest
import torch

from dbp.checks import gmm_classifier as checks


def test_right_slope_passes():
    assert "Right" in checks.steepest_slope(lambda apart, sigma: apart / (4 * sigma**2))


@pytest.mark.parametrize("student, words", [
    (lambda apart, sigma: apart / sigma**2, "slope of the log odds"),
    (lambda apart, sigma: apart / (4 * sigma), "divide by the variance"),
    (lambda apart, sigma: apart / (2 * sigma**2), "1/4, not 1/2"),
    (lambda apart, sigma: apart / 4, "sigma is missing"),
    (lambda apart, sigma: 0.0, r"found 0, expected 3 = apart / \(4 sigma\^2\)"),
])
def test_wrong_slope_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.steepest_slope(student)


def criterion(total, n, k, d, *, weights=None, entries=None, log=None, factor=-2):
    count = (k - 1 if weights is None else weights(k)) + k * d + k * (d * (d + 1) / 2 if entries is None else entries(d))
    return count * (math.log(n) if log is None else log) + factor * total


def test_right_bic_passes():
    assert "Right" in checks.bic_of_mixture(criterion)


def test_the_number_in_the_praise_is_right():
    praised = int(checks.bic_of_mixture(criterion).split()[-1].rstrip(".").replace(",", ""))
    assert praised == 3 - 1 + 3 * 32 + 3 * 32 * 33 // 2


@pytest.mark.parametrize("change, words", [
    ({"weights": lambda k: k}, "only K - 1 of them"),
    ({"weights": lambda k: 0}, "weights were forgotten"),
    ({"entries": lambda d: d * d}, "not D\\^2"),
    ({"entries": lambda d: d}, "diagonal"),
    ({"weights": lambda k: k, "entries": lambda d: d * d}, "symmetric, and the weights"),
    ({"factor": -1}, "counts twice"),
    ({"factor": 2}, "so that a better fit makes it smaller"),
    ({"log": 2.0}, "AIC"),
])
def test_wrong_bic_is_told_why(change, words):
    with pytest.raises(AssertionError, match=words):
        checks.bic_of_mixture(lambda *given: criterion(*given, **change))


def test_a_bic_that_is_made_large_is_told_so():
    with pytest.raises(AssertionError, match="made small"):
        checks.bic_of_mixture(lambda *given: -criterion(*given))


def known_by(measure, known, new, share):
    return measure(new) >= measure(known).quantile(share)


@pytest.mark.parametrize("measure", [lambda p: p.logsumexp(1), lambda p: p.amax(1)])
def test_sum_and_largest_density_pass(measure):
    assert "Right" in checks.recognises(lambda *given: known_by(measure, *given))


@pytest.mark.parametrize("student, words", [
    (lambda known, new, share: new.softmax(1).amax(1) >= 0.95, "densities, not probabilities"),
    (lambda known, new, share: ~known_by(lambda p: p.logsumexp(1), known, new, share), "upside down"),
    (lambda known, new, share: known_by(lambda p: p[:, 0], known, new, share), "a code at 2 lies below it"),
    (lambda known, new, share: known_by(lambda p: p.logsumexp(1), known, new, 1 - share), "its densities are high"),
    (lambda known, new, share: known_by(lambda p: p.logsumexp(1), known, new, 0.0), "a code at 2 lies below it"),
    (lambda known, new, share: known_by(lambda p: p.logsumexp(1), known, new, 0.3), "20 of 100|20 below"),
    (lambda known, new, share: new.amax(1), "True or False"),
    (lambda known, new, share: None, "does the function return it"),
])
def test_wrong_recognition_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.recognises(student)


def line(means, covariance, *, half=-0.5, inverse=True):
    weight = torch.linalg.solve(covariance, means.T).T if inverse else means @ covariance
    return weight, half * (weight * means).sum(1)


def test_right_line_passes():
    assert "Right" in checks.linear_head(line)


def test_a_number_that_is_the_same_for_all_classes_does_not_matter():
    assert "Right" in checks.linear_head(lambda means, covariance: tuple(part + 3 for part in line(means, covariance)))


@pytest.mark.parametrize("student, words", [
    (lambda means, covariance: line(means, covariance, half=0.5), "wrong sign"),
    (lambda means, covariance: line(means, covariance, half=-1), "a half is missing"),
    (lambda means, covariance: line(means, covariance, half=0), "bias is missing"),
    (lambda means, covariance: line(means, covariance, inverse=False), "by its inverse"),
    (lambda means, covariance: (means, means.square().sum(1)), "does not enter"),
    (lambda means, covariance: means, "two tensors"),
])
def test_wrong_line_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.linear_head(student)


def pulled(z, means, covariances, weights, *, share="softmax", inverse=True, sign=1):
    parts = weights.log() + torch.distributions.MultivariateNormal(means, covariances).log_prob(z)
    shares = {"softmax": parts.softmax(0), "weights": weights, "density": parts.exp(), "equal": torch.ones_like(weights),
              "exp": parts.exp() / parts.exp().sum()}[share]
    offset = sign * (means - z)
    return shares @ (torch.linalg.solve(covariances, offset[:, :, None])[:, :, 0] if inverse else offset)


def test_right_pull_passes():
    assert "Right" in checks.pull(pulled)


@pytest.mark.parametrize("change, words", [
    ({"sign": -1}, "the sign"),
    ({"share": "weights"}, "not with weight alone"),
    ({"share": "density"}, "divide by the density"),
    ({"share": "equal"}, "share at z"),
    ({"inverse": False}, "inverse covariance is missing"),
    ({"share": "exp"}, "softmax of their logs"),
])
def test_wrong_pull_is_told_why(change, words):
    with pytest.raises(AssertionError, match=words):
        checks.pull(lambda *given: pulled(*given, **change))


def loss_at(log_p, y, number):
    return torch.nn.functional.cross_entropy(log_p / number, y).item()


def cooled(log_p, y, *, within=0.01, cost=loss_at):
    tried = [math.exp(within * step) for step in range(round(-3 / within), round(3 / within))]
    return min(tried, key=lambda number: cost(log_p, y, number))


def misjudged(log_p, y, number):
    """How far it is from being as sure as it is right, on average."""
    return abs(float((log_p / number).softmax(1).amax(1).mean() - (log_p.argmax(1) == y).double().mean()))


def of_its_own_answers(log_p, y, number):
    return loss_at(log_p, log_p.argmax(1), number)


def test_right_temperature_passes():
    assert "Right" in checks.temperature(cooled)


@pytest.mark.parametrize("student, words", [
    (lambda log_p, y: 1 / cooled(log_p, y), "divided by the number"),
    (lambda log_p, y: 1.0, "nothing was changed"),
    (lambda log_p, y: cooled(log_p, y, cost=misjudged), "as sure as it is right"),
    (lambda log_p, y: cooled(log_p, y, cost=of_its_own_answers), "end of the range"),
    (lambda log_p, y: cooled(log_p, y, within=0.19), "two percent"),
    (lambda log_p, y: 5.0, "expected"),
    (lambda log_p, y: max(1.0, cooled(log_p, y)), "nothing was changed"),
])  # fmt: skip
def test_wrong_temperature_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.temperature(student)
