"""P2 Tables 3 and 4: adversarial training with FGSM, with and without the penalty, and the defences one compares it with.

One run is one training of one model, followed by the measures of `dbp.experiments.l1_penalty`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from dbp import penalties, profiles
from dbp.attacks import fgsm, pgd
from dbp.attacks.losses import LOSSES
from dbp.device import choose
from dbp.experiments.l1_penalty import PROBE_IMAGES, flatness_probe, images_of, measure
from dbp.metrics import accuracy
from dbp.models.classifiers import CLASSIFIERS, build_classifier
from dbp.profiles import Profile
from dbp.spelling import require_name
from dbp.training import ClassifierTraining, Objective, fit_classifier, penalised_cross_entropy

NAME = "l1_adversarial_training"

ATTACKS = ("fgsm", "pgd", "none")
LABELS = ("true", "predicted")
PGD_STEPS = 7
UNDEFENDED_EPS = 0.3  # of the history only: without a defence nothing is trained with it

_NO_PENALTY = dict(lam=0.0, penalty="none", outputs="none", reduction="none", points="none")
_FOOTNOTE = dict(penalty="summed", outputs="logits", reduction="mean", points="both")

# What each method changes in `Config`. Those without `lam` take it from the profile.
METHODS = {
    "adv_train": _NO_PENALTY,
    "adv_train_gp": _FOOTNOTE,
    # Other readings of the same row.
    "gp softmax": _FOOTNOTE | dict(outputs="softmax"),
    "gp sum": _FOOTNOTE | dict(reduction="sum"),
    "gp clean points": _FOOTNOTE | dict(points="clean"),
    "gp adversarial points": _FOOTNOTE | dict(points="adversarial"),
    "gp Eq. (3)": _FOOTNOTE | dict(penalty="one_row"),
    "gp Eq. (3), softmax": _FOOTNOTE | dict(penalty="one_row", outputs="softmax"),
    "gp no smoothing": _FOOTNOTE | dict(label_smoothing=0.0),
    "gp predicted labels": _FOOTNOTE | dict(labels="predicted"),
    # What a reader will compare with.
    "nothing": _NO_PENALTY | dict(attack="none"),
    "nothing, no smoothing": _NO_PENALTY | dict(attack="none", label_smoothing=0.0),  # does label smoothing hide slopes?
    "gp alone": _FOOTNOTE | dict(attack="none", points="clean"),  # is it the penalty that makes one step and many agree?
    "jacobian": dict(attack="none", lam=25.0, penalty="one_row", outputs="logits", reduction="mean", points="clean"),
    "loss gradient": dict(attack="none", penalty="loss_gradient_l1", outputs="none", reduction="sum", points="clean"),
    "PGD training": _NO_PENALTY | dict(attack="pgd"),
}


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: "A", "B" or "C" (P2 Table 1).
        eps: budget of the attack that is trained with and that the history watches, L-infinity, in units of the pixel range.
        attack: that makes the adversarial copies: "fgsm" as in the paper, "pgd" of 7 steps, or "none" for no copies.
        labels: that FGSM climbs the loss of: the "true" ones, or those that the network has "predicted".
        penalty: "summed" (P2's footnote), "exact" or "one_row" (Eq. (3)), "loss_gradient_l1" (Simon-Gabriel et al. 2018),
            or "none".
        lam: weight of the penalty, in nats per `reduction` of it.
        outputs: whose Jacobian is penalised, of the "softmax" or of the "logits".
        reduction: "sum" as printed; "mean" divides by the number of absolute values that are added up.
        points: where the penalty is taken: on "clean" images, on their "adversarial" copies or on "both".
        label_smoothing: of the cross-entropy that is trained on.
        seed: of initialisation, split, shuffling and attacks.
        dataset, source: what is loaded.
        train_size, validation_size, test_size: images.
        max_epochs: all of them are run.
    """

    model: str
    eps: float
    attack: str
    labels: str
    penalty: str
    lam: float
    outputs: str
    reduction: str
    points: str
    label_smoothing: float
    seed: int
    dataset: str
    source: str
    train_size: int
    validation_size: int
    test_size: int
    max_epochs: int

    def __post_init__(self) -> None:
        for name, known, kind in (("model", CLASSIFIERS, "classifier"), ("attack", ATTACKS, "attack to train with"),
                                  ("labels", LABELS, "kind of labels")):
            require_name(getattr(self, name), known, kind)
        if not self.eps >= 0:
            raise ValueError(f"eps must be at least 0, but is {self.eps!r}")
        given = {self.penalty != "none", self.points != "none"}
        if self.lam >= 0 and given != {self.lam > 0}:
            raise ValueError(f"penalty and points must be given where lam is above 0, and only there, but are"
                             f" {self.penalty!r} and {self.points!r} at lam {self.lam!r}")
        objective(self)  # checks the rest
        training(self)


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed, so that a sweep cut short has whole rows at fewer seeds.

    Raises:
        ValueError: an unknown method; the message gives the nearest one.
    """
    scale = profile.l1_adversarial_training
    return profiles.seed_by_seed(scale.parts, lambda part, seed: configs(scale, part, seed))


def configs(scale, part, seed: int) -> Iterator[Config]:
    """The runs of one `seed` of one `part` of a profile's section, its `scale`."""
    shared = dict(attack="fgsm", labels="true", label_smoothing=0.1, seed=seed, dataset="mnist", source=scale.source,
                  **vars(part.sizes))
    for model in part.models:
        for eps in part.eps:
            for name in part.methods:
                require_name(name, METHODS, "method")
                sets = METHODS[name]
                for lam in (sets["lam"],) if "lam" in sets else part.lambdas:
                    yield Config(**shared | sets | dict(model=model, eps=float(eps), lam=float(lam)))


