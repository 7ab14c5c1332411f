"""What is minimised? P2 Eq. (3) for classifiers and P1 Eq. (10)-(12) for autoencoders, side by side.

Both give named terms, one value an example each; the loop averages each over the batch and adds the means.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp import penalties
from dbp.models.vae import Output, kl_divergence
from dbp.training.settings import AutoencoderTraining

Objective = Callable[[nn.Module, Tensor, Tensor, torch.Generator], dict[str, Tensor]]
Copies = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]

CHOICES = {
    "penalty": (*penalties.JACOBIAN_L1, "loss_gradient_l1"), "outputs": ("softmax", "logits"), "reduction": ("mean", "sum"),
    "points": ("clean", "adversarial", "both"),
}


def smoothed_cross_entropy(label_smoothing: float = 0.1) -> Objective:
    """The objective without a penalty: cross-entropy with smoothed labels (P2 Section 4.1), one value an example.

    Args:
        label_smoothing: share of the label that is spread over all classes.

    Raises:
        ValueError: `label_smoothing` is not in [0, 1).
    """
    return penalised_cross_entropy(0.0, label_smoothing=label_smoothing)


def penalised_cross_entropy(
    lam: float, *, penalty: str = "one_row", outputs: str = "softmax", reduction: str = "mean", points: str = "clean",
    label_smoothing: float = 0.1, copies: Copies | None = None,
) -> Objective:
    """P2 Eq. (3); with adversarial copies P2 Section 4.2, both under the same labels.

    Args:
        lam: weight of the penalty, in nats per `reduction` of it; at 0 the four that follow are ignored.
        penalty: "exact" or "one_row" (Eq. (3)), "summed" (the footnote of Section 4.2), see `dbp.penalties.jacobian_l1`;
            or "loss_gradient_l1" (Simon-Gabriel et al. 2018).
        outputs: whose Jacobian: of the "softmax" probabilities or of the "logits"; ignored for "loss_gradient_l1".
        reduction: "sum" as printed; "mean" divides by the number of absolute values that are added up, C * D for a Jacobian.
        points: where the penalty is taken: on the "clean" images, on their "adversarial" copies or on "both".
        label_smoothing: share of the label that is spread over all classes (P2 Section 4.1).
        copies: (model, x [B, ...], y [B], generator) to adversarial copies of x; None trains on the images alone.

    Returns:
        An objective for `dbp.training.fit_classifier`: the term "loss", [B], or [2 B] with copies; and, where lambda is
        above 0, the term "penalty", one value a chosen point; both in nats.

    Raises:
        ValueError: a value that is not among those above, or a penalty at copies that are not made.
    """
    chosen = {"penalty": penalty, "outputs": outputs, "reduction": reduction, "points": points}
    _check(lam, label_smoothing, chosen)
    if lam > 0 and copies is None and points != "clean":
        raise ValueError(f"points must be 'clean' where no adversarial copies are made, but is {points!r}")
    part = {"clean": slice(0, 1), "adversarial": slice(1, 2)}.get(points if lam > 0 else "", slice(None))

    def objective(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        batches = [x] if copies is None else [x, copies(model, x, y, generator)]
        leaf = torch.cat(batches[part]).requires_grad_(lam > 0)
        logits = model(torch.cat([*batches[: part.start or 0], leaf, *batches[part.stop or len(batches):]]))
        labels = y.repeat(len(batches))
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
        if lam == 0:
            return {"loss": loss}
        at = slice((part.start or 0) * len(x), (part.start or 0) * len(x) + len(leaf))
        if penalty == "loss_gradient_l1":
            norm, added_up = penalties.loss_gradient_l1(loss[at], leaf), leaf[0].numel()
        else:
            values = logits[at].softmax(1) if outputs == "softmax" else logits[at]
            norm = penalties.jacobian_l1(values, leaf, penalty, generator)  # ||J||_{1,1}, P2 Eq. (3), or its footnote   [n]
            added_up = leaf[0].numel() * (1 if penalty == "summed" else values.shape[1])
        return {"loss": loss, "penalty": lam * (norm / (added_up if reduction == "mean" else 1))}

    return objective


def _check(lam: float, label_smoothing: float, chosen: dict[str, str]) -> None:
    if not lam >= 0:
        raise ValueError(f"lam must be at least 0, but is {lam!r}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie in [0, 1), but is {label_smoothing!r}")
    for name, value in chosen.items():
        if lam > 0 and value not in CHOICES[name] and (name, chosen["penalty"]) != ("outputs", "loss_gradient_l1"):
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}, but is {value!r}")


def autoencoder_terms(
    model: nn.Module, x: Tensor, settings: AutoencoderTraining, generator: torch.Generator, penalised: bool = True
) -> dict[str, Tensor]:
    """The terms of P1 Eq. (10)-(12) for a batch, with one sample of the code an image (Algorithms 1 and 2).

    The third term of Eq. (10) may be another penalty, see `AUTOENCODER_PENALTIES`. When the penalty's turn comes, P1
    Eq. (12), is decided in `dbp.training.fit.fit_autoencoder`.

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [B, channels, height, width].
        settings: the weights, the reading of the target and the reduction.
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
    terms = {"reconstruction": loss, "kl": settings.lam1 * kl_divergence(out.mu, out.logvar)}  # Eq. (4), (7)
    if penalised:
        terms["penalty"] = settings.lam2 * AUTOENCODER_PENALTIES[settings.penalty](
            loss, out, x, settings.reduction, generator)
    return terms


