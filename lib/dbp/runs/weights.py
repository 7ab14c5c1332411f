"""Which network was it? Weights of finished runs: in the cache as they were trained, or committed in half precision.

The cache is outside of git and may be emptied at any time. The few networks that pages load are committed under
`weights/<experiment>/<key>.safetensors`, in float16, with a hash of the measures of the run that made them.
"""

import hashlib
from pathlib import Path

from torch import Tensor, nn

from dbp.files import Damaged, cache_folder, digest_of_tensors, read_tensors, write_tensors
from dbp.runs.records import Record, canonical
from dbp.runs.store import checkout_folder

# A repository that people clone stays small: bytes of one file, and of all together.
LARGEST_FILE = 4_000_000
LARGEST_FOLDER = 40_000_000


def keep(record: Record, tensors: dict[str, Tensor], cache: Path | None = None) -> Path:
    """Keep a finished run's weights in full precision in this machine's cache, under its key. Returns the file."""
    path = _cached(record.experiment, record.key, cache)
    write_tensors(path, tensors, {"experiment": record.experiment, "key": record.key})
    return path


def kept(record: Record, cache: Path | None = None) -> dict[str, Tensor] | None:
    """The weights of a finished run, name to tensor; None if this machine's cache does not hold just these.

    Args:
        record: of the run; its `weights` is the sha256 that is asked for.
        cache: folder, by default that of this machine.
    """
    try:
        tensors, _ = read_tensors(_cached(record.experiment, record.key, cache))
    except (FileNotFoundError, Damaged):
        return None
    return tensors if digest_of_tensors(tensors) == record.weights else None


def load_into(model: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """The model with these weights, in evaluation mode."""
    model.load_state_dict(tensors)
    return model.eval()


def export(record: Record, tensors: dict[str, Tensor], folder: Path | None = None) -> Path:
    """Write a run's weights for the repository, floating-point tensors in float16.

    Args:
        record: of the run.
        tensors: its weights, e.g. from `kept`.
        folder: by default `weights/` of the checkout that the package lies in.

    Returns:
        The file.

    Raises:
        ValueError: a weight does not fit float16, or the file or the folder would be too large; nothing is written.
    """
    folder = Path(folder or committed_folder())
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    for name, tensor in half.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            most = tensors[name].abs().max()
            raise ValueError(f"weight {name!r} of {record.key} does not fit float16: it reaches {most:g}")
    path = folder / record.experiment / f"{record.key}.safetensors"
    size = sum(tensor.numel() * tensor.element_size() for tensor in half.values()) + 200 * (len(half) + 10)
    others = sum(file.stat().st_size for file in folder.glob("*/*.safetensors") if file != path)
    for what, bytes_, most in (("the file", size, LARGEST_FILE), ("the folder", size + others, LARGEST_FOLDER)):
        if bytes_ > most:
            raise ValueError(f"weights of {record.key}: {what} would take {bytes_ / 1e6:.1f} MB, at most {most / 1e6:g} MB")
    write_tensors(path, half, _meta(record))
    return path


def committed(record: Record, folder: Path | None = None) -> dict[str, Tensor]:
    """The committed weights of a run, name to tensor, floating-point ones as float32.

    Raises:
        FileNotFoundError: none were committed.
        dbp.files.Damaged: the file is damaged, or does not belong to this record.
    """
    path = Path(folder or committed_folder()) / record.experiment / f"{record.key}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"no weights of {record.key} in {path.parent}: `dbp.runs.weights.export` writes them")
    tensors, meta = read_tensors(path)
    if meta != _meta(record):
        raise Damaged(f"{path} holds the weights of {meta}, expected those of {record.experiment} {record.key}")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def committed_folder() -> Path:
    """`weights/` of the checkout that the package lies in, else what came with the package."""
    checkout = checkout_folder()
    return checkout / "weights" if checkout else Path(__file__).parents[1] / "_weights"


def _meta(record: Record) -> dict:
    measures = hashlib.sha256(canonical(record.measures).encode()).hexdigest()
    return {"experiment": record.experiment, "key": record.key, "measures": measures}


def _cached(experiment: str, key: str, cache: Path | None) -> Path:
    return (cache or cache_folder()) / "weights" / experiment / f"{key}.safetensors"
