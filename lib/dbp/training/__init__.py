"""How is it trained? Objectives of both papers side by side, one loop of epochs, and the two fits that use it."""

from dbp.training.fit import (
    AutoencoderTraining,
    ClassifierTraining,
    Objective,
    autoencoder_terms,
    fit_autoencoder,
    fit_classifier,
    should_stop,
    smoothed_cross_entropy,
)

__all__ = [
    "AutoencoderTraining", "ClassifierTraining", "Objective", "autoencoder_terms", "fit_autoencoder", "fit_classifier",
    "should_stop", "smoothed_cross_entropy",
]  # fmt: skip