def penalise_loss_l2(loss: Tensor, out: Output, x: Tensor, reduction: str, generator: torch.Generator) -> Tensor:
    """||d L_rec / d x||_2^2, P1 Eq. (10), its third term, [B].

    Args:
        loss: L_rec, [B], in nats; with the reduction "mean" it is divided by the number of pixels.
        out: what the autoencoder gave for x.
        x: images that require a gradient, [B, ...].
        reduction: "sum" or "mean".
        generator: of what the estimator draws.
    """
    return penalties.loss_gradient_l2(loss / _entries(x, reduction), x)


def penalise_loss_l1(loss: Tensor, out: Output, x: Tensor, reduction: str, generator: torch.Generator) -> Tensor:
    """||d L_rec / d x||_1, the norm that an L-infinity attack answers to, [B]. Args: as of `penalise_loss_l2`."""
    return penalties.loss_gradient_l1(loss / _entries(x, reduction), x)


def penalise_code_l1(loss: Tensor, out: Output, x: Tensor, reduction: str, generator: torch.Generator) -> Tensor:
    """sum |d mu_i / d x_j|: P2 Eq. (3) on the mean code of P1, by one row, [B].

    Args: as of `penalise_loss_l2`; with the reduction "mean" the slopes' mean.
    """
    return penalties.jacobian_l1(out.mu, x, "one_row", generator) / _entries(x, reduction, out.mu)


def penalise_code_frobenius2(loss: Tensor, out: Output, x: Tensor, reduction: str, generator: torch.Generator) -> Tensor:
    """sum (d mu_i / d x_j)^2, the contractive autoencoder of Rifai et al. (2011), by one projection, [B].

    Args: as of `penalise_loss_l2`; with the reduction "mean" the squared slopes' mean.
    """
    return penalties.jacobian_frobenius2(out.mu, x, 1, generator) / _entries(x, reduction, out.mu)


def _entries(x: Tensor, reduction: str, code: Tensor | None = None) -> int:
    """How many are averaged over: pixels, or slopes of a code by pixels; 1 for a sum."""
    return x[0].numel() * (1 if code is None else code.shape[1]) if reduction == "mean" else 1


AUTOENCODER_PENALTIES = {
    "loss_gradient_l2": penalise_loss_l2, "loss_gradient_l1": penalise_loss_l1,
    "code_l1": penalise_code_l1, "code_frobenius2": penalise_code_frobenius2,
}
