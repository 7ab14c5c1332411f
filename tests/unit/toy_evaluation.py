"""A toy experiment on top of the toy: it counts what the trained network gets right, on points moved by `shift`.

TOY_LOG gets a line a run; TOY_PAUSE is how long one lasts.
"""

import os
import time
from dataclasses import dataclass

import torch
import toy_experiment

from dbp.metrics import accuracy

IS_DBP_EXPERIMENT = True

NAME = "toy_evaluation"


@dataclass(frozen=True)
class Config:
    """The network that is evaluated, and how far its points are moved."""

    network: toy_experiment.Config
    shift: float = 0.1

    @property
    def dataset(self):
        return self.network.dataset

    @property
    def source(self):
        return self.network.source


def plan(profile):
    return [Config(network, shift) for network in toy_experiment.plan(profile) for shift in (0.0, 0.1)]


def needs(config):
    return [(toy_experiment, config.network)]


def roots(config):
    return []


def moved(x, shift):
    return (x + shift * (0.5 - x).sign()).clamp(0, 1)


def run(config, *, networks, checkpoint=None, report=None):
    if os.environ.get("TOY_LOG"):
        with open(os.environ["TOY_LOG"], "a") as log:
            log.write(f"evaluation of {config.network.lam} {config.network.seed}, {config.shift}\n")
    time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
    points = toy_experiment.points(torch.Generator().manual_seed(99))
    return {"accuracy": accuracy(networks[0], moved(points.images, config.shift), points.labels)}
