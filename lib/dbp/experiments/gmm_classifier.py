"""P1 Tables 3 and 4: encoder and Gaussian mixtures as a classifier, by white box and by black box, beside other classifiers.

One run attacks one classifier: a head on the codes of a trained autoencoder of `dbp.experiments.dbp_autoencoders`, or a
network of `dbp.experiments.undefended_classifiers` as it is. The paper gives neither the mixtures' size nor eps nor steps,
and does not say what its attacks climb: here a grid of eps is tried, and three losses. Other heads on the same codes tell
what the smooth encoder gives from what the mixtures give.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp import data, profiles
from dbp.attacks import Evaluation, evaluate, fgsm, pgd, strongest, transfer, zero_gradient_share
from dbp.attacks.ensemble import MEMBERS, withstand
from dbp.attacks.losses import LOSSES
from dbp.device import choose
from dbp.experiments import dbp_autoencoders, flat_codes, undefended_classifiers
from dbp.metrics import accuracy
from dbp.models.gmm import COVARIANCES, ClassConditionalGMM, EncoderClassifier, codes
from dbp.models.heads import HEADS, ON_SAMPLES, fit_mixtures
from dbp.profiles import Profile
from dbp.spelling import require_name

NAME = "gmm_classifier"

NETWORKS = {module.NAME: module for module in (dbp_autoencoders, flat_codes, undefended_classifiers)}
ATTACKS = ("fgsm", "pgd")
GRADIENT_MEMBERS, SQUARE = ("apgd_cross_entropy", "apgd_targeted_dlr"), "square"  # of `dbp.attacks.strongest`
BATCH = 250  # images at once: mixtures and convolutions of more do not fit the processor's cache

# A profile's name of a head, and what it sets; the rest comes from the profile.
VARIANTS = {
    "GMM": {"head": "GMM"},  # P1 Eq. (13) and (14)
    "GMM by BIC": {"head": "GMM", "components": "bic"},
    "QDA": {"head": "QDA", "components": 1, "covariance": "full"},  # one Gaussian a class
    "LDA": {"head": "LDA", "components": 0, "covariance": "none"},  # one covariance for all classes
    "softmax": {"head": "softmax", "components": 0, "covariance": "none"},
    "nearest": {"head": "nearest", "components": 0, "covariance": "none"},  # the class whose mean code is nearest
    "GMM on samples": {"head": "GMM on samples"},
}
NO_HEAD = {"head": "none", "components": 0, "covariance": "none", "codes": 0}


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        experiment: whose network is attacked, one of `NETWORKS`.
        network: its configuration there.
        head: what reads an autoencoder's codes, one of `HEADS`; "none" for a classifier.
        components: K of each class's mixture, or "bic"; 0 where there is no mixture.
        covariance: of the mixtures, see `ClassConditionalGMM.fit`; "none" where there is no mixture.
        codes: training images of the autoencoder, the first ones, that the head is fitted on; 0 where there is none.
        classifier: how the classifiers were trained that black-box examples are made on, whatever its own `model`.
        crafted_on: the `model` of each of these.
        eps: budgets, L-infinity, in units of the pixel range, rising.
        attack_images: test images, the first ones.
        pgd_steps, pgd_restarts: of PGD; black-box examples are made from one start.
        apgd_steps, targets: of Auto-PGD, away from the label and towards so many of the likeliest wrong classes.
        queries: of the Square attack.
    """

    experiment: str
    network: dbp_autoencoders.Config | undefended_classifiers.Config
    head: str
    components: int | str
    covariance: str
    codes: int
    classifier: undefended_classifiers.Config
    crafted_on: tuple[str, ...]
    eps: tuple[float, ...]
    attack_images: int
    pgd_steps: int
    pgd_restarts: int
    apgd_steps: int
    targets: int
    queries: int

    def __post_init__(self) -> None:
        require_name(self.experiment, NETWORKS, "experiment with networks")
        check_head(self)
        if self.classifier.dataset != self.dataset:
            raise ValueError(f"classifier must be of the network's data set, {self.dataset!r}, but is of"
                             f" {self.classifier.dataset!r}")
        if self.experiment == undefended_classifiers.NAME and self.network.model in self.crafted_on:
            raise ValueError(f"crafted_on must leave out the network itself, but is {self.crafted_on!r}")
        needs(self)  # checks the names of the others
        if not self.eps or not all(low < high for low, high in zip((0.0, *self.eps), self.eps, strict=False)):
            raise ValueError(f"eps must be budgets above 0, rising, but are {self.eps!r}")
        for name in ("attack_images", "pgd_steps", "pgd_restarts", "apgd_steps", "targets", "queries"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)!r}")

    @property
    def dataset(self) -> str:
        """Of the network."""
        return self.network.dataset

    @property
    def source(self) -> str:
        """Of the network."""
        return self.network.source


