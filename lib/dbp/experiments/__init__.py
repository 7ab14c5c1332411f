"""Which table or figure? One module an experiment, each with NAME, Config, plan, run and roots; imported when used."""

import difflib
import importlib
from types import ModuleType

NAMES = ("l1_penalty", "l1_adversarial_training")


def get(name: str) -> ModuleType:
    """The experiment's module.

    Raises:
        KeyError: no experiment of that name; the message gives the nearest one.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise KeyError(f"no experiment named {name!r}; there are {', '.join(NAMES)}{hint}")
    return importlib.import_module(f"dbp.experiments.{name}")
