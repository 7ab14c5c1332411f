"""How is it trained? The objectives of both papers, one loop of epochs, and the two fits that use it."""

from dbp.training.fit import fit_autoencoder, fit_classifier
from dbp.training.objectives import Objective, autoencoder_terms, penalised_cross_entropy, smoothed_cross_entropy
from dbp.training.settings import AutoencoderTraining, ClassifierTraining, should_stop

__all__ = [
    "AutoencoderTraining", "ClassifierTraining", "Objective", "autoencoder_terms", "fit_autoencoder", "fit_classifier",
    "penalised_cross_entropy", "should_stop", "smoothed_cross_entropy",
]  # fmt: skip
