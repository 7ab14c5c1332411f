"""Each check of chapter 10 passes the solution and tells a plausible wrong answer what it did."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from dbp.checks import image_transition as checks
from dbp.intervals import wilson


def parts(logits, target):
    p = logits.softmax(1)
    miss = p - one_hot(target, logits.shape[1])
    return p, miss, miss / miss.norm(dim=1, keepdim=True)


def slope(logits, target):
    p, _, u = parts(logits, target)
    return p * (u - (p * u).sum(1, keepdim=True))


def squared(logits, target):
    return 2 * slope(logits, target) * parts(logits, target)[1].norm(dim=1, keepdim=True)


def test_right_slope_passes():
    assert "Right" in checks.slope_on_logits(slope)


def test_slope_by_autograd_passes_too():
    def student(logits, target):
        logits = logits.requires_grad_()
        (found,) = torch.autograd.grad((one_hot(target, 3) - logits.softmax(1)).norm(dim=1).sum(), logits)
        return found

    assert "Right" in checks.slope_on_logits(student)


@pytest.mark.parametrize("student, words", [
    (lambda x, t: -slope(x, t), "the other way round"),
    (lambda x, t: parts(x, t)[2], "a Jacobian of its own"),
    (squared, "slope of the squared norm"),
    (lambda x, t: squared(x, t) / 2, "divide by"),
    (lambda x, t: parts(x, t)[1], "cross-entropy"),
    (lambda x, t: parts(x, t)[0] * parts(x, t)[2], "takes from the other classes"),
    (lambda x, t: slope(x, t) + 1, "expected"),
    (lambda x, t: slope(x, t).sum(1), "shape"),
])  # fmt: skip
def test_wrong_slope_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.slope_on_logits(student)


def arrive(says, moved, *, at=None, missing=math.nan):
    reached = says.any(0)
    step = says.int().argmax(0) if at is None else torch.full(says.shape[1:], at)
    distance = moved.gather(0, step[None])[0]
    return reached, distance.where(reached, missing)


def test_right_arrival_passes():
    assert "Right" in checks.arrival(arrive)


@pytest.mark.parametrize("student, words", [
    (lambda says, moved: arrive(says, moved, missing=0.0), "never arrived, expected nan"),
    (lambda says, moved: arrive(says, moved, at=-1 + len(says)), "in the end"),
    (lambda says, moved: (says[-1], arrive(says, moved)[1]), "left again"),
    (lambda says, moved: (~says.any(0), arrive(says, moved)[1]), "reached: found"),
    (lambda says, moved: (says.any(0), moved.where(says, torch.nan)[2]), "expected"),
    (lambda says, moved: arrive(says, moved)[1], "two tensors"),
])  # fmt: skip
def test_wrong_arrival_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.arrival(student)


def go(model, x, target, steps, length, *, sign=False, whole_batch=False, clamp=True, down=-1, loss="odds", backward=False):
    path = [x]
    for _ in range(steps):
        point = path[-1].clone().requires_grad_()
        logits = model(point)
        wanted = logits.gather(1, target[:, None])[:, 0]
        odds = logits.scatter(1, target[:, None], -torch.inf).logsumexp(1) - wanted
        value = (odds if loss == "odds" else -wanted).sum()
        if backward:
            value.backward()
            gradient = point.grad
        else:
            (gradient,) = torch.autograd.grad(value, point)
        size = gradient.norm() if whole_batch else gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        step = gradient.sign() if sign else gradient / size
        moved = point.detach() + down * length * step
        path.append(moved.clamp(0, 1) if clamp else moved)
    return torch.stack(path)


def test_right_walk_passes():
    assert "Right" in checks.walk_without_sign(go)


@pytest.mark.parametrize("slip, words", [
    (dict(sign=True), "still the sign"),
    (dict(whole_batch=True), "not by the batch's"),
    (dict(clamp=False, down=1), r"pixels must lie in \[0, 1\]"),
    (dict(down=1), "away from the target"),
    (dict(loss="logit"), "is it the gradient of the log odds"),
    (dict(backward=True), "parameters have a gradient"),
])  # fmt: skip
def test_wrong_walk_is_told_why(slip, words):
    with pytest.raises(AssertionError, match=words):
        checks.walk_without_sign(lambda *arguments: go(*arguments, **slip))


def test_a_walk_without_its_beginning_is_told_so():
    with pytest.raises(AssertionError, match="shape"):
        checks.walk_without_sign(lambda *arguments: go(*arguments)[1:])


def apart(x, wanted, images, labels, *, order=2.0, any_class=False):
    distances = torch.cdist(x.flatten(1), images.flatten(1), p=order)
    return distances if any_class else distances.where(labels == wanted[:, None], torch.inf)


def test_right_distance_passes():
    assert "Right" in checks.nearest_of_class(lambda *arguments: apart(*arguments).amin(1))


@pytest.mark.parametrize("student, words", [
    (lambda *arguments: apart(*arguments).amin(1) ** 2, "squared"),
    (lambda *arguments: apart(*arguments, any_class=True).amin(1), "of any class"),
    (lambda *arguments: apart(*arguments, order=1.0).amin(1), "L1"),
    (lambda *arguments: apart(*arguments, order=math.inf).amin(1), "largest differences"),
    (lambda *arguments: apart(*arguments).argmin(1).float(), "indices"),
    (lambda *arguments: apart(*arguments), "shape"),
])  # fmt: skip
def test_wrong_distance_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.nearest_of_class(student)


def compare(one, other, *, sides=2, exactly=False, both=False, most=1.0):
    a, b = int((one & ~other).sum()), int((other & ~one).sum())
    outcomes = [max(a, b)] if exactly else range(max(a, b), a + b + 1)
    p = min(most, sides * sum(math.comb(a + b, k) for k in outcomes) / 2 ** (a + b))
    return (int(one.sum()), int(other.sum()), p) if both else (a, b, p)


def test_right_sign_test_passes():
    assert "Right" in checks.sign_test(compare)


@pytest.mark.parametrize("student, words", [
    (lambda one, other: compare(one, other, sides=1), "one side only"),
    (lambda one, other: compare(one, other, exactly=True), "even more uneven"),
    (lambda one, other: compare(one, other, both=True), "leave out the pairs"),
    (lambda one, other: compare(other, one), "first the pairs"),
    (lambda one, other: compare(one, other, most=9.0), "expected 1"),
    (lambda one, other: compare(one, other)[2], "three numbers"),
])  # fmt: skip
def test_wrong_sign_test_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.sign_test(student)


def fair(arrive, etas, *, choose=(0,), judge=(1,)):
    def of(eta, halves):
        return torch.cat([arrive(eta, half) for half in halves])

    best = max(etas, key=lambda eta: int(of(eta, choose).sum()))
    ends = of(best, judge)
    return best, *wilson(int(ends.sum()), len(ends))


def peeking(arrive, etas):
    for eta in etas:
        arrive(eta, 1)
    return fair(arrive, etas)


def missing(arrive, etas):
    return fair(lambda eta, half: ~arrive(eta, half), etas)


def test_right_fair_interval_passes():
    assert "Right" in checks.fair_interval(fair)


@pytest.mark.parametrize("student, words", [
    (lambda *given: fair(*given, judge=(0,)), "because. it did well there"),
    (lambda *given: fair(*given, choose=(0, 1), judge=(0, 1)), "used to choose"),
    (lambda *given: fair(*given, choose=(1,)), "choose on the first"),
    (missing, "expected 0.1"),
    (lambda *given: (fair(*given)[0], *(100 * end for end in fair(*given)[1:])), "not percent"),
    (lambda *given: (fair(*given)[0], *fair(*given)[:0:-1]), "lower end comes first"),
    (lambda *given: fair(*given)[1:], "three numbers"),
    (lambda *given: (fair(*given)[0], 0.42, 0.42), "Wilson's interval for 21 of 50"),
    (peeking, "kept for the one chosen"),
])  # fmt: skip
def test_wrong_fair_interval_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.fair_interval(student)
