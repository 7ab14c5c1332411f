"""Which table or figure? One module an experiment, each with NAME, Config, plan, run and roots; imported when used."""

import importlib
from types import ModuleType

from dbp.profiles import nearest

NAMES = ("l1_penalty", "l1_adversarial_training", "dbp_autoencoders")


def get(name: str) -> ModuleType:
    """The experiment's module.

    Raises:
        KeyError: no experiment of that name; the message gives the nearest one.
    """
    if name not in NAMES:
        raise KeyError(f"no experiment named {name!r}; there are {', '.join(NAMES)}{nearest(str(name), NAMES)}")
    return importlib.import_module(f"dbp.experiments.{name}")
