"""Each check of chapter 03 passes the solution and tells a plausible wrong answer what it did."""

import functools
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from dbp import checks
from dbp.attacks import apgd, diagnostics, fgsm, pgd, random_noise, square
from dbp.penalties import jacobian_l1


def loss(outputs=lambda logits: logits.softmax(1), estimator="exact", entries=8, detach=False):
    def student(model, x, y, lam):
        x = x.clone().requires_grad_()
        logits = model(x)
        penalty = jacobian_l1(outputs(logits), x, estimator) / entries
        return F.cross_entropy(logits, y, reduction="none") + lam * (penalty.detach() if detach else penalty)

    return student


def test_right_loss_passes():
    assert "Right" in checks.penalised_loss(loss())


@pytest.mark.parametrize("student, words", [
    (loss(entries=1), "entries were added"),
    (loss(outputs=lambda logits: logits), "take the softmax first"),
    (loss(estimator="summed"), "rows added before"),
    (loss(detach=True), "create_graph"),
    (lambda model, x, y, lam: loss()(model, x, y, lam).mean(), "one value an example"),
    (lambda model, x, y, lam: 2 * loss()(model, x, y, lam), "log 2"),
])
def test_wrong_loss_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.penalised_loss(student)


def patience(accuracies, epochs=10, min_delta=1e-4):
    best, since = float("-inf"), 0
    for value in accuracies:
        best, since = (value, 0) if value > best + min_delta else (best, since + 1)
    return since >= epochs


def test_right_rule_passes():
    assert "Right" in checks.stopping_rule(patience)


@pytest.mark.parametrize("student, words", [
    (lambda a: len(a) > 10 and a[-1] - a[-2] < 1e-4, "another reading"),
    (lambda a: patience(a, min_delta=0), "do not count"),
    (lambda a: patience(a, epochs=3), "five epochs are fewer"),
    (lambda a: len(a) >= 12, "still rising"),
    (lambda a: False, "no epoch of the last ten"),
])
def test_wrong_rule_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.stopping_rule(student)


def test_right_unit_passes():
    assert "Right" in checks.same_penalty(lambda lam, classes, pixels: lam / (classes * pixels))


@pytest.mark.parametrize("student, words", [
    (lambda lam, classes, pixels: lam * classes * pixels, "multiplied instead of divided"),
    (lambda lam, classes, pixels: lam / classes, "classes only"),
    (lambda lam, classes, pixels: lam / pixels, "pixels only"),
    (lambda lam, classes, pixels: lam, "taken for the same"),
    (lambda lam, classes, pixels: 0.0, "expected 0.5"),
])
def test_wrong_unit_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.same_penalty(student)


def share(model, x, y):
    return float((model(x).argmax(1) == y).float().mean())


STEPS = partial(pgd, steps=20)
OTHER_LOSS = partial(apgd, steps=20, loss="dlr", targets=3)
NO_SLOPE = partial(square, queries=300)


@functools.cache  # the check asks all students about the same networks and images
def left(attack, model, eps):
    x, y = next(given[1:3] for given in SEEN if given[0] is model)
    return share(model, attack(model, x, y, eps), y)


SEEN = []


def doubts(*others, trusted=STEPS, least=0.2, eps=None):
    """Whether one of the others leaves less than the trusted attack, by more than `least`."""
    def student(model, x, y, given):
        SEEN.append((model, x, y))
        found = [left(attack, model, eps or given) for attack in (trusted, *others)]
        return found[0] - min(found) > least

    return student


def falls(least, most):
    """Whether an accuracy under PGD lies between two others: clean images against attacked ones."""
    def student(model, x, y, eps):
        SEEN.append((model, x, y))
        return least <= left(STEPS, model, eps) <= most

    return student


def no_slope(model, x, y, eps):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return bool((gradient.flatten(1) == 0).all(1).float().mean() > 0.5)


def by_diagnostics(model, x, y, eps):
    return diagnostics(model, x, y, eps=eps, eps_grid=(), queries=300)["suspicious"].any()


@pytest.mark.parametrize("student", [
    doubts(OTHER_LOSS, NO_SLOPE), doubts(OTHER_LOSS, NO_SLOPE, least=0.1), doubts(OTHER_LOSS, NO_SLOPE, least=0.35),
    doubts(partial(pgd, steps=40, loss="margin"), partial(square, queries=1000)), by_diagnostics,
    lambda *given: torch.tensor(doubts(OTHER_LOSS, NO_SLOPE)(*given)),
])
def test_right_doubts_pass(student):
    assert "Right" in checks.masked_gradient(student)


@pytest.mark.parametrize("student, words", [
    (lambda model, x, y, eps: True, "a small network, .* You answered True for all seven"),
    (lambda model, x, y, eps: False, "logits times 1000, .* You answered False for all seven"),
    (falls(0.6, 1), "trained for longer, .* with each other, not with the clean images"),
    (falls(0.95, 1), "logits times 30, .* PGD breaks a part of it"),
    (falls(0, 0.5), "a small network, .* Compare attacks with each other"),
    (doubts(STEPS, trusted=fgsm, least=0.03), "small network"),
    (doubts(partial(pgd, steps=100, restarts=2)), "FGSM and PGD both follow .* False for all seven"),
    (doubts(STEPS, trusted=fgsm), "FGSM and PGD both follow .* False for all seven"),
    (doubts(fgsm), "FGSM and PGD both follow"),
    (doubts(OTHER_LOSS), "rounded to five levels, .* There is no slope anywhere"),
    (doubts(OTHER_LOSS, NO_SLOPE, least=0), "a small network, .* let a few images more or less pass"),
    (doubts(partial(random_noise, draws=10), least=0.15), "ask an attack with a loss of another kind"),
    (no_slope, "behind a ripple, .* need not make slopes zero"),
    (doubts(OTHER_LOSS, NO_SLOPE, eps=0.01), "ask an attack with a loss of another kind"),
    (lambda model, x, y, eps: None, "expected True or False"),
    (lambda model, x, y, eps: 0.4, "found 0.4, expected True or False"),
])
def test_wrong_doubts_are_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.masked_gradient(student)


def test_message_says_what_four_attacks_leave():
    with pytest.raises(AssertionError, match=r"are left: \d+% by FGSM, \d+% by PGD, \d+% by Auto-PGD .*, \d+% by Square"):
        checks.masked_gradient(lambda model, x, y, eps: True)


def test_networks_to_practise_on_are_an_honest_one_and_the_same_one_masked():
    pair = checks.honest_and_masked()
    assert list(pair) == ["honest", "masked"]
    for name, (model, x, y, eps) in pair.items():
        assert share(model, x, y) == 1 and len(x) == 40
        assert doubts(OTHER_LOSS, NO_SLOPE)(model, x, y, eps) == (name == "masked")
    assert torch.equal(pair["honest"][1], pair["masked"][1])
