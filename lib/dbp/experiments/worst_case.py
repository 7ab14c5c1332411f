"""What is the most that an attack can do? The networks of P2 under PGD, Auto-PGD, Square and transfer, and the diagnostics.

One run attacks one trained network of `dbp.experiments.l1_penalty` or `dbp.experiments.l1_adversarial_training`. An attack
that changes makes these runs stale, and never a training. (Encoders and what is beside them are attacked in the same way
by `dbp.experiments.gmm_classifier`.)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp import profiles
from dbp.attacks import evaluate, fgsm, pgd, strongest, transfer
from dbp.attacks.diagnostics import diagnostics
from dbp.attacks.ensemble import MEMBERS, withstand
from dbp.attacks.losses import LOSSES
from dbp.device import choose
from dbp.experiments import l1_adversarial_training, l1_penalty
from dbp.metrics import accuracy, jacobian_l1_norm
from dbp.profiles import Profile
from dbp.spelling import require_name

NAME = "worst_case"

NETWORKS = {module.NAME: module for module in (l1_penalty, l1_adversarial_training)}
PGD_LOSSES = ("cross_entropy", "margin")
GRADIENT_MEMBERS, SQUARE = ("apgd_cross_entropy", "apgd_targeted_dlr"), "square"  # of `dbp.attacks.strongest`
DIAGNOSED_EPS = 0.1  # of the diagnostics, for a network that was trained without adversarial examples


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        experiment: whose network is attacked, "l1_penalty" or "l1_adversarial_training".
        network: its configuration there.
        undefended: a network of that experiment without a defence, from which attacks are carried over; None where the
            network itself is that one.
        budgets: of the attacks, L-infinity, in units of the pixel range, rising; `eps` is the network's own, in training.
        attack_images: test images, the first ones.
        pgd_steps, pgd_restarts: of PGD; the diagnostics take half the steps and one start, what is carried over one start.
        apgd_steps, targets: of Auto-PGD, away from the label and towards so many of the likeliest wrong classes.
        queries: of the Square attack.
    """

    experiment: str
    network: l1_penalty.Config | l1_adversarial_training.Config
    undefended: l1_penalty.Config | l1_adversarial_training.Config | None
    budgets: tuple[float, ...]
    attack_images: int
    pgd_steps: int
    pgd_restarts: int
    apgd_steps: int
    targets: int
    queries: int

    def __post_init__(self) -> None:
        require_name(self.experiment, NETWORKS, "experiment with networks")
        if not self.budgets or not all(low < high for low, high in zip((0.0, *self.budgets), self.budgets, strict=False)):
            raise ValueError(f"budgets must lie above 0 and rise, but are {self.budgets!r}")
        for name in ("attack_images", "pgd_steps", "pgd_restarts", "apgd_steps", "targets", "queries"):
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
        if module is l1_adversarial_training:
            undefended = module.undefended(network, scale.undefended_epochs)
        else:
            undefended = module.undefended(network)
        attack = {"budgets" if name == "eps" else name: value for name, value in vars(part.attack).items()}
        yield Config(module.NAME, network, None if undefended == network else undefended, **attack)


def needs(config: Config) -> list[tuple[str, object]]:
    """The network that `config` attacks, and the undefended one that attacks are carried over from."""
    return [(config.experiment, network) for network in (config.network, config.undefended) if network]


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [*(LOSSES[name] for name in PGD_LOSSES), *(MEMBERS[name] for name in (*GRADIENT_MEMBERS, SQUARE))]


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
        0.1, `fgsm_few_0.1`; `pgd_cross_entropy_0.1` and `pgd_margin_0.1`, under PGD at this budget and the smaller ones;
        `pgd_0.1`, under both and FGSM; and `worst_0.1`, under all that follows too. Counts of images: `apgd_only_0.1`, that
        Auto-PGD breaks after these; `square_only_0.1`, that Square breaks after Auto-PGD; `black_only_0.1`, that examples
        made on the undefended network break after Square: above 0 the attack was not finished. The means of ||J||_{1,1},
        `jacobian_softmax` and `jacobian_logits`, in their unit per pixel; and `diagnostics`, the rows of
        `dbp.attacks.diagnostics` without their questions, at the budget that was trained with, or at `DIAGNOSED_EPS`.
    """
    model, *undefended = (network.to(choose()) for network in networks)
    test = l1_penalty.images_of(config.network)[2]
    images, labels = (part[: config.attack_images].to(choose()) for part in (test.images, test.labels))
    found = {"clean_few": accuracy(model, images, labels)} | _attacked(model, images, labels, config, undefended)
    norms = {name: jacobian_l1_norm(model, images, outputs=name).mean() for name in ("softmax", "logits")}
    found |= {f"jacobian_{name}": float(norm) for name, norm in norms.items()}
    trained_with = config.network.eps if getattr(config.network, "attack", "none") != "none" else DIAGNOSED_EPS
    table = diagnostics(model, images, labels, eps=trained_with, steps=max(1, config.pgd_steps // 2),
                        queries=config.queries, source=undefended[0] if undefended else None)
    return found | {"diagnostics": table.drop(columns="question").to_dict("records")}


def _attacked(model, x: Tensor, y: Tensor, config: Config, undefended: list[nn.Module]) -> dict:
    """The measures of `run` that have a budget in their names."""
    one_step = {eps: evaluate(model, x, y, {"fgsm": _fgsm(eps)}) for eps in config.budgets}
    clean = [each.clean for each in one_step.values()]
    paths = {loss: withstand(model, x, y, config.budgets, clean, lambda eps, loss=loss: _pgd(eps, loss, config))
             for loss in PGD_LOSSES}
    stages = {"pgd": [torch.stack([one_step[eps].worst, *each]).all(0)
                      for eps, *each in zip(config.budgets, *paths.values(), strict=True)]}

    def then(name: str, attack) -> None:
        stages[name] = withstand(model, x, y, config.budgets, [*stages.values()][-1], attack)

    then("apgd", lambda eps: _members(eps, GRADIENT_MEMBERS, config))
    then("square", lambda eps: _members(eps, (SQUARE,), config))
    for source in undefended:
        then("carried FGSM", lambda eps, source=source: transfer(source, _fgsm(eps)))
        then("carried PGD", lambda eps, source=source: transfer(source, _pgd(eps, "cross_entropy", config, restarts=1)))
    found = {}
    for index, eps in enumerate(config.budgets):
        left = {name: int(stage[index].sum()) for name, stage in stages.items()}
        last = [*left.values()][-1]
        found |= {
            f"fgsm_few_{eps}": one_step[eps].accuracy("fgsm"),
            **{f"pgd_{loss}_{eps}": float(path[index].double().mean()) for loss, path in paths.items()},
            f"pgd_{eps}": left["pgd"] / len(y), f"worst_{eps}": last / len(y),
            f"apgd_only_{eps}": left["pgd"] - left["apgd"], f"square_only_{eps}": left["apgd"] - left["square"],
            f"black_only_{eps}": left["square"] - last,
        }
    return found


def _fgsm(eps: float):
    return lambda model, x, y: fgsm(model, x, y, eps)


def _pgd(eps: float, loss: str, config: Config, restarts: int | None = None):
    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(config.network.seed)
        return pgd(model, x, y, eps, steps=config.pgd_steps, restarts=restarts or config.pgd_restarts, loss=loss,
                   generator=generator)

    return attack


def _members(eps: float, members: tuple[str, ...], config: Config):
    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(config.network.seed)
        return strongest(model, x, y, eps, members=members, steps=config.apgd_steps, targets=config.targets,
                         queries=config.queries, generator=generator).x_adv

    return attack
