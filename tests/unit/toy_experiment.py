"""A toy experiment for the tests of records and sweeps: a linear network on made-up points, trained in milliseconds.

What a test wants to happen in a worker process is said in the environment: TOY_LOG names a file that gets a line a run,
TOY_PAUSE the seconds that an epoch lasts at least, TOY_FAILS the seed whose run raises, TOY_NAN that whose measure is NaN,
TOY_FULL that the disk is full from the first run on.
"""

import dataclasses
import errno
import os
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from dbp.data import Split
from dbp.training import ClassifierTraining, fit_classifier

IS_DBP_EXPERIMENT = True

NAME = "toy"
POINTS = 60
REPLACE = os.replace


@dataclass(frozen=True)
class Config:
    """`lam` weighs the squared logits; the rest is as in the book's experiments."""

    lam: float
    seed: int
    epochs: int = 3
    model: str = "linear"
    dataset: str = "mnist"
    source: str = "embedded"


def plan(profile):
    scale = profile.l1_penalty
    return [Config(float(lam), seed) for seed in range(scale.parts[0].seeds) for lam in scale.lambdas]


def scaled(profile, seeds, lambdas=(0.0, 0.1)):
    """The profile with other seeds and lambdas, two runs of the toy a seed."""
    part = dataclasses.replace(profile.l1_penalty.parts[0], seeds=seeds)
    return dataclasses.replace(profile, l1_penalty=dataclasses.replace(profile.l1_penalty, lambdas=lambdas, parts=(part,)))


def roots(config):
    return []


def points(generator):
    """Points of the unit square of four pixels; the class is the largest of the first three."""
    images = torch.rand(POINTS, 1, 2, 2, generator=generator)
    return Split(images, images.flatten(1)[:, :3].argmax(1))


def penalised(config):
    def objective(model, x, y, generator):
        time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
        logits = model(x + 0.01 * torch.randn(x.shape, generator=generator))
        return {"loss": F.cross_entropy(logits, y, reduction="none"), "penalty": config.lam * logits.square().sum(1)}

    return objective


def network(config):
    generator = torch.Generator().manual_seed(config.seed)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    torch.nn.init.normal_(model[1].weight, generator=generator)
    torch.nn.init.zeros_(model[1].bias)
    return model


def full_disk(before, after):
    if "records" in str(after):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return REPLACE(before, after)


def run(config, *, checkpoint=None, report=None):
    if os.environ.get("TOY_LOG"):
        with open(os.environ["TOY_LOG"], "a") as log:
            log.write(f"{config.lam} {config.seed}\n")
    if os.environ.get("TOY_FAILS") == str(config.seed):
        raise RuntimeError(f"seed {config.seed} was told to fail")
    if os.environ.get("TOY_FULL"):
        os.replace = full_disk
    generator, model = torch.Generator().manual_seed(config.seed), network(config)
    train, validation = points(generator), points(generator)
    settings = ClassifierTraining(max_epochs=config.epochs, batch_size=POINTS, learning_rate=0.05)
    history = fit_classifier(
        model, train, validation, settings, objective=penalised(config), generator=generator, checkpoint=checkpoint,
        report=report,
    )
    weight = float("nan") if os.environ.get("TOY_NAN") == str(config.seed) else float(model[1].weight.detach().abs().sum())
    return {"weight": weight, "history": history}
