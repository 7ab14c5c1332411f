"""What is the most that an attack can do? The networks of P2 under PGD on two losses, with restarts, and the diagnostics.

One run attacks one trained network of `dbp.experiments.l1_penalty` or `dbp.experiments.l1_adversarial_training`. An attack
that changes makes these runs stale, and never a training.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp import profiles
from dbp.attacks import evaluate, fgsm, pgd
from dbp.attacks.diagnostics import diagnostics
from dbp.attacks.losses import LOSSES
from dbp.device import choose
from dbp.experiments import l1_adversarial_training, l1_penalty
from dbp.metrics import accuracy, jacobian_l1_norm
from dbp.profiles import Profile
from dbp.spelling import require_name

NAME = "worst_case"

NETWORKS = {module.NAME: module for module in (l1_penalty, l1_adversarial_training)}
EPS = (0.1, 0.3)
PGD_LOSSES = ("cross_entropy", "margin")


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        experiment: whose network is attacked, "l1_penalty" or "l1_adversarial_training".
        network: its configuration there.
        undefended: another network of that experiment, from which PGD is carried over for the diagnostics; without one,
            there are none.
        attack_images: test images, the first ones.
        pgd_steps, pgd_restarts: of PGD; the diagnostics take half the steps and one start.
    """

    experiment: str
    network: l1_penalty.Config | l1_adversarial_training.Config
    undefended: l1_adversarial_training.Config | None
    attack_images: int
    pgd_steps: int
    pgd_restarts: int

    def __post_init__(self) -> None:
        require_name(self.experiment, NETWORKS, "experiment with networks")
        for name in ("attack_images", "pgd_steps", "pgd_restarts"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)!r}")

    @property
    def dataset(self) -> str:
        """Of the network."""
        return self.network.dataset

    @property
    def source(self) -> str:
        """Of the network."""
        return self.network.source


def plan(profile: Profile) -> list[Config]:
    """Every network of both experiments' plans, under the attacks of its part of the profile."""
    runs: dict = {}
    for module in NETWORKS.values():
        scale = getattr(profile, module.NAME)
        runs |= dict.fromkeys(profiles.seed_by_seed(
            scale.parts, lambda part, seed, module=module, scale=scale: _configs(module, scale, part, seed)))
    return list(runs)


def _configs(module, scale, part, seed: int) -> Iterator[Config]:
    for network in module.configs(scale, part, seed):
        undefended = None
        if module is l1_adversarial_training:
            undefended = module.undefended(network, scale.undefended_epochs)
        yield Config(module.NAME, network, undefended, **vars(part.attack))


def needs(config: Config) -> list[tuple[str, object]]:
    """The network that `config` attacks and, where there are diagnostics, the undefended one."""
    undefended = [(l1_adversarial_training.NAME, config.undefended)] if config.undefended else []
    return [(config.experiment, config.network), *undefended]


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [LOSSES[name] for name in PGD_LOSSES]


def run(
    config: Config, *, networks: list[nn.Module], checkpoint=None, report: Callable[[dict], None] | None = None
) -> dict:
    """Attack one network.

    Args:
        config: everything that determines the result.
        networks: the trained ones of `needs(config)`, images to logits; moved to the device that is computed on.
        checkpoint, report: not used, since nothing is trained.

    Returns:
        Measures of the first `attack_images` test images. Accuracies as shares of 1: `clean_few`; for each budget, such as
        0.1, `pgd_cross_entropy_0.1`, `pgd_margin_0.1`, `fgsm_few_0.1` and `worst_0.1`, right under all of these; the means
        of ||J||_{1,1}, `jacobian_softmax` and `jacobian_logits`, in their unit per pixel; and with an undefended network
        `diagnostics`, the rows of `dbp.attacks.diagnostics` at the budget that was trained with.
    """
    model, *undefended = (network.to(choose()) for network in networks)
    test = l1_penalty.images_of(config.network)[2]
    images, labels = (part[: config.attack_images].to(choose()) for part in (test.images, test.labels))
    found = {"clean_few": accuracy(model, images, labels)}
    for eps in EPS:
        attacks = {f"pgd_{loss}_{eps}": _pgd(eps, loss, config) for loss in PGD_LOSSES}
        result = evaluate(model, images, labels, attacks | {f"fgsm_few_{eps}": _fgsm(eps)})
        found |= {name: result.accuracy(name) for name in result.correct}
        found[f"worst_{eps}"] = float(result.worst.double().mean())
    norms = {name: jacobian_l1_norm(model, images, outputs=name).mean() for name in ("softmax", "logits")}
    found |= {f"jacobian_{name}": float(norm) for name, norm in norms.items()}
    if undefended:
        table = diagnostics(model, images, labels, eps=config.network.eps, steps=max(1, config.pgd_steps // 2),
                            source=undefended[0])
        found["diagnostics"] = table.to_dict("records")
    return found


def _fgsm(eps: float):
    return lambda model, x, y: fgsm(model, x, y, eps)


def _pgd(eps: float, loss: str, config: Config):
    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(config.network.seed)
        return pgd(model, x, y, eps, steps=config.pgd_steps, restarts=config.pgd_restarts, loss=loss, generator=generator)

    return attack
