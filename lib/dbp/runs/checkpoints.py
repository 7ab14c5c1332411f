"""Where was I? The file of a training that may be stopped, and the lock that keeps two processes from making one run.

What is put into the file after every epoch, and how a training goes on from it, is in `dbp.training.loop`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from torch import Tensor

from dbp.files import Damaged, Unwritable, cache_folder, read_tensors, set_aside, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """The state of one run.

    Args:
        path: of the file; the folder is made when it is first written.
        code: digest of the code that runs; a state that other code left is not continued.
    """

    path: Path
    code: str = ""

    def save(self, tensors: dict[str, Tensor], meta: dict) -> None:
        """Keep named tensors and a JSON-able dict, in the place of what was kept before."""
        write_tensors(self.path, tensors, {"code": self.code, "meta": meta})

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """What was saved last by this code, or None. A damaged file is set aside, named on stderr, and counts as nothing."""
        try:
            tensors, kept = read_tensors(self.path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            aside = set_aside(self.path)
            if aside is not None:
                print(f"{error}; set aside as {aside.name}, starting afresh", file=sys.stderr)
            return None
        if kept.get("code") != self.code:
            print(f"{self.path} was left by other code ({kept.get('code')}, now {self.code}); starting afresh",
                  file=sys.stderr)
            return None
        return tensors, kept["meta"]

    def delete(self) -> None:
        """Remove the file, if there is one, and what a killed process left beside it."""
        self.path.unlink(missing_ok=True)
        for left_over in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            left_over.unlink(missing_ok=True)


def checkpoint_of(experiment: str, key: str, code: str = "", cache: Path | None = None) -> Checkpoint:
    """Where a run keeps its state until it is recorded, by default in this machine's cache."""
    return Checkpoint((cache or cache_folder()) / "checkpoints" / experiment / f"{key}.safetensors", code)


def prune(experiment: str, key: str) -> None:
    """Delete what a process left that was killed after it had written the record and before it deleted the checkpoint.

    Nothing is deleted while a process of this machine is making the run, be it again for its weights.
    """
    checkpoint = checkpoint_of(experiment, key)
    if checkpoint.path.exists() and not is_locked(experiment, key):
        with lock(experiment, key):
            checkpoint.delete()


@contextmanager
def lock(experiment: str, key: str, cache: Path | None = None) -> Iterator[None]:
    """Hold a run for this process, waiting while another process of this machine holds it.

    The lock is the system's own, so a killed process leaves none behind. Where there are no such locks (Windows, some
    network drives) nothing is held: two sweeps may then make the same run twice, with the same result.

    Raises:
        dbp.files.Unwritable: the cache folder cannot be written.
    """
    path = _lock_path(experiment, key, cache)
    file = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows deletes no open file
            path.unlink()
        file.close()


def is_locked(experiment: str, key: str) -> bool:
    """Whether a process of this machine is making the run."""
    try:
        import fcntl

        with open(_lock_path(experiment, key)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def _locked(path: Path) -> TextIO:
    """The lock's file, open and held."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "w")
        except OSError as error:
            raise Unwritable(f"cannot write {path}: {error.strerror}") from error
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            # While we waited, its holder may have deleted it and another process made a new one: that one counts then.
            if os.path.exists(path) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        except (ImportError, OSError):
            return file
        file.close()


def _lock_path(experiment: str, key: str, cache: Path | None = None) -> Path:
    return (cache or cache_folder()) / "running" / experiment / f"{key}.lock"
