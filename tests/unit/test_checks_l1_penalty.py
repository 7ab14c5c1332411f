"""Each check of chapter 03 passes the solution and tells a plausible wrong answer what it did."""

import pytest
from torch.nn import functional as F

from dbp import checks
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