def undefended(config: Config, epochs: int) -> Config:
    """The run that trains the initial weights of `config` on its images for a few `epochs`, without any defence."""
    return replace(config, **METHODS["nothing"], labels="true", label_smoothing=0.1, eps=UNDEFENDED_EPS, max_epochs=epochs)


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    estimator = penalties.JACOBIAN_L1.get(config.penalty, penalties.jacobian_l1_summed)
    return [CLASSIFIERS[config.model], estimator, LOSSES["cross_entropy"]]


def network(config: Config) -> nn.Module:
    """The classifier of `config` before training; also what trained weights are loaded into."""
    return build_classifier(config.model, seed=config.seed)


def training(config: Config) -> ClassifierTraining:
    """The epochs that `config` stands for, without a stopping rule: Section 4.2 trains for a number of epochs."""
    return ClassifierTraining(max_epochs=config.max_epochs, patience=config.max_epochs)


def objective(config: Config) -> Objective:
    """P2 Section 4.2 with the copies and the penalty that `config` stands for."""
    def copies(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return adversarial_copies(config, model, x, y, generator)

    penalty = {} if config.lam == 0 else {
        "penalty": config.penalty, "outputs": config.outputs, "reduction": config.reduction, "points": config.points}
    return penalised_cross_entropy(
        config.lam, label_smoothing=config.label_smoothing, copies=None if config.attack == "none" else copies, **penalty)


def adversarial_copies(config: Config, model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """The batch's adversarial copies, made from the current weights and clipped to [0, 1] (P2 Section 4.2).

    Args:
        config: gives the attack, its budget and whose labels it climbs the loss of.
        model: images to logits, [B, C].
        x: images, [B, ...] in [0, 1].
        y: true labels, [B].
        generator: of PGD's random start.

    Returns:
        Images like x, detached.
    """
    if config.labels == "predicted":
        with torch.no_grad():
            y = model(x).argmax(1)
    if config.attack == "fgsm":
        return fgsm(model, x, y, config.eps)
    return pgd(model, x, y, config.eps, steps=PGD_STEPS, generator=generator)


def progress_probe(x: Tensor, y: Tensor, eps: float) -> Callable[[nn.Module], dict[str, float]]:
    """P2 Fig. 1 on a batch, and how much of it stands up to FGSM: `flatness_probe` and `fgsm_accuracy`, a share of 1.

    Args:
        x: images, [B, ...] in [0, 1]; the first `PROBE_IMAGES` of them for the slopes.
        y: labels, [B].
        eps: FGSM's budget, L-infinity, in units of the pixel range.
    """
    flatness = flatness_probe(x[:PROBE_IMAGES], y[:PROBE_IMAGES], eps)
    x, y = x.to(choose()), y.to(choose())
    return lambda model: flatness(model) | {"fgsm_accuracy": accuracy(model, fgsm(model, x, y, eps), y)}


def run(config: Config, *, checkpoint=None, report: Callable[[dict], None] | None = None) -> dict:
    """Train and measure one configuration.

    Args:
        config: everything that determines the result.
        checkpoint: where the training keeps its state, so that it can go on after a stop.
        report: called with the history row of each finished epoch.

    Returns:
        The measures of `dbp.experiments.l1_penalty.measure`, the number of `epochs`, and the `history`.
    """
    train, validation, test = images_of(config)
    model = network(config)
    history = fit_classifier(
        model, train, validation, training(config), objective=objective(config),
        probe=progress_probe(validation.images[:500], validation.labels[:500], config.eps),
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
    )
    return {**measure(model, test), "epochs": len(history) - 1, "history": history}
