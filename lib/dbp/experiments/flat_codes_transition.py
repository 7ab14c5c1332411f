"""P1 Figure 6 for flat codes: the walks of `dbp.experiments.image_transition` on networks of `flat_codes`."""

from dbp import profiles
from dbp.experiments import flat_codes, undefended_classifiers
from dbp.experiments.image_transition import Config, roots, run
from dbp.profiles import Profile

NAME = "flat_codes_transition"

__all__ = ["NAME", "Config", "needs", "plan", "roots", "run"]


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed; the judge is the last of a part's classifiers."""
    return profiles.seed_by_seed(profile.flat_codes_transition.parts, _configs)


def _configs(part: profiles.ImageTransitionRuns, seed: int) -> list[Config]:
    *_, judge = undefended_classifiers.configs(part.classifiers, seed)
    return [Config(network, judge, "GMM", **vars(part.mixture), **vars(part.walk))
            for network in flat_codes.configs(part.networks, seed)]


def needs(config: Config) -> list[tuple[str, object]]:
    """The autoencoder that `config` walks through, and the classifier that is asked."""
    return [(flat_codes.NAME, config.network), (undefended_classifiers.NAME, config.judge)]
