"""Which table or figure? One module an experiment; imported when used. Nothing here knows where results are kept.

An experiment has

    NAME                what its records are filed under
    Config              a frozen dataclass with everything that determines a run, `seed`, `dataset` and `source` included
    plan(profile)       the configurations of a profile
    roots(config)       the functions that a run reaches by name only, for the fingerprint of its code
    run(config, *, networks=(), checkpoint=None, report=None)    its measures

and, where its runs train a network that others build on, `network(config)`, the network before training; where its runs
build on others, `needs(config)`, which gives [(name, config), ...], whose trained networks `run` gets in that order.
"""

import importlib
from types import ModuleType

from dbp.spelling import require_name

NAMES = ("l1_penalty", "l1_adversarial_training", "worst_case", "dbp_autoencoders", "auddc", "undefended_classifiers",
         "gmm_classifier", "image_transition", "flat_codes", "flat_codes_classifier", "flat_codes_auddc",
         "flat_codes_transition")


def get(name: str) -> ModuleType:
    """The experiment's module.

    Raises:
        ValueError: no experiment of that name; the message gives the nearest one.
    """
    require_name(name, NAMES, "experiment")
    return importlib.import_module(f"dbp.experiments.{name}")
