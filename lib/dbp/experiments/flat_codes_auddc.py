"""P1 Table 2 for flat codes: the attacks of `dbp.experiments.auddc` on networks of `flat_codes`."""

from dbp import profiles
from dbp.experiments import flat_codes
from dbp.experiments.auddc import Config, roots, run
from dbp.profiles import Profile

NAME = "flat_codes_auddc"

__all__ = ["NAME", "Config", "needs", "plan", "roots", "run"]


def plan(profile: Profile) -> list[Config]:
    """The runs of a profile, each once, seed by seed."""
    return profiles.seed_by_seed(
        profile.flat_codes_auddc.parts,
        lambda part, seed: [Config(each, **vars(part.attack)) for each in flat_codes.configs(part.networks, seed)])


def needs(config: Config) -> list[tuple[str, object]]:
    """The autoencoder that `config` attacks."""
    return [(flat_codes.NAME, config.network)]
