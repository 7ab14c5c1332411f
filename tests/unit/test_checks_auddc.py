"""Each check of chapter 08 passes the solution and tells a plausible wrong answer what it did."""

import numpy as np
import pytest
import torch

from dbp.attacks.autoencoder import attack_autoencoder, straight_line
from dbp.checks import auddc as checks
from dbp.metrics import distortion_curves


def area(distortion, distance, *, drop=True, sort=True, extend=True, left=False):
    points = [(a, b) for a, b in zip(distortion, distance, strict=True) if a <= 1 or not drop]
    points = sorted(points) if sort else points
    points += [(1.0, points[-1][1])] if extend else []
    points = [(0.0, points[0][1]), *points] if left else points
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:], strict=False))


def test_right_area_passes():
    assert "Right" in checks.area_under(area)


@pytest.mark.parametrize("student, words", [
    (lambda x, y: area(x, y, extend=False), "not extended"),
    (lambda x, y: area(x, y, sort=False), "not sorted"),
    (lambda x, y: area(x, y, drop=False), "beyond 1"),
    (lambda x, y: area(x, y, left=True), "not extended to the left"),
    (lambda x, y: sum(y), "not an area"),
])
def test_wrong_area_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.area_under(student)


def lowest(curves, grid, *, rising=False, mean=False):
    reached = [torch.tensor(np.interp(grid, x, y if rising else np.minimum.accumulate(y.numpy()))) for x, y in curves]
    return torch.stack(reached).mean(0) if mean else torch.stack(reached).min(0).values


def test_right_envelope_passes():
    assert "Right" in checks.lower_envelope(lowest)


@pytest.mark.parametrize("student, words", [
    (lambda curves, grid: lowest(curves, grid, rising=True), "may also change less"),
    (lambda curves, grid: lowest(curves[:1], grid), "the second attack gets there"),
    (lambda curves, grid: lowest(curves, grid, mean=True), "expected"),
    (lambda curves, grid: lowest(curves, grid)[:2], "shape"),
    (lambda curves, grid: None, "does the function return it"),
])
def test_wrong_envelope_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.lower_envelope(student)


def test_right_paired_difference_passes():
    assert "Right" in checks.paired_difference(lambda a, b: ((a - b).mean(), (a - b).std() / len(a) ** 0.5))


@pytest.mark.parametrize("student, words", [
    (lambda a, b: ((a - b).mean(), ((a.var() + b.var()) / len(a)).sqrt()), "know nothing of each other"),
    (lambda a, b: ((a - b).mean(), (a - b).std()), "root of the number of pairs"),
    (lambda a, b: ((a - b).mean(), (a - b).std(correction=0) / len(a) ** 0.5), "n - 1"),
    (lambda a, b: ((b - a).mean(), (a - b).std() / len(a) ** 0.5), "one minus other"),
    (lambda a, b: (a - b).mean(), "two numbers"),
])
def test_wrong_paired_difference_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.paired_difference(student)


def through(network, defence, x, target, budget):
    found = attack_autoencoder(network, x, target, [0.0, 0.01, 0.1, 1.0], space="output", steps=100)
    curve = distortion_curves(defence, x, target, found.x_adv)
    allowed = curve.distortion[0] <= budget
    return found.x_adv[0][allowed][curve.distance[0][allowed].argmin()][None]


def test_an_attack_on_what_is_behind_the_rounding_breaks_it():
    assert "Broken" in checks.break_it(lambda d, x, target, budget: through(d.inner, d, x, target, budget))


@pytest.mark.parametrize("student, words", [
    (lambda d, x, target, budget: through(d, d, x, target, budget), "rounding has no slope"),
    (lambda d, x, target, budget: straight_line(x, target, 11)[:, 3], r"the straight line reaches 1.00"),
    (lambda d, x, target, budget: target, "went 1.00 of the way to the target, at most 0.3"),
    (lambda d, x, target, budget: x + 2, "pixels must lie in"),
    (lambda d, x, target, budget: x[0], "shape"),
])
def test_what_does_not_break_it_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.break_it(student)
