"""How does it look? Every figure of the book; each function takes an `alt` text and returns a `style.Figure`."""

from dbp.plots.attacks import accuracy_over_eps, epsilon_rows, gradient_step, loss_over_steps, reported_and_true
from dbp.plots.canvas import glimpse, over_steps, painting
from dbp.plots.codes import bound, knobs, learning_curve, neighbours
from dbp.plots.gradients import fields, first_order, hidden_cliff, input_gradient, row_estimates
from dbp.plots.l1 import attack_ladder, ideal_progress, lambda_path, segment
from dbp.plots.style import COLORS, Figure, theme
from dbp.plots.two_paths import gradient_ways, lambda2_paths, reconstruction_rows, trade_off

__all__ = [
    "COLORS", "Figure", "theme",
    "accuracy_over_eps", "epsilon_rows", "gradient_step", "loss_over_steps", "reported_and_true",
    "fields", "first_order", "hidden_cliff", "input_gradient", "row_estimates",
    "attack_ladder", "ideal_progress", "lambda_path", "segment",
    "gradient_ways", "lambda2_paths", "reconstruction_rows", "trade_off",
    "bound", "knobs", "learning_curve", "neighbours",
    "glimpse", "over_steps", "painting",
]  # fmt: skip
