"""Did I get it right? One check an exercise, by chapter.

A check takes what the student wrote, raises an AssertionError whose message teaches, or returns a short "well done".
"""

from .adversarial_examples import fast_gradient_sign, linear_robustness, margin_loss, projection, worst_case_accuracy
from .dbp_autoencoder import dbp_objective, linear_paths, summed_lambda, which_gradient
from .double_backpropagation import flat_ends, free_pass, input_gradient, jacobian_penalty, loss_gradient_penalty
from .draw import error_image, kl_of_steps, place_window, products_saved
from .l1_adversarial_training import adversarial_batch, footnote_penalty, paired_gain
from .l1_penalty import penalised_loss, same_penalty, stopping_rule
from .vae import latents_in_use, negative_elbo, steepest_direction

__all__ = [
    "fast_gradient_sign", "linear_robustness", "margin_loss", "projection", "worst_case_accuracy",
    "flat_ends", "free_pass", "input_gradient", "jacobian_penalty", "loss_gradient_penalty",
    "penalised_loss", "same_penalty", "stopping_rule",
    "adversarial_batch", "footnote_penalty", "paired_gain",
    "error_image", "kl_of_steps", "place_window", "products_saved",
    "dbp_objective", "linear_paths", "summed_lambda", "which_gradient",
    "latents_in_use", "negative_elbo", "steepest_direction",
]  # fmt: skip
