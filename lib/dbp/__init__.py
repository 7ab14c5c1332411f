"""Double backpropagation as a defence against adversarial attack: the library behind the book.

`import dbp` is cheap: submodules are imported when they are first used, so no tensor library is loaded, and neither
the network nor the disk is touched.
"""

import importlib

__version__ = "0.1.0"

# The rooms from the ground up: a room uses what lies below it, and no two use each other. One line here for a new one.
FLOORS = (
    "spelling", "files", "device", "penalties", "data", "models", "attacks", "intervals", "metrics", "training", "profiles",
    "experiments", "runs", "tables", "checks", "plots", "grading", "cli",
)


def __getattr__(name: str):
    """Import `dbp.<name>` on first use, so that `import dbp; dbp.data.load("mnist")` works."""
    if name in FLOORS:
        return importlib.import_module(f"dbp.{name}")
    raise AttributeError(f"module 'dbp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *FLOORS])
