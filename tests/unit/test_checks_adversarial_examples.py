"""The checks of chapter 01 pass on a right answer and teach on plausible wrong ones."""

import pytest
import torch
from torch.nn import functional as F

from dbp.attacks import pgd, random_noise
from dbp.checks import adversarial_examples as checks


def input_gradient(model, x, y):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)
    return gradient


def right_fgsm(model, x, y, eps):
    return (x + eps * input_gradient(model, x, y).sign()).clamp(0, 1)


def fgsm_that_fills_parameter_gradients(model, x, y, eps):
    pixels = x.clone().requires_grad_()
    F.cross_entropy(model(pixels), y).backward()
    return (x + eps * pixels.grad.sign()).clamp(0, 1)


def fgsm_that_keeps_the_graph(model, x, y, eps):
    pixels = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(pixels), y), pixels)
    return (pixels + eps * gradient.sign()).clamp(0, 1)


def right_projection(x_adv, x, eps):
    return (x + (x_adv - x).clamp(-eps, eps)).clamp(0, 1)


def right_margin(logits, y):
    others = logits.scatter(1, y[:, None], float("-inf")).amax(1)
    return others - logits.gather(1, y[:, None]).squeeze(1)


def right_worst_case(correct):
    return torch.stack(list(correct.values())).all(0).float().mean().item()


def right_linear(weights, bias, x, y):
    gaps, norms = _gaps_and_norms(weights, bias, x, y, order=1)
    return (gaps / norms).min()


def runner_up_only(weights, bias, x, y):
    gaps, norms = _gaps_and_norms(weights, bias, x, y, order=1)
    return gaps.min() / norms[gaps.argmin()]


def euclidean(weights, bias, x, y):
    gaps, norms = _gaps_and_norms(weights, bias, x, y, order=2)
    return (gaps / norms).min()


def one_row_only(weights, bias, x, y):
    logits = weights @ x + bias
    return (logits[y] - logits[1]) / weights[1].abs().sum()


def _gaps_and_norms(weights, bias, x, y, order):
    wrong = torch.arange(len(bias)) != y
    logits = weights @ x + bias
    return logits[y] - logits[wrong], torch.linalg.vector_norm(weights[y] - weights[wrong], ord=order, dim=1)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (checks.fast_gradient_sign, right_fgsm),
        (checks.projection, right_projection),
        (checks.margin_loss, right_margin),
        (checks.worst_case_accuracy, right_worst_case),
        (checks.linear_robustness, right_linear),
    ],
)
def test_right_answer_passes(check, answer):
    assert check(answer).startswith("Well done")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda m, x, y, eps: (x - eps * input_gradient(m, x, y).sign()).clamp(0, 1), "downhill"),
        (lambda m, x, y, eps: x + eps * input_gradient(m, x, y).sign(), r"clip the result to \[0, 1\]"),
        (lambda m, x, y, eps: (x + eps * input_gradient(m, x, y)).clamp(0, 1), "take the sign of the gradient"),
        (lambda m, x, y, eps: (x + eps * input_gradient(m, x, y).sum(0).sign()).clamp(0, 1), "every example's own"),
        (fgsm_that_fills_parameter_gradients, "got a .grad"),
        (fgsm_that_keeps_the_graph, "detach"),
        (lambda m, x, y, eps: None, "does the function return it"),
    ],
)
def test_wrong_fgsm_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.fast_gradient_sign(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x_adv, x, eps: x_adv.clamp(0, 1), "clip x_adv - x as well"),
        (lambda x_adv, x, eps: x + (x_adv - x).clamp(-eps, eps), "pixels go from -0.05 to 1.05"),
        (lambda x_adv, x, eps: (x + eps * (x_adv - x).sign()).clamp(0, 1), "do not push to the rim"),
        (lambda x_adv, x, eps: (x + eps * F.normalize(x_adv - x)).clamp(0, 1), "each pixel on its own"),
        (lambda x_adv, x, eps: x_adv[0], "expected a tensor of shape"),
    ],
)
def test_wrong_projection_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.projection(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda logits, y: -right_margin(logits, y), "wrong way round"),
        (lambda logits, y: logits.amax(1) - logits.gather(1, y[:, None]).squeeze(1), "leave the true class out"),
        (lambda logits, y: right_margin(logits.softmax(1), y), "best wrong logit minus the true logit"),
        (lambda logits, y: right_margin(logits, y).mean(), "expected a tensor of shape"),
        (lambda logits, y: right_margin(logits.detach(), y) + 0 * logits.sum(1), "no detach"),
    ],
)
def test_wrong_margin_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.margin_loss(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda correct: min(outcome.float().mean() for outcome in correct.values()), "best single attack"),
        (lambda correct: torch.stack(list(correct.values())).float().mean(), "no attacker averages"),
        (lambda correct: torch.stack(list(correct.values())).any(0).float().mean(), "survives any attack"),
        (lambda correct: 1, "survives both"),
    ],
)
def test_wrong_worst_case_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.worst_case_accuracy(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (euclidean, "L2 norm"),
        (runner_up_only, "the runner-up is not the nearest"),
        (one_row_only, "true class's weights move too"),
        (lambda w, b, x, y: (w @ x + b)[y] - (w @ x + b)[1], "over an L1 norm"),
    ],
)
def test_wrong_linear_distance_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.linear_robustness(answer)


def attack_inside(model, x, y, eps, at=lambda model, x: (x * 4).round() / 4, sign=1.0):
    x_adv = x
    for _ in range(10):
        x_adv = x_adv + sign * eps / 4 * input_gradient(model.model, at(model, x_adv), y).sign()
        x_adv = (x + (x_adv - x).clamp(-eps, eps)).clamp(0, 1)
    return x_adv


@pytest.mark.parametrize("answer", [
    attack_inside,
    lambda model, x, y, eps: attack_inside(model, x, y, eps, at=lambda model, x: x),
    lambda model, x, y, eps: pgd(model.model, x, y, eps, steps=20),
])
def test_rounding_is_broken_by_any_attack_that_looks_behind_it(answer):
    assert checks.break_rounded(answer).startswith("Well done")


@pytest.mark.parametrize(("answer", "message"), [
    (lambda model, x, y, eps: x, "nothing has moved"),
    (lambda model, x, y, eps: pgd(model, x, y, eps, steps=20, random_start=False), "zero everywhere"),
    (lambda model, x, y, eps: pgd(model, x, y, eps, steps=20), "100% still stand"),
    (lambda model, x, y, eps: random_noise(model, x, y, eps), "Noise alone leaves nearly all"),
    (lambda model, x, y, eps: attack_inside(model, x, y, eps, sign=-1.0), "uphill"),
    (lambda model, x, y, eps: attack_inside(model, x, y, 3 * eps), "expected at most eps"),
    (lambda model, x, y, eps: x + eps * input_gradient(model.model, x, y).sign(), "stay in"),
    (lambda model, x, y, eps: None, "does the function return it"),
])
def test_an_attack_that_leaves_the_rounding_standing_is_told_why(answer, message):
    with pytest.raises(AssertionError, match=message):
        checks.break_rounded(answer)
