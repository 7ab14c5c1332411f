"""Random inputs for the exercises, one line each, by the label of the exercise."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from dbp.models.vae import VAE, Bernoulli


class Case(NamedTuple):
    """How an exercise is tried.

    Attributes:
        given: a generator to the arguments of the student's function.
        seen: an answer to that part of it in which all right answers agree.
        tolerance: of two numbers, absolute and relative.
    """

    given: Callable[[Generator], tuple]
    seen: Callable = lambda answer: answer
    tolerance: float = 1e-4


def normal(g: Generator, *shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=g)


def uniform(g: Generator, *shape: int) -> Tensor:
    """Numbers in [0, 1), as pixels are."""
    return torch.rand(shape, generator=g)


def labels(g: Generator, count: int, classes: int) -> Tensor:
    """Classes, int64."""
    return torch.randint(classes, (count,), generator=g)


def number(g: Generator, low: float, high: float) -> float:
    """A number between two others."""
    return low + (high - low) * float(uniform(g, 1))


def count(g: Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(torch.randint(low, high + 1, (1,), generator=g))


def layer(g: Generator, inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with normal weights and biases."""
    found = nn.Linear(inputs, outputs)
    found.weight.data, found.bias.data = normal(g, outputs, inputs), normal(g, outputs)
    return found


def classifier(g: Generator) -> nn.Module:
    """A smooth classifier of images [B, 1, 2, 3] into four classes."""
    return nn.Sequential(nn.Flatten(), layer(g, 6, 5), nn.Tanh(), layer(g, 5, 4))


def autoencoder(g: Generator) -> VAE:
    """Of images [B, 1, 2, 3], with two latents."""
    encoder = nn.Sequential(nn.Flatten(), layer(g, 6, 4), nn.Tanh())
    return VAE(encoder, nn.Sequential(layer(g, 2, 6), nn.Unflatten(1, (1, 2, 3))), 2, Bernoulli())


def covariance(g: Generator, *shape: int) -> Tensor:
    """Symmetric positive definite matrices, float64, [..., D, D]."""
    root = normal(g, *shape).double()
    return root @ root.mT + torch.eye(shape[-1], dtype=torch.float64)


def _attacked(g: Generator) -> tuple:
    return classifier(g), uniform(g, 5, 1, 2, 3), labels(g, 5, 4), number(g, 0.02, 0.2)


def _linear(g: Generator) -> tuple:
    weights, bias, x = normal(g, 4, 6), normal(g, 4), normal(g, 6)
    return weights, bias, x, int((weights @ x + bias).argmax())


def _curve(g: Generator) -> tuple[Tensor, Tensor]:
    inner = uniform(g, 5).double().sort().values
    distance = torch.cat([torch.ones(1).double(), uniform(g, 6).double()])
    return torch.cat([torch.zeros(1).double(), inner, torch.full((1,), 1.2).double()]), distance


def _outputs(g: Generator) -> tuple[Tensor, Tensor]:
    x = normal(g, 3, 1, 2, 2).requires_grad_()
    return (x.flatten(1) @ normal(g, 4, 3)).tanh(), x


def _loss(g: Generator) -> tuple[Tensor, Tensor]:
    x = normal(g, 3, 1, 2, 2).requires_grad_()
    return (x.flatten(1) @ normal(g, 4)).sin(), x


def _curved(g: Generator) -> tuple:
    A = torch.diag(torch.tensor([4.0, 1.5, 0.5])) @ normal(g, 3, 6)
    return lambda image: (A @ image.flatten() / 5).sin(), normal(g, 1, 2, 3) / 5, g


def _densities(g: Generator) -> tuple:
    def drawn(n: int) -> Tensor:  # one class far likelier than the rest, so that sum and maximum rank alike
        return (normal(g, n, 1) * 50 - 900).expand(-1, 3).scatter_add(1, labels(g, n, 3)[:, None], torch.full((n, 1), 800.0))

    return drawn(400), drawn(60), number(g, 0.1, 0.6)


def _loud(g: Generator) -> tuple[Tensor, Tensor]:
    honest = 3 * normal(g, 400, 5).double()
    return number(g, 0.5, 9) * honest - 500, honest.softmax(1).multinomial(1, generator=g)[:, 0]


