"""Each check of chapter 06 passes the solution and tells a plausible wrong answer what it did."""

import pytest
import torch

from dbp.checks import dbp_autoencoder as checks
from dbp.models.vae import kl_divergence
from dbp.penalties import loss_gradient_l2


def paths(A, x):
    return A.T @ (A @ x - x), x - A @ x


def test_right_paths_pass():
    assert "Right" in checks.linear_paths(paths)


@pytest.mark.parametrize("student, words", [
    (lambda A, x: (A @ (A @ x - x), x - A @ x), "transpose"),
    (lambda A, x: paths(A, x)[::-1], "other order"),
    (lambda A, x: (2 * paths(A, x)[0], 2 * paths(A, x)[1]), "one half"),
    (lambda A, x: (sum(paths(A, x)), paths(A, x)[1]), "keep them apart"),
    (lambda A, x: (paths(A, x)[0], A @ x - x), "has a minus"),
    (lambda A, x: (paths(A, x)[0], 0 * x), "not zero"),
    (lambda A, x: (paths(A, x)[0], 3 * x), "through the target"),
    (lambda A, x: sum(paths(A, x)), "two tensors"),
])
def test_wrong_paths_are_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.linear_paths(student)


def test_right_unit_passes():
    assert "Right" in checks.summed_lambda(lambda lam, pixels: lam / pixels)


@pytest.mark.parametrize("student, words", [
    (lambda lam, pixels: lam * pixels, "multiplied instead"),
    (lambda lam, pixels: lam / pixels**2, "divided twice"),
    (lambda lam, pixels: lam, "taken for the same"),
    (lambda lam, pixels: lam / pixels**0.5, "root of the pixels"),
    (lambda lam, pixels: 0.0, "8 / 4"),
])
def test_wrong_unit_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.summed_lambda(student)


def objective(power=1.0, kl=1.0, lam=None, weight=1.0, turned=False, noisy=True, of_kl=False, cut=False):
    def student(model, x, noise, lam2, target):
        x = x.clone().requires_grad_()
        out = model(x, noise if noisy else None)
        loss = model.likelihood(out.logits, x if (target == "attached") != turned else x.detach())
        divergence = kl_divergence(out.mu, out.logvar)
        penalty = loss_gradient_l2(loss + divergence if of_kl else loss, x) ** power
        penalty = penalty.detach() if cut else penalty
        return loss + kl * divergence + weight * (lam2 if lam is None else lam) * penalty

    return student


def test_right_objective_passes():
    assert "Right" in checks.dbp_objective(objective())


@pytest.mark.parametrize("student, words", [
    (objective(turned=True), "other reading"),
    (objective(kl=0.0), "KL divergence is missing"),
    (objective(weight=0.0), "penalty is missing"),
    (objective(power=0.5), "squares it"),
    (objective(lam=1.0), "lambda_2 is missing"),
    (objective(of_kl=True), "reconstruction loss alone"),
    (objective(noisy=False), "noise left out"),
    (objective(cut=True), "create_graph"),
    (lambda *given: objective()(*given).mean(), "shape"),
])
def test_wrong_objective_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.dbp_objective(student)


def test_toy_of_the_objective_agrees_with_autograd():
    model, x = checks._Toy(), torch.rand(3, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    noise = torch.ones(3, 1)
    loss, kl, penalty = checks._by_hand(model.w, x.flatten(1), noise)
    for target in ("attached", "detached"):
        assert torch.allclose(objective()(model, x, noise, 0.5, target), loss + kl + 0.5 * penalty[target], atol=1e-5)


RIGHT = {"Eq. (10)": "whole", "Section 3, in words": "jacobian", "target detached": "encoder path",
         "moves the reconstruction": "jacobian"}


def test_right_readings_pass():
    assert "Right" in checks.which_gradient(lambda: RIGHT)


@pytest.mark.parametrize("wrong, words", [
    ({"Eq. (10)": "encoder path"}, "detaches nothing"),
    ({"Section 3, in words": "whole"}, "dx'/dx is minimised"),
    ({"moves the reconstruction": "whole"}, "no target has a say"),
    ({"target detached": "both"}, "expected one of"),
])
def test_wrong_reading_is_told_why(wrong, words):
    with pytest.raises(AssertionError, match=words):
        checks.which_gradient(lambda: RIGHT | wrong)


def test_readings_that_are_no_dict_are_refused():
    with pytest.raises(AssertionError, match="expected a dict"):
        checks.which_gradient(lambda: None)


def trained_by(monkeypatch, collapses=1.0):
    """Stands in for the training: a stronger detached penalty flattens, and blurs from `collapses` on."""
    def trained(lam2, target, seed):
        slope = 2.0 * (1 + 10 * lam2) if target == "attached" else 2.0 / (1 + 3 * lam2)
        return 0.25 * (1.2 if lam2 >= collapses or (target == "attached" and lam2) else 1.0), slope

    monkeypatch.setattr(checks, "small_vae", trained)


def choose(lam2, target, tries=1):
    def student(train):
        for _ in range(tries):
            train(lam2, target)
        return lam2, target

    return student


def test_a_choice_that_flattens_and_keeps_the_picture_passes(monkeypatch):
    trained_by(monkeypatch)
    assert "Right" in checks.choose_penalty(choose(0.3, "detached"))


@pytest.mark.parametrize("student, words", [
    (choose(0.3, "attached"), "which part does an attacker use"),
    (choose(0.01, "detached"), "a stronger one flattens more"),
    (choose(3.0, "detached"), "Take less"),
    (choose(0.3, "detached", tries=21), "more than 20 times"),
    (choose(0.3, "detached", tries=0), "a guess is no result"),
    (lambda train: 0.3, "expected .lam2, target."),
    (lambda train: (0.3, "both"), "expected .lam2, target."),
])
def test_a_choice_that_does_not_is_told_why(monkeypatch, student, words):
    trained_by(monkeypatch)
    with pytest.raises(AssertionError, match=words):
        checks.choose_penalty(student)


def test_small_networks_tell_the_readings_apart():
    """The trainings themselves: the detached penalty passes where the text says, the attached one nowhere near."""
    assert "Right" in checks.choose_penalty(choose(0.3, "detached"))
    with pytest.raises(AssertionError, match="should fall to"):
        checks.choose_penalty(choose(0.03, "attached"))
