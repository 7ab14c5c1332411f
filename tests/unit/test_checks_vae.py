"""Each check of chapter 05 passes the solution and tells a plausible wrong answer what it did."""

import pytest
import torch
from torch import func

from dbp import checks


def loss(width=lambda logvar: (logvar / 2).exp(), kl=lambda each: each.sum(1) / 2, sign=1, pixels=1, detach=False):
    def student(vae, x, noise):
        mu, logvar = vae.encode(x)
        drawn = (mu + width(logvar) * noise).detach() if detach else mu + width(logvar) * noise
        each = mu**2 + logvar.exp() - logvar - 1
        return vae.likelihood(vae.decode(drawn), x) / pixels + sign * kl(each)

    return student


def test_right_loss_passes():
    assert "Right" in checks.negative_elbo(loss())


@pytest.mark.parametrize("student, words", [
    (loss(width=lambda logvar: logvar.exp()), "exp\\(logvar\\) is the variance"),
    (loss(width=lambda logvar: 0), "noise was left out"),
    (loss(sign=-1), "KL was taken off"),
    (loss(sign=0), "KL is missing"),
    (loss(kl=lambda each: each.sum(1)), "factor of one half"),
    (loss(kl=lambda each: each.mean(1) / 2), "KL is added over the latents"),
    (loss(pixels=2), "added over the pixels"),
    (lambda *given: -loss()(*given), "the loss is minus it"),
    (lambda *given: loss()(*given).mean(), "shape"),
    (loss(detach=True), "cannot learn from it"),
    (lambda *given: loss()(*given).detach(), "cannot learn from it"),
    (lambda *given: loss()(*given) + 1, "= reconstruction"),
])
def test_wrong_loss_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.negative_elbo(student)


def in_use(measure, descending=True, sort=True):
    def student(mu, logvar, least):
        values = measure(mu, mu**2 + logvar.exp() - logvar - 1)
        order = values.argsort(descending=descending) if sort else range(len(values))
        return [int(latent) for latent in order if values[latent] >= least]

    return student


def test_right_latents_pass():
    assert "Right" in checks.latents_in_use(in_use(lambda mu, each: each.mean(0) / 2))


@pytest.mark.parametrize("student, words", [
    (in_use(lambda mu, each: each.mean(0) / 2, descending=False), "comes first"),
    (in_use(lambda mu, each: each.mean(0) / 2, sort=False), "comes first"),
    (in_use(lambda mu, each: each.sum(0) / 2), "was it added up"),
    (in_use(lambda mu, each: mu.square().mean(0) - 0.2), "through its width"),
    (in_use(lambda mu, each: (each - mu**2 + mu.mean(0) ** 2).mean(0) / 2), "cancel"),
    (lambda mu, logvar, least: [0], "0.125 nats"),
])
def test_wrong_latents_are_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.latents_in_use(student)


def steepest(f, x, generator, rounds=100):
    v, backwards = torch.randn(x.shape, generator=generator), func.vjp(f, x)[1]
    forwards = func.vjp(backwards, torch.zeros_like(f(x)))[1]
    for _ in range(rounds):
        (v,) = backwards(*forwards((v / v.norm(),)))
    return v / v.norm()


def singular(row, at=lambda x: x):
    return lambda f, x, generator: torch.linalg.svd(func.jacrev(f)(at(x)).flatten(1))[2][row].reshape(x.shape)


def test_right_direction_passes_with_either_sign():
    assert "Right" in checks.steepest_direction(steepest)
    assert "Right" in checks.steepest_direction(lambda *given: -steepest(*given))


@pytest.mark.parametrize("student, words", [
    (lambda *given: 3 * steepest(*given), "length 3.000"),
    (singular(0, at=torch.zeros_like), "direction of A"),
    (singular(2), "flattest"),
    (lambda f, x, generator: (lambda g: g / g.norm())(func.grad(lambda x: f(x).sum())(x)), "rows can cancel"),
    (lambda *given: steepest(*given, rounds=0), "often enough"),
    (lambda *given: steepest(*given).flatten(), "shape"),
])
def test_wrong_direction_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.steepest_direction(student)


def halving(train, low=1.0, high=64.0):
    for _ in range(10):
        middle = (low * high) ** 0.5
        used, _ = train(middle)
        if used == 2:
            return middle
        low, high = (middle, high) if used > 2 else (low, middle)
    return low


def test_right_price_passes():
    assert "two latents are in use" in checks.choose_price(halving)


@pytest.mark.parametrize("student, words", [
    (lambda train: 1.0, "8 of 8 latents are in use.*raise the price"),
    (lambda train: 784.0, "no latent is in use.*mean image"),
    (lambda train: 4.0, "1 of 8 latents are in use.*lower the price"),
    (lambda train: 2.83, "a guess is no result"),
    (lambda train: 0.0, "a price is above zero"),
    (lambda train: [train(64.0) for _ in range(20)], "more than 15 times"),
])
def test_wrong_price_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.choose_price(student)