def _steps(g: Generator) -> tuple:
    level = torch.tensor([0.2, 0.5, 0.8])[torch.randperm(3, generator=g)]
    ends = {eta: uniform(g, 2, 50) < share for eta, share in zip((0.02, 0.05, 0.2), level, strict=True)}
    return lambda eta, half: ends[eta][half], [*ends]


def _window(g: Generator) -> tuple[int, int, float, float]:
    left = number(g, 1, 10)
    return count(g, 24, 64), count(g, 4, 14), left, left + number(g, 3, 12)


def _painter(g: Generator) -> tuple:
    weights = normal(g, 5)

    def paint(copies: list[Tensor]) -> Tensor:
        return sum(weight * copy for weight, copy in zip(weights, copies, strict=True))

    return paint, uniform(g, 3, 1, 2, 2), 5


def _strengths(g: Generator) -> tuple:
    clean = torch.tensor([98.5, 97.9, 97.4, 96.0, 99.0])[torch.randperm(5, generator=g)][:, None]
    return clean + normal(g, 5, 4) / 10, 90 * uniform(g, 5, 4), 97.0


def _transfer(g: Generator) -> tuple:
    return ([classifier(g) for _ in range(3)], uniform(g, 20, 1, 2, 3), labels(g, 20, 4),
            lambda model, x, y: (x + 0.3 * model[1].weight.sum(0).sign().view(1, 1, 2, 3)).clamp(0, 1))


def _falling(g: Generator) -> tuple:
    speed, level = number(g, 5, 15), number(g, 30, 80)
    return lambda eps: 100 * math.exp(-speed * eps), level, 0.0, 0.3


def _defences(g: Generator) -> tuple:
    def percent(middle: float, spread: float) -> list[float]:
        return (middle + spread * normal(g, 3)).tolist()

    rows = [{"name": f"defence {row}", "clean": percent(number(g, 95, 99), number(g, 0.05, 0.8)),
             "worst": percent(number(g, 10, 80), 2), "cost": float(count(g, 1, 12))} for row in range(9)]
    return rows, number(g, 95, 97), float(count(g, 3, 12))


