"""How long, how fast, and when does it stop? The settings of both trainings, and the stopping rule of P2."""

import math
from dataclasses import dataclass

STOPPING_RULES = ("patience", "equal", "no_increase")
PENALTIES = ("loss_gradient_l2", "loss_gradient_l1", "code_l1", "code_frobenius2")  # of autoencoders


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


@dataclass(frozen=True)
class AutoencoderTraining:
    """P1 Eq. (10)-(12) and how they are minimised; the loss of an image is summed over its pixels and latents, in nats.

    Attributes:
        max_epochs: all of them are run.
        batch_size: images a step.
        learning_rate: of Adam.
        lam1: weight of the KL divergence.
        lam2: weight of the penalty ||d L_rec / d x||_2^2. Its unit is pixels squared over nats if the penalised loss is the
            "sum" over pixels. If it is their "mean", the penalty is smaller by the square of the number of pixels, and
            the same lam2 weighs that much less.
        target: the loss depends on x twice, through the encoder and as what is to be reproduced. "attached" differentiates
            both, as P1 Eq. (10) reads; "detached" the way through the encoder only.
        reduction: of the penalised loss over the pixels, "sum" or "mean".
        start: share of the epochs that pass before the penalty begins; P1 Eq. (12) waits for half of them.
        penalty: one of `PENALTIES`. That of P1 is "loss_gradient_l2". With those of the code, "code_l1" and
            "code_frobenius2", nothing depends on the target, and `lam2` is in nats per `reduction` of the slopes of the code
            (of their squares), in standard deviations of the code's prior per pixel range.
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
    reduction: str = "sum"
    start: float = 0.5
    penalty: str = "loss_gradient_l2"
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
        for name, known in (("target", ("attached", "detached")), ("reduction", ("sum", "mean")),
                            ("penalty", PENALTIES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but is {getattr(self, name)!r}")
