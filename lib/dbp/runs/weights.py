"""Which network was it? Weights of finished runs: in the cache as they were trained, or committed in half precision.

The cache is outside of git and may be emptied at any time. The few networks that pages load live are committed under
`weights/<experiment>/<key>.safetensors`, in float16, with a hash of the measures of the run that made them.
"""

import hashlib
import json
from pathlib import Path

from torch import Tensor

from dbp.files import Damaged, cache_folder, read_tensors, write_tensors
from dbp.runs.records import Record

# A repository that people clone stays small: bytes of one file, and of all together.
LARGEST_FILE = 4_000_000
LARGEST_FOLDER = 40_000_000


def keep(record: Record, tensors: dict[str, Tensor]) -> Path:
    """Keep a finished run's weights in this machine's cache, under its key. Returns the file."""
    path = _cached(record.experiment, record.key)
    write_tensors(path, tensors, {"experiment": record.experiment, "key": record.key})
    return path


def kept(experiment: str, key: str) -> dict[str, Tensor] | None:
    """The weights of a finished run, name to tensor, or None if they are not in this machine's cache.

    Raises:
        dbp.files.Damaged: the file is damaged, or belongs to another run.
    """
    path = _cached(experiment, key)
    try:
        tensors, meta = read_tensors(path)
    except FileNotFoundError:
        return None
    if meta != {"experiment": experiment, "key": key}:
        raise Damaged(f"{path} holds the weights of {meta}, expected those of {experiment} {key}")
    return tensors


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

    A record that `dbp refresh` filed under a new key finds the weights under the old one.

    Raises:
        FileNotFoundError: none were committed.
        dbp.files.Damaged: the file is damaged, or does not belong to this record.
    """
    folder = Path(folder or committed_folder()) / record.experiment
    keys = [record.key, *(step["from_key"] for step in reversed(record.provenance.get("adopted", [])))]
    path = next((folder / f"{key}.safetensors" for key in keys if (folder / f"{key}.safetensors").is_file()), None)
    if path is None:
        raise FileNotFoundError(f"no weights of {record.key} in {folder}: `dbp.runs.weights.export` writes them")
    tensors, meta = read_tensors(path)
    if meta != {**_meta(record), "key": path.stem}:
        raise Damaged(f"{path} holds the weights of {meta}, expected those of {record.experiment} {record.key}")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def committed_folder() -> Path:
    """`weights/` of the checkout that the package lies in, else what came with the package."""
    checkout = Path(__file__).resolve().parents[3]
    return checkout / "weights" if (checkout / "pyproject.toml").is_file() else Path(__file__).parents[1] / "_weights"


def _meta(record: Record) -> dict:
    measures = json.dumps(record.measures, sort_keys=True, separators=(",", ":"))
    return {"experiment": record.experiment, "key": record.key, "measures": hashlib.sha256(measures.encode()).hexdigest()}


def _cached(experiment: str, key: str) -> Path:
    return cache_folder() / "weights" / experiment / f"{key}.safetensors"
