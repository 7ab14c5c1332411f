"""Small configurations of the second half of P1, that several tests share: seconds to train, about a third right."""

from dbp.experiments import dbp_autoencoders, undefended_classifiers
from dbp.experiments.gmm_classifier import Config

VAE = dbp_autoencoders.Config(
    model="VAE", dataset="mnist", source="embedded", lam1=0.01, lam2=0.0, target="none", reduction="none", weight_decay=0.0,
    input_noise=0.0, seed=0, train_size=500, test_size=100, max_epochs=20, learning_rate=0.005, clip=5.0, gradient_images=10,
    projections=2,
)
MLP = undefended_classifiers.Config("mlp", 0, "mnist", "embedded", 500, 50, test_size=100, max_epochs=2)
ATTACK = dict(eps=(0.005, 0.1), attack_images=40, pgd_steps=4, pgd_restarts=2, apgd_steps=5, targets=2, queries=5)
CONFIG = Config("dbp_autoencoders", VAE, "GMM", 2, "diag", 500, MLP, ("mlp", "lenet"), **ATTACK)
ALONE = Config("undefended_classifiers", MLP, "none", 0, "none", 0, MLP, ("lenet",), **ATTACK)
