"""How is it attacked? Pure functions: model, images and labels in, adversarial images out."""

from dbp.attacks.classifier import bim, fgsm, pgd, random_noise, transfer
from dbp.attacks.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "bim", "evaluate", "fgsm", "pgd", "random_noise", "transfer"]
