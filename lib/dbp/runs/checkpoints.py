"""Where was I? Training state in one safetensors file, written whole or not at all, and checked when it is read."""

import sys
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dbp.files import Damaged, read_tensors, set_aside, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """The state of one run.

    Args:
        path: of the file; the folder is made when it is first written.
    """

    path: Path

    def save(self, tensors: dict[str, Tensor], meta: dict) -> None:
        """Keep named tensors and a JSON-able dict, in the place of what was kept before."""
        write_tensors(self.path, tensors, meta)

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """What was saved last, or None. A damaged file is set aside, named on stderr, and counts as nothing."""
        try:
            return read_tensors(self.path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            aside = set_aside(self.path)
            if aside is not None:
                print(f"{error}; set aside as {aside.name}, starting afresh", file=sys.stderr)
            return None

    def delete(self) -> None:
        """Remove the file, if there is one, and what a killed process left beside it."""
        self.path.unlink(missing_ok=True)
        for left_over in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            left_over.unlink(missing_ok=True)
