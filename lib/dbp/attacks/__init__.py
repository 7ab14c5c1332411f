"""How is it attacked? Pure functions: model, images and labels in, adversarial images out.

Also, how strong an attack was: `evaluate` keeps the worst of several, `strongest` runs several of different kinds, and
`diagnostics` asks whether an attack was fooled.
"""

from dbp.attacks.apgd import apgd
from dbp.attacks.classifier import bim, fgsm, pgd, random_noise, transfer
from dbp.attacks.diagnostics import diagnostics, zero_gradient_share
from dbp.attacks.ensemble import Strongest, strongest
from dbp.attacks.evaluation import Evaluation, evaluate
from dbp.attacks.square import square

__all__ = [
    "Evaluation", "Strongest", "apgd", "bim", "diagnostics", "evaluate", "fgsm", "pgd", "random_noise", "square",
    "strongest", "transfer", "zero_gradient_share",
]  # fmt: skip
