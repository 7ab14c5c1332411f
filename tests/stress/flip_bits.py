"""Flip single bits in everything that is kept on disk, and see that none is used.

    python tests/stress/flip_bits.py [FLIPS]      # 100 by default

Records, the functions that made them, checkpoints, kept and committed weights and idx files by turns; one random bit each
time, read as the library reads them. Prints how each flip was noticed, exits 1 if one was used.
"""

import contextlib
import hashlib
import io
import random
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import torch

from dbp import data
from dbp.data import mnist
from dbp.files import Damaged, digest_of_tensors
from dbp.runs import Store, weights
from dbp.runs.checkpoints import Checkpoint
from dbp.runs.fingerprint import changed, digest_of
from dbp.runs.records import Need, Record

FUNCTIONS = {"toy.run": "0123456789ab", "toy.points": "ba9876543210"}
TENSORS = {"weight": torch.linspace(-1, 1, 300), "bias": torch.zeros(7)}
RUN = Record("toy", {"lam": 0.1, "seed": 3}, "data", (Need("below", "0123456789abcdef", "0" * 64),), digest_of(FUNCTIONS),
             {"clean": 0.9, "history": [0.1 + 0.2, 2.0]}, {"finished": "2026-01-01", "threads": 1},
             digest_of_tensors(TENSORS))


def flip(path: Path, choose: random.Random) -> None:
    body = bytearray(path.read_bytes())
    place = choose.randrange(8 * len(body))
    body[place // 8] ^= 1 << place % 8
    path.write_bytes(body)


def record(folder: Path, choose: random.Random) -> str:
    store = Store(folder)
    path = store.write(RUN, FUNCTIONS)
    flip(path, choose)
    before, told = path.read_bytes(), io.StringIO()
    with contextlib.redirect_stderr(told):
        found = store.read("toy", RUN.key)
    if found is not None:
        return "USED"
    named = path.name in told.getvalue() and path in store.strays() and path.read_bytes() == before
    store.write(RUN, FUNCTIONS)  # made again
    whole = store.read("toy", RUN.key) == RUN and store.strays() == []
    return "named, counts as missing, replaced when it is made again" if named and whole else "NOT NAMED"


def functions(folder: Path, choose: random.Random) -> str:
    store = Store(folder)
    store.write(RUN, FUNCTIONS)
    (path,) = (folder / "code").iterdir()
    flip(path, choose)
    found = store.functions(RUN.code)
    if found and changed(found, FUNCTIONS) == []:
        return "in the name of a module, which messages show and nothing else reads"
    return "counts as lost" if found == {} and store.read("toy", RUN.key) == RUN else "USED"


def checkpoint(folder: Path, choose: random.Random) -> str:
    state = Checkpoint(folder / "run.safetensors")
    tensors = {"model.weight": torch.arange(40.0), "generator": torch.Generator().get_state()[:200]}
    state.save(tensors, {"history": [{"epoch": 0}]})
    flip(state.path, choose)
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        found = state.load()
    if found is not None:
        return "USED"
    aside = list(folder.glob("*.damaged"))
    return "named, set aside, started afresh" if aside and state.path.name in told.getvalue() else "NOT NAMED"


def kept(folder: Path, choose: random.Random) -> str:
    flip(weights.keep(RUN, TENSORS, folder), choose)
    return "counts as lost, so the network is trained again" if weights.kept(RUN, folder) is None else "USED"


def committed(folder: Path, choose: random.Random) -> str:
    path = weights.export(RUN, TENSORS, folder)
    flip(path, choose)
    try:
        weights.committed(RUN, folder)
    except Damaged as error:
        return "error that names the file" if path.name in str(error) else "NOT NAMED"
    return "USED"


def idx(folder: Path, choose: random.Random) -> str:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist.FILES:
        head = struct.pack(">IIII", 0x803, 3, 28, 28) if "images" in file else struct.pack(">II", 0x801, 3)
        (raw / file).write_bytes(head + bytes(choose.randrange(10) for _ in range(3 * 784 if "images" in file else 3)))
    published = {file: hashlib.md5((raw / file).read_bytes()).hexdigest() for file in mnist.FILES}
    damaged = raw / choose.choice(sorted(published))
    flip(damaged, choose)
    with mock.patch.object(mnist, "FILES", published):
        try:
            data.load("mnist", source="full", root=folder)
        except ValueError as error:
            return "error that names the file" if damaged.name in str(error) and "damaged" in str(error) else "NOT NAMED"
    return "USED"


KINDS = {"record": record, "functions": functions, "checkpoint": checkpoint, "kept weights": kept,
         "committed weights": committed, "idx file": idx}


def main(flips: int = 100) -> Counter:
    """How often each kind was noticed, and how."""
    choose, found = random.Random(0), Counter()
    for number in range(flips):
        kind = list(KINDS)[number % len(KINDS)]
        with tempfile.TemporaryDirectory() as folder:
            found[kind, KINDS[kind](Path(folder), choose)] += 1
    return found


def wrong(found: Counter) -> int:
    """How many flips were used, or noticed without a word."""
    return sum(count for (_, how), count in found.items() if how.isupper())


if __name__ == "__main__":
    answer = main(*(int(word) for word in sys.argv[1:2]))
    for (kind, how), count in sorted(answer.items()):
        print(f"{count:4} {kind}: {how}")
    print(f"{sum(answer.values())} flips, {wrong(answer)} of them used or not named")
    sys.exit(wrong(answer) > 0)
