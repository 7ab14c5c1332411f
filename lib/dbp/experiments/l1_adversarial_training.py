"""P2 Tables 3 and 4: adversarial training with FGSM, with and without the penalty, and the defences one compares it with.

One run is one training of one model, followed by the measurements of `dbp.experiments.l1_penalty` and by the diagnostics
of chapter "Adversarial examples", with a transfer attack from an undefended twin of the same initial weights.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp import penalties, profiles
from dbp.attacks import fgsm, pgd
from dbp.device import choose
from dbp.experiments.l1_penalty import PROBE_IMAGES, flatness_probe, images_of, measure
from dbp.metrics import accuracy, diagnostics
from dbp.models.classifiers import CLASSIFIERS, build_classifier
from dbp.profiles import Profile
from dbp.runs import sweep
from dbp.training import ClassifierTraining, Objective, fit_classifier, smoothed_cross_entropy

NAME = "l1_adversarial_training"

PENALTIES = (*penalties.JACOBIAN_L1, "loss_gradient_l1", "none")
CHOICES = {
    "model": tuple(CLASSIFIERS), "attack": ("fgsm", "pgd", "none"), "labels": ("true", "predicted"), "penalty": PENALTIES,
    "outputs": ("softmax", "logits", "none"), "unit": ("mean", "sum", "none"),
    "points": ("both", "clean", "adversarial", "none"),
}
PGD_STEPS = 7

_NO_PENALTY = dict(lam=0.0, penalty="none", outputs="none", unit="none", points="none")
_FOOTNOTE = dict(penalty="summed", outputs="logits", unit="mean", points="both")

# What each method changes in `Config`. Those without `lam` take it from the profile.
METHODS = {
    "adv_train": _NO_PENALTY,
    "adv_train_gp": _FOOTNOTE,
    # Other readings of the same row.
    "gp softmax": _FOOTNOTE | dict(outputs="softmax"),
    "gp sum": _FOOTNOTE | dict(unit="sum"),
    "gp clean points": _FOOTNOTE | dict(points="clean"),
    "gp adversarial points": _FOOTNOTE | dict(points="adversarial"),
    "gp Eq. (3)": _FOOTNOTE | dict(penalty="one_row"),
    "gp Eq. (3), softmax": _FOOTNOTE | dict(penalty="one_row", outputs="softmax"),
    "gp no smoothing": _FOOTNOTE | dict(label_smoothing=0.0),
    "gp predicted labels": _FOOTNOTE | dict(labels="predicted"),
    # What a reader will compare with.
    "nothing": _NO_PENALTY | dict(attack="none"),
    "jacobian": dict(attack="none", lam=25.0, penalty="one_row", outputs="logits", unit="mean", points="clean"),
    "loss gradient": dict(attack="none", lam=0.3, penalty="loss_gradient_l1", outputs="none", unit="sum", points="clean"),
    "PGD training": _NO_PENALTY | dict(attack="pgd"),
}


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: "A", "B" or "C" (P2 Table 1).
        eps: budget of the attack that is trained with and of the diagnostics, L-infinity, in units of the pixel range.
        attack: that makes the adversarial copies: "fgsm" as in the paper, "pgd" of 7 steps, or "none" for no copies.
        labels: that FGSM climbs the loss of: the "true" ones, or those that the network has "predicted".
        penalty: "summed" (P2's footnote), "exact" or "one_row" (Eq. (3)), "loss_gradient_l1" (Simon-Gabriel et al. 2018),
            or "none".
        lam: weight of the penalty, in nats per `unit` of it.
        outputs: whose Jacobian is penalised, of the "softmax" or of the "logits".
        unit: "sum" as printed; "mean" divides by the number of absolute values that are added up.
        points: where the penalty is taken: on "clean" images, on their "adversarial" copies or on "both".
        label_smoothing: of the cross-entropy that is trained on.
        seed: of initialisation, split, shuffling and attacks.
        dataset, source: what is loaded.
        train_size, validation_size, test_size: images.
        max_epochs: all of them are run.
        twin_epochs: of the undefended network that the transfer attack starts from.
        attack_images: test images under PGD and the diagnostics, the first ones.
        pgd_steps, pgd_restarts: of PGD when it measures.
    """

    model: str
    eps: float
    attack: str
    labels: str
    penalty: str
    lam: float
    outputs: str
    unit: str
    points: str
    label_smoothing: float
    seed: int
    dataset: str
    source: str
    train_size: int
    validation_size: int
    test_size: int
    max_epochs: int
    twin_epochs: int
    attack_images: int
    pgd_steps: int
    pgd_restarts: int

    def __post_init__(self) -> None:
        for name in ("lam", "eps"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, but is {getattr(self, name)!r}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but is {getattr(self, name)!r}")
        if (self.lam > 0) != (self.penalty != "none") or (self.lam > 0) != (self.points != "none"):
            raise ValueError(f"penalty and points must be given where lam is above 0, and only there, but are"
                             f" {self.penalty!r} and {self.points!r} at lam {self.lam!r}")
        if self.attack == "none" and self.points not in ("clean", "none"):
            raise ValueError(f"points must be 'clean' where no adversarial copies are made, but is {self.points!r}")


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed, so that a sweep cut short has whole rows at fewer seeds.

    Raises:
        ValueError: an unknown method; the message gives the nearest one.
    """
    scale = profile.l1_adversarial_training
    return profiles.seed_by_seed(scale.parts, lambda part, seed: _configs(scale, part, seed))


def _configs(scale, part, seed: int):
    shared = dict(attack="fgsm", labels="true", label_smoothing=0.1, seed=seed, dataset="mnist", source=scale.source,
                  twin_epochs=scale.twin_epochs, **vars(part.sizes))
    for model in part.models:
        for eps in part.eps:
            for name in part.methods:
                sets = profiles.method(name, METHODS)
                for lam in (sets["lam"],) if "lam" in sets else part.lambdas:
                    yield Config(**shared | sets | dict(model=model, eps=float(eps), lam=float(lam)))


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [CLASSIFIERS[config.model], penalties.JACOBIAN_L1.get(config.penalty, penalties.jacobian_l1_summed)]


def results(profile: str | Profile = "laptop", **options):
    """The table of records of a profile, computing what no record holds; options as of `dbp.runs.sweep.ensure`."""
    return sweep.ensure(sys.modules[__name__], profile, **options)


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


def adversarial_objective(config: Config) -> Objective:
    """P2 Section 4.2: the batch with its adversarial copies under the same labels, and the penalty at the chosen points.

    Args:
        config: gives attack, penalty and label smoothing.

    Returns:
        An objective for `dbp.training.fit_classifier`: the term "loss", [2 B] with adversarial copies and [B] without,
        and, where lambda is above 0, the term "penalty", one value a chosen point; both in nats.
    """

    def objective(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        points = [x]
        if config.attack != "none":
            points.append(adversarial_copies(config, model, x, y, generator))
        labels = y.repeat(len(points))
        chosen = {"clean": slice(0, 1), "adversarial": slice(1, 2)}.get(config.points, slice(None))
        leaf = torch.cat(points[chosen]).requires_grad_(config.lam > 0)
        logits = model(torch.cat([*points[: chosen.start or 0], leaf, *points[chosen.stop or len(points):]]))
        loss = F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="none")
        if config.lam == 0:
            return {"loss": loss}
        first = (chosen.start or 0) * len(x)
        part = slice(first, first + len(leaf))
        return {"loss": loss, "penalty": config.lam * _penalty(config, logits[part], loss[part], leaf, generator)}

    return objective


def _penalty(config: Config, logits: Tensor, loss: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
    """One value an example, in the unit of `config.unit`, [n]."""
    pixels = x[0].numel()
    if config.penalty == "loss_gradient_l1":
        return penalties.loss_gradient_l1(loss, x) / (pixels if config.unit == "mean" else 1)
    outputs = logits.softmax(1) if config.outputs == "softmax" else logits
    norm = penalties.jacobian_l1(outputs, x, config.penalty, generator)  # P2 Eq. (3), or its footnote   [n]
    added_up = pixels if config.penalty == "summed" else pixels * outputs.shape[1]
    return norm / (added_up if config.unit == "mean" else 1)


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
        The measures of `dbp.experiments.l1_penalty.run`, and `diagnostics`, the rows of `dbp.metrics.diagnostics` at
        `config.eps` with PGD carried over from the undefended twin, `attack_images` images.
    """
    train, validation, test = images_of(config)
    model = build_classifier(config.model, seed=config.seed)
    history = fit_classifier(
        model, train, validation, _epochs(config.max_epochs), objective=adversarial_objective(config),
        probe=progress_probe(validation.images[:500], validation.labels[:500], config.eps),
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
    )
    twin = build_classifier(config.model, seed=config.seed)
    fit_classifier(twin, train, validation, _epochs(config.twin_epochs), objective=smoothed_cross_entropy(),
                   generator=torch.Generator().manual_seed(config.seed))
    few = test[: config.attack_images]
    table = diagnostics(model, few.images.to(choose()), few.labels.to(choose()), eps=config.eps,
                        steps=max(1, config.pgd_steps // 2), source=twin)
    return {**measure(model, test, config), "epochs": len(history) - 1, "history": history,
            "diagnostics": table.to_dict("records")}


def _epochs(count: int) -> ClassifierTraining:
    """Settings without a stopping rule: Section 4.2 trains for a number of epochs."""
    return ClassifierTraining(max_epochs=count, patience=count)
