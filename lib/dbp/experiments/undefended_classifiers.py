"""P1 Section 5.4: the classifiers that are attacked beside encoder and mixtures, and that make the black-box examples.

MLP and LeNet on MNIST, CvNet on SVHN, trained on the plain cross-entropy, without any defence. One run is one training.
Attacks come on top of it, in `dbp.experiments.gmm_classifier`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp import profiles
from dbp.device import choose
from dbp.experiments.l1_penalty import images_of
from dbp.metrics import accuracy
from dbp.models.classifiers import CLASSIFIERS, build_classifier
from dbp.profiles import Profile
from dbp.spelling import require_name
from dbp.training import ClassifierTraining, Objective, fit_classifier

NAME = "undefended_classifiers"

DIGITS, COLOURS = ("mnist",), ("svhn", "colour-digits")
DATASETS = {"mlp": DIGITS, "lenet": DIGITS, "cvnet": COLOURS}  # a network fits images of one size


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: "mlp", "lenet" or "cvnet", see `dbp.models.classifiers`.
        seed: of initialisation, split and shuffling.
        dataset, source: what is loaded; "colour-digits" stands in for SVHN and says so here.
        train_size, validation_size, test_size: images.
        max_epochs: see `dbp.training.ClassifierTraining`; P1 does not say how long it trains.
    """

    model: str
    seed: int
    dataset: str
    source: str
    train_size: int
    validation_size: int
    test_size: int
    max_epochs: int

    def __post_init__(self) -> None:
        require_name(self.model, DATASETS, "undefended classifier")
        require_name(self.dataset, DATASETS[self.model], f"data set of {self.model!r}")
        for name in ("train_size", "validation_size", "test_size", "max_epochs"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)!r}")


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed."""
    return profiles.seed_by_seed(profile.undefended_classifiers.parts, configs)


def configs(part: profiles.UndefendedClassifiersRuns, seed: int) -> Iterator[Config]:
    """The runs of one part of a profile with one seed."""
    for model in part.models:
        yield Config(model, seed, part.dataset, part.source, **vars(part.sizes))


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [CLASSIFIERS[config.model]]


def network(config: Config) -> nn.Module:
    """The classifier of `config` before training; also what trained weights are loaded into."""
    return build_classifier(config.model, seed=config.seed)


def plain_cross_entropy(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """The objective of `dbp.training.fit_classifier` without a penalty and without smoothed labels.

    Args:
        model: images to logits, [B, 10].
        x, y: images, [B, channels, height, width], and labels, [B].
        generator: not used, since nothing is drawn.

    Returns:
        "loss", the cross-entropy in nats, [B].
    """
    return {"loss": F.cross_entropy(model(x), y, reduction="none")}


def objective(config: Config) -> Objective:
    """What every `config` is trained by."""
    return plain_cross_entropy


def run(config: Config, *, checkpoint=None, report: Callable[[dict], None] | None = None) -> dict:
    """Train and measure one configuration.

    Args:
        config: everything that determines the result.
        checkpoint: where the training keeps its state, so that it can go on after a stop.
        report: called with the history row of each finished epoch.

    Returns:
        `clean`, the accuracy on the test images, a share of 1; the number of `epochs`; and the `history` of
        `dbp.training.fit_classifier`.
    """
    train, validation, test = images_of(config)
    model = network(config)
    history = fit_classifier(
        model, train, validation, ClassifierTraining(max_epochs=config.max_epochs), objective=plain_cross_entropy,
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
    )
    clean = accuracy(model, test.images.to(choose()), test.labels.to(choose()))
    return {"clean": clean, "epochs": len(history) - 1, "history": history}
