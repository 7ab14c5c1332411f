"""P2 Table 2 and Figure 1: the L1 norm of the Jacobian as a penalty, alone, on models A, B and C.

One run is one training of one model with one lambda, followed by what the paper measures of it: clean accuracy, FGSM over
epsilon with true and with predicted labels. Stronger attacks come on top of it, in `dbp.experiments.worst_case`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from dbp import data, penalties, profiles
from dbp.attacks import evaluate, fgsm
from dbp.attacks.losses import LOSSES
from dbp.device import choose
from dbp.metrics import accuracy, jacobian_l1_norm
from dbp.models.classifiers import CLASSIFIERS, build_classifier
from dbp.profiles import Profile
from dbp.spelling import require_name
from dbp.training import ClassifierTraining, Objective, fit_classifier, penalised_cross_entropy

NAME = "l1_penalty"

FGSM_EPS = (0.05, 0.1, 0.2, 0.3)
PROBE_IMAGES = 100


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        model: "A", "B" or "C" (P2 Table 1).
        lam: weight of the penalty; its unit is cross-entropy (nats) per `reduction` of the Jacobian's L1 norm.
        reduction: "sum" adds |J_ij| over all entries, as P2 Eq. (3) prints it; "mean" averages over the C * D entries.
        outputs: whose Jacobian: of the "softmax" probabilities or of the "logits".
        estimator: of the norm, see `dbp.penalties.jacobian_l1`.
        seed: of initialisation, split, shuffling and attacks.
        dataset, source: what is loaded.
        train_size, validation_size, test_size: images.
        max_epochs, stopping: see `dbp.training.ClassifierTraining`.
        label_smoothing: of the cross-entropy that is trained on.
        eps: budget of the probe's FGSM step (P2 Fig. 1), L-infinity, in units of the pixel range [0, 1].
    """

    model: str
    lam: float
    reduction: str
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

    def __post_init__(self) -> None:
        require_name(self.model, CLASSIFIERS, "classifier")
        require_name(self.estimator, (*penalties.JACOBIAN_L1, "none"), "estimator")
        reading = (self.reduction, self.outputs, self.estimator)
        if self.lam >= 0 and (self.lam > 0) != ("none" not in reading):
            raise ValueError("reduction, outputs and estimator must be given where lam is above 0, and only there, but are"
                             f" {reading} at lam {self.lam!r}")
        objective(self)  # checks the rest
        training(self)


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed, so that a sweep cut short has whole columns at fewer seeds."""
    scale = profile.l1_penalty
    return profiles.seed_by_seed(scale.parts, lambda part, seed: configs(scale, part, seed))


def configs(scale, part, seed: int) -> Iterator[Config]:
    """The runs of one `seed` of one `part` of a profile's section, its `scale`."""
    readings = [(reduction, outputs, scale.estimator) for reduction in part.reductions for outputs in part.outputs]
    for model in part.models:
        for lam in scale.lambdas:
            # Without a penalty there is nothing to choose: one run serves every reduction and every output.
            for reading in readings if lam else [("none",) * 3]:
                yield Config(model, float(lam), *reading, seed, source=scale.source, **vars(part.sizes))


def undefended(config: Config) -> Config:
    """The run of the same network without a penalty."""
    return replace(config, lam=0.0, reduction="none", outputs="none", estimator="none")


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    # Without a penalty none of the estimators is used; naming the default one keeps the closure complete.
    estimator = penalties.JACOBIAN_L1.get(config.estimator, penalties.jacobian_l1_one_row)
    return [CLASSIFIERS[config.model], estimator, LOSSES["cross_entropy"]]


def network(config: Config) -> nn.Module:
    """The classifier of `config` before training; also what trained weights are loaded into."""
    return build_classifier(config.model, seed=config.seed)


def objective(config: Config) -> Objective:
    """P2 Eq. (3) with the penalty that `config` stands for."""
    reading = {} if config.lam == 0 else {
        "penalty": config.estimator, "outputs": config.outputs, "reduction": config.reduction}
    return penalised_cross_entropy(config.lam, label_smoothing=config.label_smoothing, **reading)


def training(config: Config) -> ClassifierTraining:
    """The epochs and the stopping rule that `config` stands for."""
    return ClassifierTraining(max_epochs=config.max_epochs, stopping=config.stopping)


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
        The measures of `measure`, the number of `epochs`, and the `history` of `dbp.training.fit_classifier`.
    """
    train, validation, test = images_of(config)
    model = network(config)
    probe = flatness_probe(validation.images[:PROBE_IMAGES], validation.labels[:PROBE_IMAGES], config.eps)
    history = fit_classifier(
        model, train, validation, training(config), objective=objective(config), probe=probe,
        generator=torch.Generator().manual_seed(config.seed), checkpoint=checkpoint, report=report,
    )
    return {**measure(model, test), "epochs": len(history) - 1, "history": history}


def measure(model: nn.Module, test: data.Split) -> dict[str, float]:
    """What the paper's tables ask of a trained model, on all test images.

    Args:
        model: images to logits, [B, 10].
        test: images, [N, 1, 28, 28], and labels, [N].

    Returns:
        Accuracies as shares of 1: `clean`, and under FGSM, named `fgsm_0.3` for a budget of 0.3 and so on.
    """
    images, labels = test.images.to(choose()), test.labels.to(choose())
    attacks = {f"fgsm_{eps}": _fgsm(eps) for eps in FGSM_EPS} | {"fgsm_predicted_0.3": _fgsm_predicted(0.3)}
    result = evaluate(model, images, labels, attacks)
    return {"clean": accuracy(model, images, labels)} | {name: result.accuracy(name) for name in attacks}


def _fgsm(eps: float):
    return lambda model, x, y: fgsm(model, x, y, eps)


def _fgsm_predicted(eps: float):
    return lambda model, x, y: fgsm(model, x, model(x).argmax(1), eps)
