"""Which data, which optimiser? The two fits, on the loop that they share. Nothing but these moves data to a device."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dbp.data import Split
from dbp.device import choose
from dbp.metrics import accuracy
from dbp.training.loop import one_pass, run_epochs
from dbp.training.objectives import Objective, autoencoder_terms
from dbp.training.settings import AutoencoderTraining, ClassifierTraining, should_stop


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
        checkpoint: a `dbp.runs.checkpoints.Checkpoint`; if it holds a state, training goes on from there, with the same
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

    held_out, held_out_labels = validation.images.to(device), validation.labels.to(device)

    def measure() -> dict[str, float]:
        found = {"validation_accuracy": accuracy(model, held_out, held_out_labels)}
        return found | (probe(model) if probe else {})

    return run_epochs(
        model, optimizer, one_epoch, measure,
        finished=lambda rows: should_stop([row["validation_accuracy"] for row in rows], settings),
        most=settings.max_epochs, generator=generator, checkpoint=checkpoint, report=report, progress=progress,
        shown=lambda row: {"loss": f"{row['loss']:.3f}", "validation": f"{row['validation_accuracy']:.4f}"},
    )


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
        images: [N, channels, height, width], a tensor or a `dbp.data.PixelStore`.
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
    images = images.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)

    def one_epoch(epoch: int) -> dict[str, float]:
        penalised = epoch > settings.start * settings.max_epochs  # P1 Eq. (12)

        def terms_of(batch: Tensor) -> dict[str, Tensor]:
            return autoencoder_terms(model, images[batch], settings, generator, penalised)

        return one_pass(model, optimizer, len(images), settings.batch_size, generator, epoch, terms_of, settings.clip)

    return run_epochs(
        model, optimizer, one_epoch, measure=lambda: probe(model) if probe else {},
        finished=lambda rows: len(rows) >= settings.max_epochs,
        most=settings.max_epochs, generator=generator, checkpoint=checkpoint, report=report, progress=progress,
        shown=lambda row: {"reconstruction": f"{row['reconstruction']:.1f}", "kl": f"{row['kl']:.1f}"},
    )
