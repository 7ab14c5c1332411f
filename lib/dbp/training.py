"""How is it trained? One resumable loop for classifiers; what is minimised is handed in as a function."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from dbp.data import Split
from dbp.device import choose
from dbp.metrics import accuracy

STOPPING_RULES = ("patience", "equal", "no_increase")

# A loss per example beyond this has exploded: the networks of the book start below 1e4.
EXPLODED = 1e7

Objective = Callable[[nn.Module, Tensor, Tensor, torch.Generator], dict[str, Tensor]]


@dataclass(frozen=True)
class ClassifierTraining:
    """The settings of P2 Section 4.1.

    Attributes:
        max_epochs: the most epochs that are run.
        batch_size: examples a step.
        learning_rate: of Adam, with beta_1 = 0.9, beta_2 = 0.999 and epsilon = 1e-8.
        stopping: which reading of "until their accuracy on the validation set stop increasing (difference of accuracy
            between 2 epochs less than 0.0001) after 10 epochs": "patience" (no gain of `min_delta` over the best for
            `patience` epochs, as Keras counts), "equal" (from epoch `patience` on, two successive accuracies differ by
            less than `min_delta`) or "no_increase" (from there on, the first one that does not gain `min_delta`).
        patience: epochs.
        min_delta: accuracy, as a share of 1.
    """

    max_epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3
    stopping: str = "patience"
    patience: int = 10
    min_delta: float = 1e-4

    def __post_init__(self) -> None:
        for name in ("max_epochs", "batch_size", "learning_rate", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but is {getattr(self, name)!r}")
        if self.stopping not in STOPPING_RULES:
            raise ValueError(f"stopping must be one of {', '.join(STOPPING_RULES)}, but is {self.stopping!r}")


def smoothed_cross_entropy(label_smoothing: float = 0.1) -> Objective:
    """The objective without a penalty: cross-entropy with smoothed labels (P2 Section 4.1), one value an example.

    Args:
        label_smoothing: share of the label that is spread over all classes.

    Raises:
        ValueError: `label_smoothing` is not in [0, 1).
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie in [0, 1), but is {label_smoothing!r}")

    def objective(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(model(x), y, label_smoothing=label_smoothing, reduction="none")}

    return objective


def should_stop(accuracies: list[float], settings: ClassifierTraining) -> bool:
    """Whether training ends after these validation accuracies (P2 Section 4.1).

    Args:
        accuracies: one a finished epoch, shares of 1.
        settings: the rule, its patience and `min_delta`, and the most epochs.
    """
    if len(accuracies) >= settings.max_epochs:
        return True
    if len(accuracies) < 2 or len(accuracies) <= settings.patience:
        return False
    if settings.stopping == "patience":
        best = -math.inf
        for epoch, value in enumerate(accuracies):
            if value - settings.min_delta > best:
                best, best_epoch = value, epoch
        return len(accuracies) - 1 - best_epoch >= settings.patience
    gain = accuracies[-1] - accuracies[-2]
    return (abs(gain) if settings.stopping == "equal" else gain) < settings.min_delta


def fit_classifier(
    model: nn.Module,
    train: Split,
    validation: Split,
    settings: ClassifierTraining,
    *,
    objective: Objective,
    generator: torch.Generator,
    probe: Callable[[nn.Module], dict[str, float]] | None = None,
    checkpoint=None,
    report: Callable[[dict], None] | None = None,
    progress: bool = False,
) -> list[dict]:
    """Train a classifier in place with Adam, as P2 Section 4.1 does.

    Args:
        model: images to logits; moved to the device that `dbp.device.choose` gives.
        train: what is learned from.
        validation: what the stopping rule watches.
        settings: optimiser, epochs and stopping rule.
        objective: (model, x [B, ...], y [B], generator) to named per-example terms, each [n]; their means are added.
        generator: a CPU generator; every random choice of the training comes from it.
        probe: measures of the model that go into the history, taken before the first epoch and after every one.
        checkpoint: a `dbp.checkpoints.Checkpoint`; if it holds a state, training goes on from there, with the same
            result as unbroken training (to the bit on a CPU with the same number of threads).
        report: called with the history row of each finished epoch.
        progress: show a bar.

    Returns:
        The history: one dict an epoch, with `epoch`, the mean of every term, `validation_accuracy` and what `probe`
        returns. Row 0 is before training and holds the probe and the validation accuracy only.

    Raises:
        ValueError: an empty split.
        FloatingPointError: the loss is not finite or has exploded; the message says in which epoch and step.
    """
    if not len(train) or not len(validation):
        raise ValueError(f"train and validation must not be empty, but hold {len(train)} and {len(validation)} examples")
    device = choose()
    model.to(device)
    images, labels = train.images.to(device), train.labels.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    history = _resume(checkpoint, model, optimizer, generator) or [_measure(model, validation, probe, {"epoch": 0})]
    bar = tqdm(total=settings.max_epochs, initial=len(history) - 1, unit="epoch", disable=not progress, leave=False)
    while not should_stop([row["validation_accuracy"] for row in history[1:]], settings):
        epoch = len(history)
        row = {"epoch": epoch, **_epoch(model, optimizer, images, labels, settings, objective, generator, epoch)}
        history.append(row := _measure(model, validation, probe, row))
        if checkpoint is not None:
            checkpoint.save(_state(model, optimizer, generator), {"history": history})
        if report is not None:
            report(row)
        bar.update()
        bar.set_postfix(loss=f"{row['loss']:.3f}", validation=f"{row['validation_accuracy']:.4f}")
    bar.close()
    model.eval()
    return history


def _epoch(model, optimizer, images, labels, settings, objective, generator, epoch) -> dict[str, float]:
    """One pass over the training set; the mean of every term over its examples."""
    model.train()
    sums: dict[str, float] = {}
    order = torch.randperm(len(labels), generator=generator).to(images.device)
    for step, batch in enumerate(order.split(settings.batch_size)):
        terms = objective(model, images[batch], labels[batch], generator)
        means = {name: term.mean() for name, term in terms.items()}  # averaged over the batch only here
        total = sum(means.values())
        value = float(total.detach())
        if not abs(value) < EXPLODED:
            raise FloatingPointError(f"the loss is {value} in epoch {epoch}, step {step}: training has diverged")
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        for name, mean in means.items():
            sums[name] = sums.get(name, 0.0) + float(mean.detach()) * len(batch)
    return {name: total / len(labels) for name, total in sums.items()}


def _measure(model, validation, probe, row: dict) -> dict:
    model.eval()
    row["validation_accuracy"] = accuracy(model, validation.images, validation.labels)
    return row | (probe(model) if probe is not None else {})


def _state(model, optimizer, generator) -> dict[str, Tensor]:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
    return tensors | {"generator": generator.get_state()}


def _resume(checkpoint, model, optimizer, generator) -> list[dict] | None:
    found = checkpoint.load() if checkpoint is not None else None
    if found is None:
        return None
    tensors, meta = found
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    generator.set_state(tensors["generator"].cpu())
    return meta["history"]
