"""How is it attacked? Pure functions: model, images and labels in, adversarial images out.

Also, how strong an attack was: `evaluate` keeps the worst of several, `diagnostics` asks whether it was fooled.
"""

from dbp.attacks.classifier import bim, fgsm, pgd, random_noise, transfer
from dbp.attacks.diagnostics import diagnostics, zero_gradient_share
from dbp.attacks.evaluation import Evaluation, evaluate

__all__ = [
    "Evaluation", "bim", "diagnostics", "evaluate", "fgsm", "pgd", "random_noise", "transfer", "zero_gradient_share",
]  # fmt: skip
