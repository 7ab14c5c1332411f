"""Each check of chapter 07 passes the solution and tells a plausible wrong answer what it did."""

import math

import pytest
import torch

from dbp.checks import draw as checks


def test_right_error_image_passes():
    assert "Right" in checks.error_image(lambda x, canvas: x - canvas.sigmoid())


@pytest.mark.parametrize("student, words", [
    (lambda x, canvas: x - canvas, "take the sigmoid"),
    (lambda x, canvas: canvas.sigmoid() - x, "turned round"),
    (lambda x, canvas: canvas.sigmoid(), "what is painted"),
    (lambda x, canvas: x, "expected"),
    (lambda x, canvas: (x - canvas.sigmoid()).flatten(1), "an image like x"),
    (lambda x, canvas: None, "NoneType"),
])
def test_wrong_error_image_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.error_image(student)


def kl(mus, logvars, off=lambda mu: mu.shape[1], scale=0.5, variance=torch.exp):
    total = 0
    for mu, logvar in zip(mus, logvars, strict=True):
        total = total + scale * ((mu**2 + variance(logvar) - logvar).sum(1) - off(mu))
    return total


def test_right_divergence_passes():
    assert "Right" in checks.kl_of_steps(kl)


@pytest.mark.parametrize("student, words", [
    (lambda m, v: kl(m, v, off=lambda mu: 1), "T / 2"),
    (lambda m, v: kl(m, v, off=lambda mu: 0), "nothing was taken off"),
    (lambda m, v: kl(m, v) / 2, "averaged"),
    (lambda m, v: kl(m, v, scale=1.0), "factor 1/2"),
    (lambda m, v: kl(m, v, variance=lambda logvar: (2 * logvar).exp()), "logarithm of the variance"),
    (lambda m, v: kl(m[:1], v[:1]), "expected"),
])
def test_wrong_divergence_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.kl_of_steps(student)


def place(pixels, window, left, right, first=1, gaps=1, log=math.log):
    centre = (left + right) / 2 + first
    return 2 * centre / (pixels + 1) - 1, log((right - left) / (window - gaps) * (window - 1) / (pixels - 1))


def test_right_place_passes():
    assert "Right" in checks.place_window(place)


@pytest.mark.parametrize("student, words", [
    (lambda *given: place(*given, first=0), "shifted"),
    (lambda *given: place(*given, gaps=0), "M - 1 gaps"),
    (lambda *given: place(*given, log=lambda value: value), "a logarithm"),
    (lambda pixels, window, left, right: (0.0, 0.0), "expected 4 to 15"),
])
def test_wrong_place_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.place_window(student)


def products(steps, pixels, size, gates=4, error=2, once=1, s=1, h=1):
    gates = gates * size
    return steps * gates * (error * pixels + size), gates * pixels * once + steps * gates * (s * pixels + h * size)


def test_right_count_passes():
    assert "Right" in checks.products_saved(products)


@pytest.mark.parametrize("student, words", [
    (lambda *given: products(*given)[::-1], "other order"),
    (lambda *given: products(*given, gates=1), "4 . size gates"),
    (lambda *given: products(*given, error=1), "side by side"),
    (lambda *given: products(*given, once=0), "one product for x is missing"),
    (lambda *given: products(*given, h=0), "h has a product"),
    (lambda *given: products(*given, once=2, s=0), "s needs its product"),
    (lambda *given: products(*given, once=3), "rows times columns"),
    (lambda *given: products(*given)[0], "two counts"),
])
def test_wrong_count_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.products_saved(student)


def length(change):
    return change.flatten(1).norm(dim=1).mean()


def blind(paint, x, steps, grey=0.5, image=torch.sigmoid, others=False, kept=False, size=length):
    whole, found, copies = image(paint([x] * steps)), [], [x] * steps
    for t in range(steps):
        copies = copies if kept else [x] * steps
        copies[t] = torch.full_like(x, grey)
        seen = [x if step == t else torch.full_like(x, grey) for step in range(steps)] if others else copies
        found.append(size(image(paint(seen)) - whole))
    return torch.stack(found)


def test_right_blind_look_passes():
    assert "Right" in checks.blind_one(blind)


@pytest.mark.parametrize("student, words", [
    (lambda *given: blind(*given, image=lambda canvas: canvas), "in logits"),
    (lambda *given: blind(*given, grey=0.0), "sees black"),
    (lambda *given: 2 * blind(*given), "added up"),
    (lambda *given: blind(*given, size=lambda d: d.flatten(1).square().sum(1).mean()), "squared"),
    (lambda *given: blind(*given, size=lambda d: d.abs().mean()), "mean over pixels"),
    (lambda *given: blind(*given, others=True), "one at a time"),
    (lambda *given: blind(*given, kept=True), "put back"),
    (lambda paint, x, steps: blind(paint, x, 3), "expected 4"),
    (lambda *given: None, "expected a tensor"),
])
def test_wrong_blind_look_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.blind_one(student)
