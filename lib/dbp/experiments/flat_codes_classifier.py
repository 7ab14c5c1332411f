"""How far do flat codes carry a classifier? The attacks of `dbp.experiments.gmm_classifier` on networks of `flat_codes`."""

from dbp import profiles
from dbp.experiments import flat_codes, gmm_classifier
from dbp.experiments.gmm_classifier import Config, needs, roots, run
from dbp.profiles import Profile

NAME = "flat_codes_classifier"

__all__ = ["NAME", "Config", "needs", "plan", "roots", "run"]


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed.

    Raises:
        ValueError: an unknown head; the message gives the nearest one.
    """
    return profiles.seed_by_seed(
        profile.flat_codes_classifier.parts, lambda part, seed: gmm_classifier.on_codes(part, seed, flat_codes))
