"""P1 Table 2: targeted attacks on the autoencoders of Table 1, and the area under their distortion-distortion curves.

One run attacks one trained autoencoder of `dbp.experiments.dbp_autoencoders` in both spaces. The pairs of images are the
same for every network of a data set, so that two networks can be compared pair by pair.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp import data, profiles
from dbp.attacks.autoencoder import SPACES, attack_autoencoder, straight_line
from dbp.device import choose
from dbp.experiments import dbp_autoencoders
from dbp.metrics import DistortionCurves, auddc, distance_at, distortion_curves
from dbp.profiles import Profile

NAME = "auddc"

PAIRS_SEED = 0
DISTORTIONS = tuple(step / 20 for step in range(21))
LONGER = (2, 4)  # times the steps: is the attack done?
LINE_POINTS = 51


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        network: the autoencoder's configuration.
        pairs: of test images of different classes; the first ones of a fixed list.
        trade_offs: how many, see `trade_offs_of`.
        steps: of the attack.
        checked_pairs: of these, those that are attacked again with more steps.
    """

    network: dbp_autoencoders.Config
    pairs: int
    trade_offs: int
    steps: int
    checked_pairs: int

    def __post_init__(self) -> None:
        for name, least in (("pairs", 1), ("trade_offs", 3), ("steps", 1), ("checked_pairs", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}, but is {getattr(self, name)!r}")
        if self.checked_pairs > self.pairs:
            raise ValueError(f"checked_pairs must be at most pairs, {self.pairs}, but is {self.checked_pairs}")

    @property
    def dataset(self) -> str:
        """Of the network."""
        return self.network.dataset

    @property
    def source(self) -> str:
        """Of the network."""
        return self.network.source

    @property
    def seed(self) -> int:
        """Of the network; the attack draws nothing."""
        return self.network.seed


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed."""
    return profiles.seed_by_seed(
        profile.auddc.parts,
        lambda part, seed: [Config(each, **vars(part.attack)) for each in dbp_autoencoders.configs(part.networks, seed)])


def needs(config: Config) -> list[tuple[str, object]]:
    """The autoencoder that `config` attacks."""
    return [(dbp_autoencoders.NAME, config.network)]


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return []


def trade_offs_of(count: int) -> Tensor:
    """0 and the powers of 2 between 2^-20 and 2^20, evenly spaced in the exponent: P1 adopts 51 of them.

    Args:
        count: how many, at least 3.

    Returns:
        float32, [count], rising; nats (latent) or squared pixels (output) per squared pixel.
    """
    return torch.cat([torch.zeros(1), 2.0 ** torch.linspace(-20, 20, count - 1)])


def choose_pairs(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Images and their targets, of different classes, drawn without replacement: a fixed list, cut off after `count`.

    Args:
        labels: [N].
        count: of pairs.

    Returns:
        Their indices, [count] each.

    Raises:
        ValueError: there are not so many pairs.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(PAIRS_SEED))
    pairs = order[: len(order) // 2 * 2].view(-1, 2)
    pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    if len(pairs) < count:
        raise ValueError(f"pairs must be at most {len(pairs)}, for {len(labels)} images, but is {count}")
    return pairs[:count, 0], pairs[:count, 1]


def run(
    config: Config, *, networks: list[nn.Module], checkpoint=None, report: Callable[[dict], None] | None = None
) -> dict:
    """Attack one network.

    Args:
        config: everything that determines the result.
        networks: the trained one of `needs(config)`; moved to the device that is computed on.
        checkpoint, report: not used, since nothing is trained.

    Returns:
        Means over the pairs that have not collapsed (None if all have): the reference areas `latent`, `output` and `line`;
        `latent_envelope` and `output_envelope`, each with the line, and `envelope`, of all three. Besides: `collapsed`, how
        many pairs; `areas`, all these for each pair (None if collapsed) with its `gap` (see `dbp.metrics`) and the indices
        of `image` and `target`; `curves`, means of the lowest normalised distance at each of `DISTORTIONS`, for each attack
        and for the `envelope`; `convergence`, the mean reference areas of the first `checked_pairs` by "1", "2" and "4"
        times the steps.
    """
    (model,) = (network.to(choose()) for network in networks)
    test = data.load(config.dataset, config.source).test
    chosen = choose_pairs(test.labels, config.pairs)
    x, target = (test.images[index].to(choose()) for index in chosen)

    found = {space: _attacked(model, x, target, space, config) for space in SPACES}
    found["line"] = distortion_curves(model, x, target, straight_line(x, target, LINE_POINTS))
    sound = ~found["line"].collapsed().cpu()
    areas = {name: auddc(curves) for name, curves in found.items()}
    for space in SPACES:
        areas[f"{space}_envelope"] = auddc(found[space], found["line"], envelope=True)
    areas["envelope"] = auddc(*found.values(), envelope=True)
    reached = {name: distance_at(curves, distortion=DISTORTIONS) for name, curves in found.items()}
    reached["envelope"] = distance_at(*found.values(), distortion=DISTORTIONS)

    few = slice(config.checked_pairs)
    convergence = {space: {"1": _mean(areas[space][few], sound[few])} for space in SPACES}
    for space in SPACES:
        for times in LONGER:
            longer = auddc(_attacked(model, x[few], target[few], space, config, times))
            convergence[space][str(times)] = _mean(longer, sound[few])
    rows = {name: [round(value, 6) if fine else None for value, fine in zip(values.tolist(), sound.tolist(), strict=True)]
            for name, values in areas.items()}
    rows |= {"gap": found["line"].gap.tolist(), "image": chosen[0].tolist(), "target": chosen[1].tolist()}
    return {
        **{name: _mean(values, sound) for name, values in areas.items()}, "collapsed": int((~sound).sum()), "areas": rows,
        "curves": {name: [_mean(column, sound) for column in values.T] for name, values in reached.items()},
        "convergence": convergence,
    }


def _attacked(model: nn.Module, x: Tensor, target: Tensor, space: str, config: Config, times: int = 1) -> DistortionCurves:
    found = attack_autoencoder(model, x, target, trade_offs_of(config.trade_offs), space=space, steps=times * config.steps)
    return distortion_curves(model, x, target, found.x_adv)


def _mean(values: Tensor, sound: Tensor) -> float | None:
    return round(float(values[sound].mean()), 6) if bool(sound.any()) else None
