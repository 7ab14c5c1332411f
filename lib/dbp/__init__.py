"""Double backpropagation as a defence against adversarial attack: the library behind the book.

`import dbp` is cheap: submodules are imported when they are first used, so no tensor library is loaded, and neither
the network nor the disk is touched.
"""

import importlib

__version__ = "0.1.0"

_SUBMODULES = frozenset({
    "attacks", "checkpoints", "checks", "data", "device", "experiments", "fingerprint", "metrics", "models", "paper",
    "penalties", "plots", "profiles", "provenance", "records", "standing", "sweep", "training", "weights",
})


def __getattr__(name: str):
    """Import `dbp.<name>` on first use, so that `import dbp; dbp.data.load("mnist")` works."""
    if name in _SUBMODULES:
        return importlib.import_module(f"dbp.{name}")
    raise AttributeError(f"module 'dbp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
