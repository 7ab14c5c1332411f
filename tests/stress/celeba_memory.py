"""How much memory does CelebA take? Write a folder in its format, load it in fresh processes, twice.

    python tests/stress/celeba_memory.py [IMAGES]      # 20,000 by default; the published set has 202,599

Prints seconds and the peak of the resident memory (mapped pages included) of importing, of a first load, which makes the
cache, and of a second, which maps it. Then 1,000 random images are taken as floats.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

MEASURE = """
import json, resource, sys, time
def peak():
    try:  # of this program alone: what `resource` says begins with the memory of the process that started it
        return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
import torch
from dbp import data
from dbp.data import celeba
celeba.FILES |= json.loads(sys.argv[2])
imported, start = peak(), time.perf_counter()
found = data.load("celeba", "full", sys.argv[1])
seconds, loaded = time.perf_counter() - start, peak()
rows = torch.randint(len(found.train), (1000,), generator=torch.Generator().manual_seed(0))
for part in found.train[rows].images.split(100):
    assert part.dtype == torch.float32 and part.min() >= 0 and part.max() <= 1
print(json.dumps(dict(import_mb=imported, load_mb=loaded, used_mb=peak(), seconds=seconds,
                      images=len(found.train) + len(found.test), fingerprint=found.fingerprint)))
"""


def write(folder: Path, count: int) -> None:
    """A folder of 178 x 218 JPEGs, 50 different ones, with the partition and attribute files: 80 % train, 10 % test."""
    rng = np.random.default_rng(0)
    bodies = []
    for _ in range(50):
        body = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
        coarse.resize((178, 218), Image.Resampling.BICUBIC).save(body, "JPEG", quality=90)
        bodies.append(body.getvalue())
    images = folder / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        (images / name).write_bytes(bodies[number % 50])
    attributes = [f"Attribute_{number}" for number in range(39)] + ["Smiling"]
    rows = [f"{name} " + " ".join("1" if bit else "-1" for bit in rng.random(40) < 0.5) for name in names]
    (images.parent / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(attributes), *rows]) + "\n")
    parts = [0 if number < 0.8 * count else 1 if number < 0.9 * count else 2 for number in range(count)]
    lines = (f"{name} {part}\n" for name, part in zip(names, parts, strict=True))
    (images.parent / "list_eval_partition.txt").write_text("".join(lines))


def main(count: int = 20_000) -> list[dict]:
    """Megabytes and seconds of the first and of the second load."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), count)
        environment = {**os.environ, "DBP_CACHE": str(Path(folder) / "cache")}
        # These text files count as the published ones.
        digests = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in Path(folder).glob("celeba/*.txt")}
        command = [sys.executable, "-c", MEASURE, folder, json.dumps(digests)]
        answers = [subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True) for _ in range(2)]
    return [json.loads(answer.stdout) for answer in answers]


if __name__ == "__main__":
    for turn, found in zip(("first", "second"), main(*(int(word) for word in sys.argv[1:2])), strict=True):
        print(f"{turn} load of {found['images']} images: {found['seconds']:.1f} s; peak {found['import_mb']:.0f} MB after "
              f"importing, {found['load_mb']:.0f} MB after loading, {found['used_mb']:.0f} MB after 1,000 images as floats")