def check_head(config) -> None:
    """Raise ValueError unless head, components, covariance and codes of a `config` go together and with its network."""
    encoder = isinstance(config.network, dbp_autoencoders.Config)
    require_name(config.head, HEADS if encoder else ("none",), "head of this network")
    k, covariance, most = config.components, config.covariance, config.network.train_size if encoder else 0
    if HEADS.get(config.head) is fit_mixtures:
        require_name(covariance, COVARIANCES, "covariance")
        if k != "bic" and (type(k) is not int or k < 1):
            raise ValueError(f"components must be a whole number of at least 1, or 'bic', but is {k!r}")
    elif (k, covariance) != (0, "none"):
        raise ValueError(f"components and covariance must be 0 and 'none' where there is no mixture, but are {k!r} and"
                         f" {covariance!r}")
    if not min(most, 1) <= config.codes <= most:
        raise ValueError(f"codes must lie from {min(most, 1)} to {most}, the network's training images, but is"
                         f" {config.codes!r}")


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed.

    Raises:
        ValueError: an unknown head; the message gives the nearest one.
    """
    return profiles.seed_by_seed(profile.gmm_classifier.parts, configs)


def configs(part: profiles.GMMClassifierRuns, seed: int) -> Iterator[Config]:
    """The runs of one part of a profile with one seed: each head on each autoencoder.

    Then each classifier itself, where P1's own head is among the heads; other heads have these to be compared with already.
    """
    yield from on_codes(part, seed, dbp_autoencoders)
    classifiers = list(undefended_classifiers.configs(part.classifiers, seed))
    for network in classifiers if "GMM" in part.heads else ():
        others = tuple(each.model for each in classifiers if each.model != network.model)
        yield Config(undefended_classifiers.NAME, network, crafted_on=others, classifier=classifiers[0],
                     **NO_HEAD, **vars(part.attack))


def on_codes(part: profiles.GMMClassifierRuns, seed: int, trained) -> Iterator[Config]:
    """Each head of a part on each autoencoder of `trained`, an experiment, with one seed."""
    classifiers = list(undefended_classifiers.configs(part.classifiers, seed))
    for network in trained.configs(part.networks, seed):
        for name in part.heads:
            require_name(name, VARIANTS, "head")
            head = vars(part.mixture) | VARIANTS[name]
            yield Config(trained.NAME, network, crafted_on=tuple(each.model for each in classifiers),
                         classifier=classifiers[0], **head, **vars(part.attack))


def needs(config: Config) -> list[tuple[str, object]]:
    """The network that `config` attacks, and the classifiers that black-box examples are made on."""
    sources = [dataclasses.replace(config.classifier, model=model) for model in config.crafted_on]
    return [(config.experiment, config.network), *((undefended_classifiers.NAME, source) for source in sources)]


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    # Without a head nothing is fitted; naming the mixtures keeps the closure complete.
    members = [MEMBERS[name] for name in (*GRADIENT_MEMBERS, SQUARE)]
    return [HEADS.get(config.head, fit_mixtures), *READINGS.values(), *members]


def label_distance(logits: Tensor, y: Tensor) -> Tensor:
    """||f_y - f(x)||_2, [B], for probabilities f and f_y of 1 at the label: what P1 Eq. (15) makes small for a target.

    The literal reading of an attack on the output of P1 Eq. (14). Where all probabilities but the label's are rounded away,
    its gradient is exactly zero. Args: logits [B, C], y [B].
    """
    wanted = torch.zeros_like(logits).scatter(1, y[:, None], 1.0)
    return (wanted - logits.softmax(1)).norm(dim=1)


READINGS = {"probabilities": label_distance, "cross_entropy": LOSSES["cross_entropy"], "margin": LOSSES["margin"]}


def classifier_of(config, autoencoder: nn.Module, train: data.Split) -> EncoderClassifier:
    """The encoder of a trained autoencoder with a head, fitted on the codes of training images.

    Args:
        config: of this experiment or of `dbp.experiments.image_transition`: the head and the network's seed.
        autoencoder: on the device that is computed on.
        train: what it was trained on; of these the first `config.codes` are taken.
    """
    part = train[: config.codes]
    noise = torch.Generator().manual_seed(config.network.seed) if config.head in ON_SAMPLES else None
    z, y = codes(autoencoder, part.images.to(choose()), generator=noise), part.labels.to(choose())
    head = HEADS[config.head](z, y, config.components, config.covariance, config.network.seed)
    return EncoderClassifier(autoencoder, head).to(choose())


def run(
    config: Config, *, networks: list[nn.Module], checkpoint=None, report: Callable[[dict], None] | None = None
) -> dict:
    """Attack one classifier.

    Args:
        config: everything that determines the result.
        networks: the trained ones of `needs(config)`; moved to the device that is computed on.
        checkpoint, report: not used, since no network is trained.

    Returns:
        Accuracies are shares of 1, in lists one an eps. `white`: by attack and loss, such as "pgd_margin"; "strongest" is
        right under all of these and under Auto-PGD, at this eps and the smaller ones. `black`: by attack and classifier,
        such as "fgsm_lenet" (empty if there are none). `worst`: right under all of both, and under Square, which asks for
        logits and follows no gradient. Counts, in lists one an eps: `apgd_only`, images that Auto-PGD breaks and the other
        white box does not; `black_only` and `square_only`, those that transfer or Square breaks and the strongest white
        box does not: above 0 it was not finished, and `worst` is what to go by. Besides, `clean` on all test images of the
        network, and `clean_few` on those that are attacked; `zero_gradients`, for each loss the share of these whose input
        gradient is exactly zero; and `mixture`, None without one: for each class the number of `components`, the `bic` of
        what was tried, and how many directions of all components are `held` by the ridge.
    """
    network, *sources = (each.to(choose()) for each in networks)
    dataset = data.load(config.dataset, config.source)
    model = network if config.head == "none" else classifier_of(config, network, dataset.train)
    test = dataset.test[: config.network.test_size]
    images, labels = test.images.to(choose()), test.labels.to(choose())
    few, few_labels = images[: config.attack_images], labels[: config.attack_images]

    white = {(f"{attack}_{reading}", eps): _attack(attack, eps, loss, config, config.pgd_restarts)
             for attack in ATTACKS for reading, loss in READINGS.items() for eps in config.eps}
    black = {(f"{attack}_{name}", eps): transfer(source, _attack(attack, eps, "cross_entropy", config, restarts=1))
             for attack in ATTACKS for name, source in zip(config.crafted_on, sources, strict=True) for eps in config.eps}
    found = evaluate(model, few, few_labels, white | black, batch_size=BATCH)
    pgd_only, withstood = ([_standing(found, attacks, eps) for eps in config.eps] for attacks in (white, black))
    strongest_white = _stand(model, few, few_labels, config, GRADIENT_MEMBERS, pgd_only)
    without_gradient = _stand(model, few, few_labels, config, (SQUARE,), strongest_white)
    return {
        "clean": round(accuracy(model, images, labels), 6), "clean_few": _share(found.clean),
        "white": _curves(found, white) | {"strongest": [_share(right) for right in strongest_white]},
        "black": _curves(found, black),
        "worst": [_share(one & other) for one, other in zip(without_gradient, withstood, strict=True)],
        "apgd_only": _lost(pgd_only, strongest_white),
        "black_only": _lost(strongest_white, withstood),
        "square_only": _lost(strongest_white, without_gradient),
        "zero_gradients": {reading: round(zero_gradient_share(model, few, few_labels, loss=loss, batch_size=BATCH), 6)
                           for reading, loss in READINGS.items()},
        "mixture": _described(getattr(model, "head", None)),
    }


def _attack(attack: str, eps: float, loss, config: Config, restarts: int) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    if attack == "fgsm":
        return lambda model, x, y: fgsm(model, x, y, eps, loss=loss)

    def climb(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(config.network.seed)
        return pgd(model, x, y, eps, steps=config.pgd_steps, restarts=restarts, loss=loss, generator=generator)

    return climb


def _standing(found: Evaluation, attacks: dict, most: float) -> Tensor:
    """Right under all of these attacks, up to the eps `most`, since a smaller ball lies in a larger one; bool [N]."""
    return torch.stack([found.clean, *(found.correct[name, eps] for name, eps in attacks if eps <= most)]).all(0)


def _stand(model, x: Tensor, y: Tensor, config: Config, members: tuple[str, ...], standing: list[Tensor]) -> list[Tensor]:
    """Those of the images that stand at each eps, [N] each, when these attacks have tried at it and at smaller ones."""
    def attack(eps: float):
        def climb(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
            generator = torch.Generator().manual_seed(config.network.seed)
            return strongest(model, x, y, eps, members=members, steps=config.apgd_steps, targets=config.targets,
                             queries=config.queries, batch_size=BATCH, generator=generator).x_adv

        return climb

    return withstand(model, x, y, config.eps, standing, attack)


def _lost(before: list[Tensor], after: list[Tensor]) -> list[int]:
    """At each eps, how many stand before and do not after."""
    return [int((one & ~other).sum()) for one, other in zip(before, after, strict=True)]


def _curves(found: Evaluation, attacks: dict) -> dict[str, list[float]]:
    """Name to the accuracy at each eps, in their order."""
    return {name: [_share(found.correct[key]) for key in attacks if key[0] == name] for name, _ in attacks}


def _share(right: Tensor) -> float:
    return round(float(right.double().mean()), 6)


def _described(head: nn.Module | None) -> dict | None:
    if not isinstance(head, ClassConditionalGMM):
        return None
    bic = [{str(k): round(value, 1) for k, value in tried.items()} for tried in head.bic]
    return {"components": head.components, "bic": bic, "held": head.held.sum(1).tolist()}
