"""How is a file written? Whole or not at all, under a temporary name first, and checked when it is read."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from torch import Tensor


class Damaged(ValueError):
    """A file whose content is not what was written into it, or not what was published."""


class Unwritable(OSError):
    """A file that cannot be written: the disk is full, say, or the folder is not ours. Trying again does not help."""


def cache_folder() -> Path:
    """`$DBP_CACHE`, else the platform's cache folder: checkpoints and the weights of finished runs, outside of git."""
    import platformdirs

    return Path(os.environ.get("DBP_CACHE") or platformdirs.user_cache_dir("dbp"))


def write_tensors(path: Path, tensors: dict[str, Tensor], meta: dict) -> None:
    """Write tensors with their JSON-able `meta` as safetensors, whole or not at all, under a sha256 of both.

    Raises:
        Unwritable: the system refuses; the message names the file and the reason.
        ValueError: `meta` is not JSON.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(meta, allow_nan=False)
    write_bytes(path, _ordered(save(tensors, {"meta": text, "sha256": digest_of_tensors(tensors, text)})))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read what `write_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        Damaged: it was cut short or changed; the message names it.
    """
    from safetensors.torch import load

    body = Path(path).read_bytes()
    try:
        header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["__metadata__"]
        tensors, text = load(body), header["meta"]
        sound = header["sha256"] == digest_of_tensors(tensors, text)
    except Exception as error:  # a flipped bit can break the parser in any way
        raise Damaged(f"{path} is damaged ({type(error).__name__})") from None
    if not sound:
        raise Damaged(f"{path} is damaged (its content does not match its checksum)")
    return tensors, json.loads(text)


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        Unwritable: the system refuses; the message names the file and the reason.
    """
    with whole_file(path) as file:
        file.write(body)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which gets its name when all is written: under a temporary one beside it until then.

    Where the block or the system fails, what was there before stays and nothing is left over.

    Raises:
        Unwritable: the system refuses, when the folder is made or within the block; the message names the file and the
            reason.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        if not path.parent.exists():  # a file in its place: opening says so more clearly than making a folder
            path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else the name can outlive a power cut and the content not
        os.replace(temporary, path)
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror or one_line(error)}") from error
    finally:
        with suppress(OSError):  # renamed, or the folder cannot be written at all
            temporary.unlink()


def require_md5(path: Path, md5: str) -> None:
    """Raise `Damaged` unless a published file has its published MD5 (32 hexadecimal digits)."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    found = digest.hexdigest()
    if found != md5:
        wrong = f"{path} is damaged or not the published file (MD5 {found}, expected {md5})"
        raise Damaged(f"{wrong}; delete it to get it again")


def set_aside(path: Path) -> Path | None:
    """Rename a damaged file to a name that says so, and that no reader takes for a sound one.

    None if there is nothing to rename: another process did so first.
    """
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:4]}.damaged")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return None
    return aside


def _ordered(body: bytes) -> bytes:
    """The same file with a sorted header: safetensors writes its metadata in another order each time."""
    end = 8 + int.from_bytes(body[:8], "little")
    header = json.dumps(json.loads(body[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the tensors begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header + body[end:]


def digest_of_tensors(tensors: dict[str, Tensor], text: str = "") -> str:
    """The sha256 of named tensors, whatever their order, and of a text with them."""
    import torch

    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy() if tensor.numel() else b"")
    return digest.hexdigest()


def one_line(error: Exception) -> str:
    """What went wrong, with its kind, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
