"""Each check of chapter 12 passes the solution and tells a plausible wrong answer what it did."""

import pytest
import torch
from torch import nn

from dbp.attacks import diagnostics, fgsm, pgd, random_noise
from dbp.checks import flat_codes as checks
from dbp.intervals import student as interval
from dbp.metrics import accuracy


def push(J, x, eps):
    up, down = (1 - x).clamp(max=eps), x.clamp(max=eps)
    highest, lowest = J.clamp(min=0) @ up - J.clamp(max=0) @ down, J.clamp(min=0) @ down - J.clamp(max=0) @ up
    return highest.maximum(lowest)


def test_right_push_passes():
    assert "Right" in checks.farthest_push(push)


@pytest.mark.parametrize("answer, words", [
    (lambda J, x, eps: eps * J.abs().sum(1), "cannot go down"),
    (lambda J, x, eps: J.clamp(min=0) @ (1 - x).clamp(max=eps) - J.clamp(max=0) @ x.clamp(max=eps), "farthest upwards"),
    (lambda J, x, eps: J.clamp(min=0) @ x.clamp(max=eps) - J.clamp(max=0) @ (1 - x).clamp(max=eps), "farthest downwards"),
    (lambda J, x, eps: J.abs() @ ((1 - x).clamp(max=eps) + x.clamp(max=eps)), "from one end to the other"),
    (lambda J, x, eps: eps * J.norm(dim=1), "L2 norm"),
    (lambda J, x, eps: eps * J.sum(1).abs(), "each goes where it helps"),
    (lambda J, x, eps: J.sum(1) * 0, "expected"),
    (lambda J, x, eps: eps * J.abs().sum(0), "expected a tensor of shape"),
])  # fmt: skip
def test_wrong_pushes_are_told_why(answer, words):
    with pytest.raises(AssertionError, match=words):
        checks.farthest_push(answer)


def asks_everything(model, x, y, eps):
    return diagnostics(model, x, y, eps=eps, eps_grid=(0.1, 0.2, 0.5)).suspicious.any()


def test_the_diagnostics_find_out_who_hides():
    assert "Right" in checks.hides(asks_everything)


def stands(model, x, y, eps):
    return accuracy(model, pgd(model, x, y, eps), y) > 0.5


@pytest.mark.parametrize("answer, words", [
    (lambda *given: False, "every slope is exactly zero"),
    (lambda *given: True, "an honest one that falls"),
    (stands, "no sign of a mask"),
    (lambda model, x, y, eps: accuracy(model, fgsm(model, x, y, eps), y) < accuracy(model, pgd(model, x, y, eps), y),
     "every slope is exactly zero"),
    (lambda model, x, y, eps: accuracy(model, random_noise(model, x, y, eps), y) < accuracy(model, pgd(model, x, y, eps), y),
     "they point anywhere"),
])  # fmt: skip
def test_who_asks_too_little_is_told_what_was_missed(answer, words):
    with pytest.raises(AssertionError, match=words):
        checks.hides(answer)


def unbeaten(clean, worst, strictly=True):
    as_good = (clean[:, None] >= clean) & (worst[:, None] >= worst)
    better = (clean[:, None] > clean) | (worst[:, None] > worst) if strictly else ~torch.eye(len(clean), dtype=torch.bool)
    return ~(as_good & better).any(0)


def test_the_right_frontier_passes():
    assert "Right" in checks.on_frontier(unbeaten)


@pytest.mark.parametrize("answer, words", [
    (lambda clean, worst: ~unbeaten(clean, worst), "upside down"),
    (lambda clean, worst: unbeaten(clean, worst, strictly=False), "do not beat each other"),
    (lambda clean, worst: ~((clean[:, None] > clean) & (worst[:, None] > worst)).any(0), "the third is as good"),
    (lambda clean, worst: torch.ones(7, dtype=torch.bool) ^ (torch.arange(7) == 2), "the sixth is worse"),
    (lambda clean, worst: [0, 1], "expected a tensor"),
])  # fmt: skip
def test_wrong_frontiers_are_told_why(answer, words):
    with pytest.raises(AssertionError, match=words):
        checks.on_frontier(answer)


def choose(clean, worst, least, keeps=lambda accuracies: interval(accuracies)[0]):
    kept = [at for at, accuracies in enumerate(clean.tolist()) if keeps(accuracies) >= least]
    return max(kept, key=lambda at: worst[at].mean()) if kept else None


def test_the_right_choice_passes():
    assert "Right" in checks.strength_within(choose)


@pytest.mark.parametrize("answer, words", [
    (lambda clean, worst, least: int(worst.mean(1).argmax()), "below the budget"),
    (lambda *given: choose(*given, keeps=lambda accuracies: sum(accuracies) / 3), "one seed in three"),
    (lambda clean, worst, least: int(clean.mean(1).argmax()), "another that stands far better"),
    (lambda clean, worst, least: None, "return its index"),
    (lambda *given: 1 if choose(*given) is None else choose(*given), "better to say so"),
])  # fmt: skip
def test_wrong_choices_are_told_why(answer, words):
    with pytest.raises(AssertionError, match=words):
        checks.strength_within(answer)


def copy_and_climb(ask, x, y, more, eps, steps=150, climb=pgd):
    labels, torch_state = ask(more), torch.random.get_rng_state()
    torch.manual_seed(0)
    copy = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4))
    torch.random.set_rng_state(torch_state)
    optimiser = torch.optim.Adam(copy.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(copy(more), labels).backward()
        optimiser.step()
    return climb(copy, x, y, eps)


def test_a_copy_breaks_what_says_only_the_class():
    assert "Broken" in checks.break_by_labels(copy_and_climb)


@pytest.mark.parametrize("answer, words", [
    (lambda ask, x, y, more, eps: x, "no image has moved"),
    (lambda ask, x, y, more, eps: (x + eps * (2 * (torch.rand(x.shape) < 0.5) - 1)).clamp(0, 1), "chance"),
    (lambda ask, x, y, more, eps: copy_and_climb(ask, x, y, more, 2 * eps), "a pixel moved"),
    (lambda ask, x, y, more, eps: x + eps, "pixels must lie"),
    (lambda ask, x, y, more, eps: [ask(more) for _ in range(2)] and copy_and_climb(ask, x, y, more, eps), "train a copy"),
    (lambda ask, x, y, more, eps: copy_and_climb(ask, x, y, more, eps)[:50], "expected a tensor of shape"),
])  # fmt: skip
def test_wrong_ways_through_the_silence_are_told_why(answer, words):
    with pytest.raises(AssertionError, match=words):
        checks.break_by_labels(answer)
