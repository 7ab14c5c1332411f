"""Both papers in one: P2's norm of the Jacobian on P1's code, beside its relatives and the controls.

One run trains one autoencoder as `dbp.experiments.dbp_autoencoders` does, with another penalty in the place of P1's: the L1
norm of d mu / d x ("code L1", P2 Eq. (3) on the mean code), its squared L2 norm (the contractive autoencoder, Rifai et al.
2011), or the loss gradient of P1 in either norm. No label and no adversarial example is used.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbp import penalties, profiles
from dbp.experiments import dbp_autoencoders
from dbp.experiments.dbp_autoencoders import network, train_and_measure
from dbp.models.autoencoders import AUTOENCODERS
from dbp.models.vae import LIKELIHOODS
from dbp.profiles import Profile
from dbp.spelling import require_name
from dbp.training import AutoencoderTraining
from dbp.training.objectives import AUTOENCODER_PENALTIES
from dbp.training.settings import PENALTIES

NAME = "flat_codes"

# The field of `Config` that a part's strengths go into, and what else the method sets.
_PENALISED = {"lam2": 0.0, "target": "none", "reduction": "sum"}
METHODS = {
    "plain": (None, {}),
    "code L1": ("lam2", _PENALISED | {"penalty": "code_l1"}),
    "code L1 from the start": ("lam2", _PENALISED | {"penalty": "code_l1", "start": 0.0}),
    "contractive": ("lam2", _PENALISED | {"penalty": "code_frobenius2"}),
    "DBP attached": ("lam2", _PENALISED | {"penalty": "loss_gradient_l2", "target": "attached"}),
    "DBP detached": ("lam2", _PENALISED | {"penalty": "loss_gradient_l2", "target": "detached"}),
    "DBP detached, L1": ("lam2", _PENALISED | {"penalty": "loss_gradient_l1", "target": "detached"}),
    "KL weight": ("lam1", {}),
    "weight decay": ("weight_decay", {}),
    "input noise": ("input_noise", {}),
}


@dataclass(frozen=True)
class Config(dbp_autoencoders.Config):
    """Everything that determines one run.

    Attributes:
        penalty: one of `dbp.training.settings.PENALTIES`, "none" where lam2 is 0.
        start: share of the epochs that pass before the penalty begins; 0 where there is none.

    The others are those of `dbp.experiments.dbp_autoencoders.Config`; `target` is "none" where the penalty has none, and
    the unit of lam2 depends on the penalty, see `dbp.training.AutoencoderTraining`.
    """

    penalty: str
    start: float

    def __post_init__(self) -> None:
        require_name(self.model, AUTOENCODERS, "autoencoder")
        require_name(self.dataset, dbp_autoencoders.SHAPES, "data set of autoencoders")
        require_name(self.penalty, (*PENALTIES, "none"), "penalty")
        if not self.lam2 >= 0:
            raise ValueError(f"lam2 must be at least 0, but is {self.lam2!r}")
        for name in ("penalty", "reduction"):
            if (self.lam2 > 0) != (getattr(self, name) != "none"):
                raise ValueError(f"{name} must be given where lam2 is above 0, and only there, but is"
                                 f" {getattr(self, name)!r} at lam2 {self.lam2!r}")
        if self.penalty.startswith("loss_gradient") != (self.target != "none"):
            raise ValueError(f"target must be given where a loss gradient is penalised, and only there, but is"
                             f" {self.target!r} with the penalty {self.penalty!r}")
        settings(self)  # checks the rest


def settings(config: Config) -> AutoencoderTraining:
    """The training that `config` stands for."""
    chosen = {"penalty": config.penalty, "reduction": config.reduction, "start": config.start} if config.lam2 > 0 else {}
    return AutoencoderTraining(
        config.max_epochs, learning_rate=config.learning_rate, lam1=config.lam1, lam2=config.lam2, clip=config.clip,
        weight_decay=config.weight_decay, input_noise=config.input_noise,
        target="attached" if config.target == "attached" else "detached", **chosen,
    )


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed.

    Raises:
        ValueError: an unknown method; the message gives the nearest one.
    """
    return profiles.seed_by_seed(profile.flat_codes.parts, configs)


def configs(part: profiles.DBPAutoencodersRuns, seed: int) -> Iterator[Config]:
    """The runs of one part of a profile with one seed."""
    plain = dict(lam1=1.0, lam2=0.0, target="none", reduction="none", weight_decay=0.0, input_noise=0.0,
                 penalty="none", start=0.0)
    for model in part.models:
        for name in part.methods:
            require_name(name, METHODS, "method")
            field, sets = METHODS[name]
            start = {"start": 0.5} if field == "lam2" else {}  # P1 Eq. (12)
            for strength in part.strengths if field else [None]:
                chosen = {field: float(strength)} if field else {}
                yield Config(model=model, dataset=part.dataset, source=part.source, seed=seed,
                             **plain | start | sets | chosen, **vars(part.sizes))


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    estimator = [penalties.jacobian_l1_one_row] if config.penalty == "code_l1" else []
    return [AUTOENCODERS[config.model], LIKELIHOODS[dbp_autoencoders.likelihood_of(config.dataset)],
            AUTOENCODER_PENALTIES[settings(config).penalty], *estimator]


def run(config: Config, *, checkpoint=None, report: Callable[[dict], None] | None = None) -> dict:
    """Train and measure one configuration.

    Args:
        config: everything that determines the result.
        checkpoint, report: as of `dbp.experiments.dbp_autoencoders.run`.

    Returns:
        The measures of `dbp.experiments.dbp_autoencoders.run`.
    """
    return train_and_measure(config, network(config), settings(config), checkpoint=checkpoint, report=report)
