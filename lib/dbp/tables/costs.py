"""What does a training cost? Operations, counted and not timed, so that the number is the same on every machine."""

import dataclasses
import functools
from collections.abc import Mapping

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from dbp import experiments
from dbp.experiments import dbp_autoencoders
from dbp.training import autoencoder_terms

BATCH = 1  # every operation that counts is one for each image

# Fields that no product of a step depends on, each with a value that stands for all.
IDLE = {"seed": 0, "train_size": 1, "validation_size": 1, "test_size": 1, "max_epochs": 1, "eps": 0.1, "lam1": 1.0,
        "label_smoothing": 0.0, "weight_decay": 0.0, "input_noise": 0.0, "learning_rate": 1.0, "clip": 1.0,
        "gradient_images": 1, "projections": 1}


def count_step(experiment: str, config) -> float:
    """Operations of one training step, per image: forward, what is penalised, adversarial copies, and backward.

    Multiplications and additions of matrix products and convolutions, on random images. An autoencoder's step is the mean
    of those before and after the penalty's turn has come, by their shares of the epochs (P1 Eq. (12)).

    Args:
        experiment: one that trains networks.
        config: of a run of it; its seed and sizes do not count.

    Raises:
        ValueError: another experiment.
    """
    module = experiments.get(experiment)
    if isinstance(config, dbp_autoencoders.Config):
        settings = module.settings(config)
        late = 1 - settings.start if settings.lam2 > 0 else 0.0
        before, after = _autoencoder(module, config, False), _autoencoder(module, config, True) if late else 0.0
        return (1 - late) * before + late * after
    if not hasattr(module, "objective"):
        raise ValueError(f"experiment must be one that trains a network by an objective, but is {experiment!r}")
    return _classifier(module, config)


def count_training(experiment: str, fields: Mapping) -> float:
    """Operations of a whole training: those of a step per image, times images, times epochs.

    Args:
        experiment: as of `count_step`.
        fields: a row of `dbp.runs.load`: the configuration's fields, and `epochs` where it stops by a rule.
    """
    module = experiments.get(experiment)
    config = module.Config(**{field.name: _plain(fields[field.name]) for field in dataclasses.fields(module.Config)})
    epochs = fields.get("epochs")
    epochs = config.max_epochs if epochs is None or epochs != epochs else epochs  # a frame writes what is missing as NaN
    return _counted(experiment, _alike(config)) * config.train_size * epochs


def _alike(config):
    """The configuration that stands for all of which a step takes as much: how much of a penalty there is does not count."""
    weights = {name: 1.0 for name in ("lam", "lam2") if getattr(config, name, 0.0) > 0}
    idle = {name: value for name, value in IDLE.items() if hasattr(config, name)}
    return dataclasses.replace(config, **idle, **weights)


@functools.lru_cache(maxsize=256)
def _counted(experiment: str, config) -> float:
    return count_step(experiment, config)


def _classifier(module, config) -> float:
    model, generator = module.network(config), torch.Generator().manual_seed(0)
    x, y = _images(config.dataset, generator), torch.randint(10, (BATCH,), generator=generator)
    objective = module.objective(config)
    return _count(lambda: objective(model, x, y, generator))


def _autoencoder(module, config, penalised: bool) -> float:
    model, generator = module.network(config), torch.Generator().manual_seed(0)
    x, settings = _images(config.dataset, generator), module.settings(config)
    return _count(lambda: autoencoder_terms(model, x, settings, generator, penalised))


def _images(dataset: str, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(BATCH, *dbp_autoencoders.SHAPES[dataset], generator=generator)


def _count(terms) -> float:
    with _Counter() as counter:
        sum(term.mean() for term in terms().values()).backward()
    return counter.total / BATCH


class _Counter(TorchDispatchMode):
    """torch's `FlopCounterMode` without its account by module, whose hooks do not bear gradients of leaves."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found, formula = function(*args, **kwargs or {}), flop_registry.get(function._overloadpacket)
        self.total += formula(*args, **kwargs or {}, out_val=found) if formula else 0
        return found


def _plain(value):
    """A value as a configuration holds it: a frame turns whole numbers into floats where some rows have none."""
    return int(value) if isinstance(value, float) and value.is_integer() and value >= 2 else value
