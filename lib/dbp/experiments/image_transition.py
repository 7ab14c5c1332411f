"""P1 Section 5.4, Figure 6: does an image turn into another class, when it follows the gradient of encoder and mixtures?

One run walks with some test images to other classes, by P1 Eq. (15) on the probabilities and on the log densities, and asks
a classifier that had no part in it what it sees. The paper shows four pairs; here they are counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp import data, profiles
from dbp.attacks.transition import DISTANCES, transition
from dbp.device import choose
from dbp.experiments import dbp_autoencoders, gmm_classifier, undefended_classifiers
from dbp.experiments.auddc import choose_pairs
from dbp.models.heads import HEADS
from dbp.profiles import Profile

NAME = "image_transition"

POINTS = 11  # of the curves along the path, both ends included


@dataclass(frozen=True)
class Config:
    """Everything that determines one run.

    Attributes:
        network: the autoencoder's configuration.
        judge: that of the classifier that is asked besides, of the same data set.
        head, components, covariance, codes: see `dbp.experiments.gmm_classifier.Config`.
        pairs: of test images of different classes, those of `dbp.experiments.auddc`; the first of each walks to the class
            of the second.
        steps: of P1 Eq. (15).
        step_size: eta, in units of the pixel range.
    """

    network: dbp_autoencoders.Config
    judge: undefended_classifiers.Config
    head: str
    components: int | str
    covariance: str
    codes: int
    pairs: int
    steps: int
    step_size: float

    def __post_init__(self) -> None:
        gmm_classifier.check_head(self)
        if self.judge.dataset != self.dataset:
            raise ValueError(f"judge must be of the network's data set, {self.dataset!r}, but is of {self.judge.dataset!r}")
        for name in ("pairs", "steps"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)!r}")
        if not 0 < self.step_size <= 1:
            raise ValueError(f"step_size must lie above 0 and be at most 1, but is {self.step_size!r}")

    @property
    def dataset(self) -> str:
        """Of the network."""
        return self.network.dataset

    @property
    def source(self) -> str:
        """Of the network."""
        return self.network.source


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed."""
    return profiles.seed_by_seed(profile.image_transition.parts, configs)


def configs(part: profiles.ImageTransitionRuns, seed: int) -> Iterator[Config]:
    """The runs of one part of a profile with one seed; the judge is the last of the part's classifiers."""
    *_, judge = undefended_classifiers.configs(part.classifiers, seed)
    for network in dbp_autoencoders.configs(part.networks, seed):
        yield Config(network, judge, "GMM", **vars(part.mixture), **vars(part.walk))


def needs(config: Config) -> list[tuple[str, object]]:
    """The autoencoder that `config` walks through, and the classifier that is asked."""
    return [(dbp_autoencoders.NAME, config.network), (undefended_classifiers.NAME, config.judge)]


def roots(config: Config) -> list[Callable]:
    """What a run of `config` reaches by name only, for the code fingerprint."""
    return [HEADS[config.head], *DISTANCES.values()]


def run(
    config: Config, *, networks: list[nn.Module], checkpoint=None, report: Callable[[dict], None] | None = None
) -> dict:
    """Walk with images through one classifier.

    Args:
        config: everything that determines the result.
        networks: the trained ones of `needs(config)`; moved to the device that is computed on.
        checkpoint, report: not used, since no network is trained.

    Returns:
        `probabilities` and `log_densities`, the measures of `measure_walk` for P1 Eq. (15) on each.
    """
    autoencoder, judge = (network.to(choose()) for network in networks)
    dataset = data.load(config.dataset, config.source)
    model = gmm_classifier.classifier_of(config, autoencoder, dataset.train)
    test = dataset.test
    images, to = choose_pairs(test.labels, config.pairs)
    x, targets, wanted = (part.to(choose()) for part in (test.images[images], test.images[to], test.labels[to]))
    found = {}
    for on in DISTANCES:
        walk = transition(model, x, wanted, steps=config.steps, step_size=config.step_size, on=on, autoencoder=autoencoder)
        found[on.replace(" ", "_")] = measure_walk(walk, judge, wanted, targets)
    return found


def measure_walk(walk, judge: nn.Module, wanted: Tensor, targets: Tensor) -> dict:
    """What became of B images on their way to their target classes.

    An image has arrived at the first step at which the model says the target class. An adversarial example arrives soon, and
    nobody else agrees; a transition arrives late, and others see the new class too.

    Args:
        walk: a `dbp.attacks.transition.Transition` with reconstructions.
        judge: images to logits, a classifier that the gradient did not go through.
        wanted: target classes, int64 [B].
        targets: for each an image of its target class, like those that walk.

    Returns:
        Shares of 1, of the B images: `reached`, those that have arrived; `stalled`, those that have not, and whose gradient
        was exactly zero on the way; `judge_agrees`, at arrival the judge says the target class too (where there is no
        arrival, it does not), and `judge_agrees_on_reconstruction`; both `_at_end`, after the last step. Means over those
        that have arrived, None if there are none: `stayed`, the share that is of the target class at the end too;
        `steps_to_arrival`; from the first image to that at arrival `distance`, L2, and `distance_largest`, L-infinity, in
        units of the pixel range; and `distance_share`, the L2 one over that to the target image. `curves`: over all images,
        at `POINTS` steps of the path, both ends included, the mean `target_probability` and `distance` (L2), and the shares
        in which the `judge` sees the target class, in the image and in its `reconstruction`.
    """
    says = walk.probabilities.argmax(2) == wanted  # [steps + 1, B]
    reached, arrival = says.any(0), says.int().argmax(0)  # the first step; 0 where there is none
    moved = (walk.path - walk.path[0]).flatten(2)
    distance, everyone = moved.norm(dim=2), torch.arange(len(wanted), device=wanted.device)
    seen = {name: _sees(judge, images, wanted) for name, images in
            (("judge", walk.path), ("reconstruction", walk.reconstructions))}
    straight = (targets - walk.path[0]).flatten(1).norm(dim=1)

    def at_arrival(values: Tensor) -> float | None:
        return round(float(values[reached].double().mean()), 6) if bool(reached.any()) else None

    points = torch.linspace(0, len(walk.path) - 1, POINTS).round().long()
    curves = {"target_probability": walk.probabilities[:, everyone, wanted], "distance": distance} | seen
    return {
        "reached": _mean(reached), "stalled": _mean(walk.stalled.any(0) & ~reached), "stayed": at_arrival(says[-1]),
        "judge_agrees": _mean(seen["judge"][arrival, everyone] & reached),
        "judge_agrees_on_reconstruction": _mean(seen["reconstruction"][arrival, everyone] & reached),
        "judge_agrees_at_end": _mean(seen["judge"][-1]),
        "judge_agrees_on_reconstruction_at_end": _mean(seen["reconstruction"][-1]),
        "steps_to_arrival": at_arrival(arrival), "distance": at_arrival(distance[arrival, everyone]),
        "distance_largest": at_arrival(moved.abs().amax(2)[arrival, everyone]),
        "distance_share": at_arrival(distance[arrival, everyone] / straight),
        "curves": {name: [_mean(values[point]) for point in points] for name, values in curves.items()},
    }


def _sees(judge: nn.Module, path: Tensor, wanted: Tensor) -> Tensor:
    """Whether the judge says the target class, bool [steps + 1, B]."""
    with torch.no_grad():
        return torch.stack([judge(images).argmax(1) == wanted for images in path])


def _mean(values: Tensor) -> float:
    return round(float(values.double().mean()), 6)
