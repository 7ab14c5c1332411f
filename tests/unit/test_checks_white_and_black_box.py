"""Each check of chapter 11 passes the solution and tells a plausible wrong answer what it did."""

import pytest
import torch

from dbp.attacks import pgd, random_noise, square, zero_gradient_share
from dbp.checks import white_and_black_box as checks
from dbp.metrics import accuracy


def bounds(white, black):
    return max(0.0, white - black), min(white, 100 - black)


def test_right_bounds_pass():
    assert "Right" in checks.missed(bounds)


@pytest.mark.parametrize("student, words", [
    (lambda a, b: bounds(a, b)[::-1], "the smaller number comes first"),
    (lambda a, b: (a - b, min(a, 100 - b)), "no fewer than 0"),
    (lambda a, b: (abs(a - b), min(a, 100 - b)), "says nothing about what it missed"),
    (lambda a, b: (max(0.0, a - b), 100 - b), "were left standing by the white box"),
    (lambda a, b: (max(0.0, a - b), a), "the black box broke only"),
    (lambda a, b: (0.0, 0.0), "expected"),
    (lambda a, b: a - b, "two numbers"),
])  # fmt: skip
def test_wrong_bounds_are_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.missed(student)


def bisect(accuracy_at, level, low, high, *, wrong_half=False, within=0.001):
    while high - low > within:
        middle = (low + high) / 2
        low, high = (middle, high) if (accuracy_at(middle) > level) != wrong_half else (low, middle)
    return (low + high) / 2



def test_right_eps_passes():
    assert "9 attacks" in checks.find_eps(bisect)


@pytest.mark.parametrize("student, words", [
    (lambda *given: bisect(*given, wrong_half=True), "an end of the bracket"),
    (lambda *given: bisect(*given, within=0.2), "known to a thousandth"),
    (lambda accuracy_at, level, low, high: (low + high) / 2, "only the first middle"),
    (lambda *given: bisect(*given, within=1e-12), "each call is an attack"),
])  # fmt: skip
def test_wrong_eps_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.find_eps(student)


def held(right):
    return right.int().cummin(0).values.double().mean(1)


def pairwise(right):
    return torch.cat([right[:1], right[1:] & right[:-1]]).double().mean(1)


def in_place(right):
    for row in range(1, len(right)):
        right[row] &= right[row - 1]
    return right.double().mean(1)


def test_right_running_accuracy_passes():
    assert "Right" in checks.hold_on(held)


@pytest.mark.parametrize("student, words", [
    (lambda right: right.double().mean(1), "as they were"),
    (lambda right: right.double().mean(1).cummin(0).values, "image by image"),
    (lambda right: held(right.flip(0)).flip(0), "a small ball lies in a larger one"),
    (pairwise, "the one before it only"),
    (lambda right: 100 * held(right), "not percent"),
    (in_place, "work on a copy"),
    (lambda right: held(right)[-1], "shape"),
])  # fmt: skip
def test_wrong_running_accuracy_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.hold_on(student)


def test_masked_classifier_is_right_and_has_no_gradient_under_any_loss():
    model, x, y, _ = checks.masked_classifier()
    assert accuracy(model, x, y) == 1 and len(y.unique()) > 1
    assert all(zero_gradient_share(model, x, y, loss=loss) == 1 for loss in ("cross_entropy", "margin"))


def test_square_breaks_the_masked_classifier():
    assert "Broken" in checks.break_masked(lambda model, x, y, eps: square(model, x, y, eps, queries=2000))


@pytest.mark.parametrize("student, words", [
    (lambda m, x, y, eps: pgd(m, x, y, eps, loss="margin", random_start=False), "no image has moved"),
    (lambda m, x, y, eps: pgd(m, x, y, eps, loss="margin"), "what chance does"),
    (lambda m, x, y, eps: random_noise(m, x, y, eps, draws=100), "still stand, expected at most"),
    (lambda m, x, y, eps: square(m, x, y, 3 * eps), "at most 0.05 was allowed"),
    (lambda m, x, y, eps: x + 2, "pixels must lie in"),
    (lambda m, x, y, eps: x[0], "shape"),
])  # fmt: skip
def test_what_does_not_break_it_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.break_masked(student)


def table(models, x, y, attack):
    return torch.tensor([[accuracy(judge, attack(source, x, y), y) for judge in models] for source in models])


def without_errors(models, x, y, attack):
    keep = y == models[0](x).argmax(1)
    return table(models, x[keep], y[keep], attack)


def test_right_transfer_table_passes():
    assert "Right" in checks.transfer_table(table)


@pytest.mark.parametrize("student, words", [
    (lambda *given: table(*given).T, "rows and columns are exchanged"),
    (lambda *given: 1 - table(*given), "shares that were fooled"),
    (lambda *given: table(*given).diagonal().expand(3, 3), "its own white box"),
    (lambda *given: 100 * table(*given), "not percent"),
    (without_errors, "wrong before the attack"),
    (lambda *given: torch.zeros(3, 3), "expected"),
    (lambda *given: table(*given)[0], "shape"),
])  # fmt: skip
def test_wrong_transfer_table_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.transfer_table(student)
