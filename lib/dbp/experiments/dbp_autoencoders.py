"""P1 Table 1: autoencoders with and without double backpropagation, and what else makes an autoencoder smooth.

One run is one training of one autoencoder by P1 Eq. (10)-(12), followed by its reconstruction loss and its gradients in
the three readings of `dbp.metrics.autoencoder_gradients`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from dbp import data, profiles
from dbp.device import choose
from dbp.metrics import autoencoder_gradients, reconstruction
from dbp.models.autoencoders import AUTOENCODERS, build_autoencoder
from dbp.models.vae import LIKELIHOODS
from dbp.profiles import Profile
from dbp.spelling import require_name
from dbp.training import AutoencoderTraining, fit_autoencoder
from dbp.training.objectives import AUTOENCODER_PENALTIES

NAME = "dbp_autoencoders"

SHAPES = {
    "mnist": (1, 28, 28), "celeba": (3, 64, 64), "toy-faces": (3, 64, 64), "svhn": (3, 32, 32), "colour-digits": (3, 32, 32),
}
PROBE_IMAGES = 100
PROBE_PROJECTIONS = 4

# The field of `Config` that a part's strengths go into, and what else the method sets.
METHODS = {
    "plain": (None, {}),
    "DBP attached": ("lam2", {"target": "attached"}),  # P1 Eq. (10) as it reads
    "DBP detached": ("lam2", {"target": "detached"}),
    # What a reviewer will ask for: is it the penalty, or would any regulariser do?
    "KL weight": ("lam1", {}),
    "weight decay": ("weight_decay", {}),
    "input noise": ("input_noise", {}),
}


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: one of `dbp.models.autoencoders.AUTOENCODERS`.
        dataset, source: what is loaded; "toy-faces" and "colour-digits" are stand-ins and say so here.
        lam1, lam2, learning_rate, clip, weight_decay, input_noise, max_epochs: see `dbp.training.AutoencoderTraining`.
        target: "attached" or "detached", see there; "none" where lam2 is 0.
        reduction: of the penalised loss, "sum" or "mean"; "none" where lam2 is 0.
        seed: of initialisation, shuffling and noise.
        train_size, test_size: images, the first ones.
        gradient_images: test images whose gradients are measured, the first ones.
        projections: random vectors an image for the norm of the Jacobian.
    """

    model: str
    dataset: str
    source: str
    lam1: float
    lam2: float
    target: str
    reduction: str
    weight_decay: float
    input_noise: float
    seed: int
    train_size: int
    test_size: int
    max_epochs: int
    learning_rate: float
    clip: float
    gradient_images: int
    projections: int

    def __post_init__(self) -> None:
        require_name(self.model, AUTOENCODERS, "autoencoder")
        require_name(self.dataset, SHAPES, "data set of autoencoders")
        for name in ("target", "reduction"):
            if (self.lam2 > 0) != (getattr(self, name) != "none"):
                raise ValueError(f"{name} must be given where lam2 is above 0, and only there, but is"
                                 f" {getattr(self, name)!r} at lam2 {self.lam2!r}")
        settings(self)  # checks the rest


def settings(config: Config) -> AutoencoderTraining:
    """The training that `config` stands for."""
    penalty = {"target": config.target, "reduction": config.reduction} if config.lam2 > 0 else {}
    return AutoencoderTraining(
        config.max_epochs, learning_rate=config.learning_rate, lam1=config.lam1, lam2=config.lam2, clip=config.clip,
        weight_decay=config.weight_decay, input_noise=config.input_noise, **penalty,
    )


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed.

    Raises:
        ValueError: an unknown method; the message gives the nearest one.
    """
    return profiles.seed_by_seed(profile.dbp_autoencoders.parts, configs)


def configs(part: profiles.DBPAutoencodersRuns, seed: int) -> Iterator[Config]:
    """The runs of one part of a profile with one seed."""
    plain = dict(lam1=1.0, lam2=0.0, target="none", reduction="none", weight_decay=0.0, input_noise=0.0)
    for model in part.models:
        for name in part.methods:
            require_name(name, METHODS, "method")
            field, sets = METHODS[name]
            for strength in part.strengths if field else [None]:
                chosen = {field: float(strength)} if field else {}
                reading = {"reduction": part.reduction} if field == "lam2" else {}
                yield Config(model=model, dataset=part.dataset, source=part.source, seed=seed,
                             **plain | sets | chosen | reading, **vars(part.sizes))


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [AUTOENCODERS[config.model], LIKELIHOODS[likelihood_of(config.dataset)],
            AUTOENCODER_PENALTIES[settings(config).penalty]]


def likelihood_of(dataset: str) -> str:
    """The likelihood of a `dataset`: MNIST is nearly black and white, "bernoulli"; colours are not, "gaussian"."""
    return "bernoulli" if dataset == "mnist" else "gaussian"


def network(config: Config) -> nn.Module:
    """The autoencoder of `config` before training; also what trained weights are loaded into."""
    return build_autoencoder(config.model, SHAPES[config.dataset], likelihood_of(config.dataset), seed=config.seed)


def run(config: Config, *, checkpoint=None, report: Callable[[dict], None] | None = None) -> dict:
    """Train and measure one configuration.

    Args:
        config: everything that determines the result.
        checkpoint: where the training keeps its state, so that it can go on after a stop.
        report: called with the history row of each finished epoch.

    Returns:
        The measures of `dbp.metrics.reconstruction` on the test images, the means of
        `dbp.metrics.autoencoder_gradients` on the first `gradient_images` of them, and the `history` of
        `dbp.training.fit_autoencoder`, with these means on a fixed batch a row.
    """
    return train_and_measure(config, network(config), settings(config), checkpoint=checkpoint, report=report)


def train_and_measure(
    config, model: nn.Module, training: AutoencoderTraining, *, checkpoint=None, report: Callable[[dict], None] | None = None
) -> dict:
    """Train an autoencoder in place, and take the measures of `run`.

    Args:
        config: of an experiment that trains autoencoders: data, sizes and seed.
        model: before training.
        training: its settings.
        checkpoint, report: as of `run`.
    """
    dataset = data.load(config.dataset, config.source)
    test = dataset.test[: config.test_size].images.to(choose())
    probe_images = test[:PROBE_IMAGES]
    history = fit_autoencoder(
        model, dataset.train[: config.train_size].images, training,
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
        probe=lambda model: _means(autoencoder_gradients(model, probe_images, projections=PROBE_PROJECTIONS)),
    )
    gradients = autoencoder_gradients(model, test[: config.gradient_images], projections=config.projections)
    return {**reconstruction(model, test), **_means(gradients), "history": history}


def _means(measures: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in measures.items()}