INPUTS = {
    "ex-one-step": Case(_attacked),
    "ex-projection": Case(lambda g: (uniform(g, 4, 5) + normal(g, 4, 5) / 4, uniform(g, 4, 5), number(g, 0.05, 0.3))),
    "ex-margin": Case(lambda g: (3 * normal(g, 6, 4), labels(g, 6, 4))),
    "ex-worst-case": Case(lambda g: ({name: uniform(g, 30) > 0.3 for name in ("one", "two", "three")},)),
    "ex-linear": Case(_linear),
    "ex-input-gradient": Case(lambda g: (normal(g, 4, 5), normal(g, 4), normal(g, 6, 5), labels(g, 6, 4))),
    "ex-loss-gradient-penalty": Case(_loss),
    "ex-jacobian-penalty": Case(_outputs),
    "ex-free-pass": Case(lambda g: (layer(g, 4, 5),), lambda changed: changed.weight),
    "same-penalty": Case(lambda g: (number(g, 1, 9), count(g, 2, 20), count(g, 5, 900)), tolerance=1e-6),
    "penalised-loss": Case(_attacked),
    "stopping-rule": Case(lambda g: ((0.9 + 0.05 * uniform(g, count(g, 8, 24))).tolist(),)),
    "adversarial-batch": Case(_attacked),
    "footnote-penalty": Case(_outputs),
    "paired-gain": Case(lambda g: ((90 + normal(g, 5)).tolist(), (88 + normal(g, 5)).tolist()), tolerance=1e-3),
    "choose-defence": Case(_defences),
    "negative-elbo": Case(lambda g: (autoencoder(g), uniform(g, 3, 1, 2, 3), normal(g, 3, 2))),
    "latents-in-use": Case(lambda g: (normal(g, 6, 5) * uniform(g, 5), normal(g, 6, 5) * uniform(g, 5),
                                      number(g, 0.1, 0.4))),
    "steepest-direction": Case(_curved, lambda v: torch.outer(v.flatten(), v.flatten()), 2e-3),  # the sign is free
    "linear-paths": Case(lambda g: (normal(g, 4, 4), normal(g, 4))),
    "summed-lambda": Case(lambda g: (number(g, 0.1, 9), count(g, 2, 900)), tolerance=1e-6),
    "dbp-objective": Case(lambda g: (autoencoder(g), uniform(g, 3, 1, 2, 3), normal(g, 3, 2), number(g, 0.1, 2),
                                     ("attached", "detached")[count(g, 0, 1)])),
    "error-image": Case(lambda g: (uniform(g, 2, 1, 3, 3), 3 * normal(g, 2, 1, 3, 3))),
    "kl-of-steps": Case(lambda g: ([normal(g, 4, 3) for _ in range(3)], [normal(g, 4, 3) for _ in range(3)])),
    "blind-one": Case(_painter),
    "place-window": Case(_window),
    "products-saved": Case(lambda g: (count(g, 2, 20), count(g, 4, 900), count(g, 2, 300))),
    "area-under": Case(lambda g: ([0.0, *(1.3 * uniform(g, 7)).tolist()], uniform(g, 8).tolist())),
    "lower-envelope": Case(lambda g: ([_curve(g), _curve(g)], uniform(g, 9).double().sort().values)),
    "paired-difference": Case(lambda g: (uniform(g, 12), uniform(g, 12))),
    "steepest-slope": Case(lambda g: (number(g, 0.5, 5), number(g, 0.3, 3))),
    "bic-of-mixture": Case(lambda g: (-number(g, 100, 5000), count(g, 50, 5000), count(g, 1, 9), count(g, 2, 32))),
    "turn-down": Case(_loud, tolerance=0.02),
    "recognises": Case(_densities),
    "linear-head": Case(lambda g: (normal(g, 4, 3).double(), covariance(g, 3, 3)),
                        lambda head: (head[0] - head[0][:1], head[1] - head[1][:1])),  # the same for all classes is free
    "mixture-pull": Case(lambda g: (normal(g, 3).double(), normal(g, 4, 3).double(), covariance(g, 4, 3, 3),
                                    normal(g, 4).double().softmax(0))),
    "slope-on-logits": Case(lambda g: (3 * normal(g, 5, 4).double(), labels(g, 5, 4))),
    "fair-step": Case(_steps),
    "arrival": Case(lambda g: (uniform(g, 9, 12) > 0.85, uniform(g, 9, 12).cumsum(0))),
    "walk-without-sign": Case(lambda g: (classifier(g), uniform(g, 4, 1, 2, 3), labels(g, 4, 4), count(g, 2, 6),
                                         number(g, 0.05, 0.2))),
    "nearest-of-class": Case(lambda g: (uniform(g, 5, 1, 2, 3), labels(g, 5, 3), uniform(g, 60, 1, 2, 3), labels(g, 60, 3))),
    "sign-test": Case(lambda g: (uniform(g, 60) > 0.4, uniform(g, 60) > 0.6)),
    "missed": Case(lambda g: (number(g, 0, 100), number(g, 0, 100))),
    "find-eps": Case(_falling, tolerance=1.1e-3),
    "hold-on": Case(lambda g: (uniform(g, 6, 30) > 0.3,)),
    "transfer-table": Case(_transfer),
    "farthest-push": Case(lambda g: (normal(g, 4, 9), uniform(g, 9), number(g, 0.02, 0.3))),
    "on-frontier": Case(lambda g: ((9 * uniform(g, 12)).round(), (9 * uniform(g, 12)).round())),  # with ties
    "strength-for-a-price": Case(_strengths),
}

WITHOUT = {
    "masked-gradient": "an experiment: the check judges the verdicts on networks that it trains itself",
    "ex-break-rounded": "a search: the check judges what is found by what it does to the network",
    "ex-choose-lambda": "an experiment: the check judges the strength on points that nobody chose by",
    "choose-price": "an experiment: the check trains a network at the price that was chosen",
    "ex-flat-ends": "any steep function is right, and there is no input to have an answer ready for",
    "which-gradient": "four words, and no input",
    "choose-penalty": "a search: the check judges the choice by networks from other seeds",
    "break-it": "a search: the check judges what is found by what it does to the network",
    "break-masked": "a search: the check judges what is found by what it does to the network",
    "who-hides": "an experiment: the check judges the verdicts on networks of its own",
    "only-the-class": "a search: the check judges what is found by what it does to the defence",
}
