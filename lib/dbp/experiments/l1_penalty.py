"""P2 Table 2 and Figure 1: the L1 norm of the Jacobian as a penalty, alone, on models A, B and C.

One run is one training of one model with one lambda, followed by every measurement that the book makes of it: clean
accuracy, FGSM over epsilon with true and with predicted labels, PGD on two losses, and the Jacobian's own size.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp import data, penalties, profiles
from dbp.attacks import evaluate, fgsm, pgd
from dbp.device import choose
from dbp.metrics import accuracy, jacobian_l1_norm
from dbp.models.classifiers import CLASSIFIERS, build_classifier
from dbp.profiles import Profile
from dbp.runs import sweep
from dbp.training import ClassifierTraining, Objective, fit_classifier

NAME = "l1_penalty"

UNITS = ("mean", "sum", "none")
OUTPUTS = ("softmax", "logits", "none")

FGSM_EPS = (0.05, 0.1, 0.2, 0.3)
PGD_EPS = (0.1, 0.3)
PROBE_IMAGES = 100


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: "A", "B" or "C" (P2 Table 1).
        lam: weight of the penalty; its unit is cross-entropy (nats) per `unit` of the Jacobian's L1 norm.
        unit: "sum" adds |J_ij| over all entries, as P2 Eq. (3) prints it; "mean" averages over the C * D entries.
        outputs: whose Jacobian: of the "softmax" probabilities or of the "logits".
        estimator: of the norm, see `dbp.penalties.jacobian_l1`.
        seed: of initialisation, split, shuffling and attacks.
        dataset, source: what is loaded.
        train_size, validation_size, test_size: images.
        max_epochs, stopping: see `dbp.training.ClassifierTraining`.
        label_smoothing: of the cross-entropy that is trained on.
        eps: budget of the probe's FGSM step (P2 Fig. 1), L-infinity, in units of the pixel range [0, 1].
        attack_images: test images under PGD, the first ones.
        pgd_steps, pgd_restarts: of PGD.
    """

    model: str
    lam: float
    unit: str
    outputs: str
    estimator: str
    seed: int
    dataset: str = "mnist"
    source: str = "full"
    train_size: int = 55000
    validation_size: int = 5000
    test_size: int = 10000
    max_epochs: int = 100
    stopping: str = "patience"
    label_smoothing: float = 0.1
    eps: float = 0.3
    attack_images: int = 1000
    pgd_steps: int = 40
    pgd_restarts: int = 10

    def __post_init__(self) -> None:
        if not self.lam >= 0:
            raise ValueError(f"lam must be at least 0, but is {self.lam!r}")
        estimators = (*penalties.JACOBIAN_L1, "none")
        choices = {"model": tuple(CLASSIFIERS), "unit": UNITS, "outputs": OUTPUTS, "estimator": estimators}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but is {getattr(self, name)!r}")
        reading = (self.unit, self.outputs, self.estimator)
        if self.lam > 0 and "none" in reading:
            raise ValueError(f"unit, outputs and estimator must be given where lam is above 0, but are {reading}")


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed, so that a sweep cut short has whole columns at fewer seeds."""
    scale = profile.l1_penalty
    return profiles.seed_by_seed(scale.parts, lambda part, seed: _configs(scale, part, seed))


def _configs(scale, part, seed: int):
    readings = [(unit, outputs, scale.estimator) for unit in part.units for outputs in part.outputs]
    for model in part.models:
        for lam in scale.lambdas:
            # Without a penalty there is nothing to choose: one run serves every unit and every output.
            for reading in readings if lam else [("none",) * 3]:
                yield Config(model, float(lam), *reading, seed, source=scale.source, **vars(part.sizes))


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    # Without a penalty none of the estimators is used; naming the default one keeps the closure complete.
    return [CLASSIFIERS[config.model], penalties.JACOBIAN_L1.get(config.estimator, penalties.jacobian_l1_one_row)]


def results(profile: str | Profile = "laptop", **options):
    """The table of records of a profile, computing what no record holds; options as of `dbp.runs.sweep.ensure`."""
    return sweep.ensure(sys.modules[__name__], profile, **options)


def penalised_cross_entropy(config: Config) -> Objective:
    """P2 Eq. (3): cross-entropy plus lambda times the L1 norm of the Jacobian, one value an example.

    Args:
        config: gives lambda, its unit, whose Jacobian, the estimator and the label smoothing.

    Returns:
        An objective for `dbp.training.fit_classifier`: the terms "loss" and, where lambda is above 0, "penalty", in nats,
        [B] each.
    """

    def objective(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        if config.lam == 0:
            return {"loss": F.cross_entropy(model(x), y, label_smoothing=config.label_smoothing, reduction="none")}
        x = x.requires_grad_()
        logits = model(x)
        outputs = logits.softmax(1) if config.outputs == "softmax" else logits
        norm = penalties.jacobian_l1(outputs, x, config.estimator, generator)  # ||J||_{1,1}, P2 Eq. (3)   [B]
        entries = outputs[0].numel() * x[0].numel() if config.unit == "mean" else 1  # C * D, or the bare sum
        loss = F.cross_entropy(logits, y, label_smoothing=config.label_smoothing, reduction="none")
        return {"loss": loss, "penalty": config.lam * norm / entries}

    return objective


def flatness_probe(x: Tensor, y: Tensor, eps: float) -> Callable[[nn.Module], dict[str, float]]:
    """P2 Fig. 1 on a batch: how far the outputs move from x to x + eps v, and how steep they are at both ends.

    Args:
        x: images, [B, ...] in [0, 1].
        y: labels, [B].
        eps: FGSM's budget, L-infinity, in units of the pixel range.

    Returns:
        A function of the model; its measures are means over the batch, of the softmax outputs: `delta` is the L1
        distance between the outputs, `norm_clean` and `norm_adversarial` are ||J||_{1,1}.
    """
    x, y = x.to(choose()), y.to(choose())

    def probe(model: nn.Module) -> dict[str, float]:
        x_adv = fgsm(model, x, y, eps)
        with torch.no_grad():
            delta = (model(x_adv).softmax(1) - model(x).softmax(1)).abs().sum(1)  # Delta of P2 Fig. 1
        return {"delta": float(delta.mean()), "norm_clean": float(jacobian_l1_norm(model, x).mean()),
                "norm_adversarial": float(jacobian_l1_norm(model, x_adv).mean())}

    return probe


def images_of(config) -> tuple[data.Split, data.Split, data.Split]:
    """The images of a configuration: those learned from, those that the stopping rule watches, those of the test.

    Args:
        config: of either experiment of P2; gives the data set, the sizes and the seed of the partition.
    """
    dataset = data.load(config.dataset, config.source)
    train, validation = data.partition(dataset.train, (config.train_size, config.validation_size), config.seed)
    return train, validation, dataset.test[: config.test_size]


def run(config: Config, *, checkpoint=None, report: Callable[[dict], None] | None = None) -> dict:
    """Train and measure one configuration.

    Args:
        config: everything that determines the result.
        checkpoint: where the training keeps its state, so that it can go on after a stop.
        report: called with the history row of each finished epoch.

    Returns:
        Measures: shares of 1 for accuracies (named `fgsm_0.3` for a budget of 0.3, and so on), the mean ||J||_{1,1} of
        the first `attack_images` test images, and the `history` of `dbp.training.fit_classifier`.
    """
    train, validation, test = images_of(config)
    settings = ClassifierTraining(max_epochs=config.max_epochs, stopping=config.stopping)
    model = build_classifier(config.model, seed=config.seed)
    probe = flatness_probe(validation.images[:PROBE_IMAGES], validation.labels[:PROBE_IMAGES], config.eps)
    history = fit_classifier(
        model, train, validation, settings, objective=penalised_cross_entropy(config), probe=probe,
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
    )
    return {**measure(model, test, config), "epochs": len(history) - 1, "history": history}


def measure(model: nn.Module, test: data.Split, config: Config) -> dict[str, float]:
    """Every measurement of a trained model; the same seed gives the same random starts.

    Args:
        model: images to logits, [B, 10].
        test: images, [N, 1, 28, 28], and labels, [N]; the first `config.attack_images` of them meet PGD.
        config: gives the attacks' steps, restarts and seed.

    Returns:
        Accuracies as shares of 1, and mean norms of the Jacobian in units of the outputs per pixel.
    """
    images, labels = test.images.to(choose()), test.labels.to(choose())
    few, few_labels = images[: config.attack_images], labels[: config.attack_images]
    found = {"clean": accuracy(model, images, labels)}
    attacks = {f"fgsm_{eps}": _fgsm(eps) for eps in FGSM_EPS} | {"fgsm_predicted_0.3": _fgsm_predicted(0.3)}
    result = evaluate(model, images, labels, attacks)
    found |= {name: result.accuracy(name) for name in attacks}
    for eps in PGD_EPS:
        attacks = {f"pgd_{loss}_{eps}": _pgd(eps, loss, config) for loss in ("cross_entropy", "margin")}
        attacks[f"fgsm_few_{eps}"] = _fgsm(eps)
        result = evaluate(model, few, few_labels, attacks)
        found |= {name: result.accuracy(name) for name in attacks} | {f"worst_{eps}": float(result.worst.double().mean())}
    found["clean_few"] = accuracy(model, few, few_labels)
    norms = {name: jacobian_l1_norm(model, few, outputs=name).mean() for name in ("softmax", "logits")}
    return found | {f"jacobian_{name}": float(norm) for name, norm in norms.items()}


def _fgsm(eps: float):
    return lambda model, x, y: fgsm(model, x, y, eps)


def _fgsm_predicted(eps: float):
    return lambda model, x, y: fgsm(model, x, model(x).argmax(1), eps)


def _pgd(eps: float, loss: str, config: Config):
    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(config.seed)
        return pgd(model, x, y, eps, steps=config.pgd_steps, restarts=config.pgd_restarts, loss=loss, generator=generator)

    return attack
