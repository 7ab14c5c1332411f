"""How is it trained? One loop for classifiers, one for autoencoders, both resumable."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp.data import Split
from dbp.device import choose
from dbp.metrics import accuracy
from dbp.models.vae import kl_divergence
from dbp.penalties import loss_gradient_l2
from dbp.training.loop import one_pass, run_epochs

STOPPING_RULES = ("patience", "equal", "no_increase")

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
        checkpoint: a `dbp.files.Checkpoint`; if it holds a state, training goes on from there, with the same
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
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)

    def one_epoch(epoch: int) -> dict[str, float]:
        return one_pass(model, optimizer, len(labels), settings.batch_size, generator, epoch,
                        lambda batch: objective(model, images[batch], labels[batch], generator))

    def measure() -> dict[str, float]:
        found = {"validation_accuracy": accuracy(model, validation.images, validation.labels)}
        return found | (probe(model) if probe else {})

    return run_epochs(
        model, optimizer, one_epoch, measure,
        finished=lambda rows: should_stop([row["validation_accuracy"] for row in rows], settings),
        most=settings.max_epochs, generator=generator, checkpoint=checkpoint, report=report, progress=progress,
        shown=lambda row: {"loss": f"{row['loss']:.3f}", "validation": f"{row['validation_accuracy']:.4f}"},
    )


@dataclass(frozen=True)
class AutoencoderTraining:
    """P1 Eq. (10)-(12) and how they are minimised; the loss of an image is summed over its pixels and latents, in nats.

    Attributes:
        max_epochs: all of them are run.
        batch_size: images a step.
        learning_rate: of Adam.
        lam1: weight of the KL divergence.
        lam2: weight of the penalty ||d L_rec / d x||_2^2. Its unit is squared pixels a nat if the penalised loss is the
            "sum" over pixels. If it is their "mean", the penalty is smaller by the square of the number of pixels, and
            the same lam2 weighs that much less.
        target: the loss depends on x twice, through the encoder and as what is to be reproduced. "attached" differentiates
            both, as P1 Eq. (10) reads; "detached" the way through the encoder only.
        unit: of the penalised loss, "sum" or "mean".
        start: share of the epochs that pass before the penalty begins; P1 Eq. (12) waits for half of them.
        clip: the longest gradient of the parameters, L2 over all of them.
        weight_decay: decoupled (AdamW), a step's share is learning_rate * weight_decay.
        input_noise: standard deviation of the noise on what the encoder sees, in units of the pixel range.
    """

    max_epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    lam1: float = 1.0
    lam2: float = 0.0
    target: str = "attached"
    unit: str = "sum"
    start: float = 0.5
    clip: float = math.inf
    weight_decay: float = 0.0
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_epochs", "batch_size", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but is {getattr(self, name)!r}")
        for name in ("lam1", "lam2", "start", "weight_decay", "input_noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, but is {getattr(self, name)!r}")
        for name, known in (("target", ("attached", "detached")), ("unit", ("sum", "mean"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but is {getattr(self, name)!r}")


def autoencoder_terms(
    model: nn.Module, x: Tensor, settings: AutoencoderTraining, generator: torch.Generator, penalised: bool = True
) -> dict[str, Tensor]:
    """The terms of P1 Eq. (10)-(12) for a batch, with one sample of the code an image (Algorithms 1 and 2).

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [B, channels, height, width].
        settings: the weights, the reading of the target and the unit.
        generator: a CPU generator, of the codes' noise and the input's.
        penalised: whether the penalty's turn has come.

    Returns:
        "reconstruction", "kl" (times lam1) and, if it has a weight, "penalty" (times lam2), in nats, [B] each.
    """
    penalised = penalised and settings.lam2 > 0
    x = x.detach().requires_grad_(penalised)
    seen = x
    if settings.input_noise:
        noise = torch.randn(x.shape, generator=generator).to(x)
        seen = (x + settings.input_noise * noise).clamp(0, 1)
    out = model(seen, torch.randn(len(x), model.latents, generator=generator).to(x))
    target = x if settings.target == "attached" else x.detach()
    loss = model.likelihood(out.logits, target)  # L_rec of P1 Eq. (10)   [B]
    terms = {"reconstruction": loss, "kl": settings.lam1 * kl_divergence(out.mu, out.logvar)}
    if penalised:
        scale = x[0].numel() if settings.unit == "mean" else 1
        terms["penalty"] = settings.lam2 * loss_gradient_l2(loss / scale, x)  # P1 Eq. (10), its third term
    return terms


def fit_autoencoder(
    model: nn.Module,
    images,
    settings: AutoencoderTraining,
    *,
    generator: torch.Generator,
    probe: Callable[[nn.Module], dict[str, float]] | None = None,
    checkpoint=None,
    report: Callable[[dict], None] | None = None,
    progress: bool = False,
) -> list[dict]:
    """Train an autoencoder in place by Algorithms 1 and 2 of P1, with Adam.

    Args:
        model: an autoencoder; moved to the device that `dbp.device.choose` gives.
        images: [N, channels, height, width], a tensor or a `dbp.data.pixels.PixelStore`.
        settings: see there.
        generator, probe, checkpoint, report, progress: as of `fit_classifier`.

    Returns:
        The history: one dict an epoch, with `epoch`, the mean of every term of `autoencoder_terms` over its images, and
        what `probe` returns. Row 0 is before training and holds the probe only.

    Raises:
        ValueError: no images.
        FloatingPointError: the loss is not finite or has exploded; the message says in which epoch and step.
    """
    if not len(images):
        raise ValueError("images must not be empty")
    device = choose()
    model.to(device)
    images = images.to(device) if isinstance(images, Tensor) else images
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)

    def one_epoch(epoch: int) -> dict[str, float]:
        penalised = epoch > settings.start * settings.max_epochs  # P1 Eq. (12)

        def terms_of(batch: Tensor) -> dict[str, Tensor]:
            x = images[batch] if isinstance(images, Tensor) else images[batch.cpu()].tensor().to(device)
            return autoencoder_terms(model, x, settings, generator, penalised)

        return one_pass(model, optimizer, len(images), settings.batch_size, generator, epoch, terms_of, settings.clip)

    return run_epochs(
        model, optimizer, one_epoch, measure=lambda: probe(model) if probe else {},
        finished=lambda rows: len(rows) >= settings.max_epochs,
        most=settings.max_epochs, generator=generator, checkpoint=checkpoint, report=report, progress=progress,
        shown=lambda row: {"reconstruction": f"{row['reconstruction']:.1f}", "kl": f"{row['kl']:.1f}"},
    )
