"""How much faster are two workers of one thread than one? The smoke sweep of model C, on a quiet machine.

    python tests/stress/two_workers.py [SEEDS [REPEATS]]      # the smoke profile's 2 seeds, two runs a seed; 3 repeats

Both ways start from running workers: a smoke run takes a second or two, and a process longer than that to import torch, so
that a cold start of four runs would measure imports. The start is printed too. Each way is timed REPEATS times by turns,
in fresh stores, and the shortest times count. Exits 1 if the ratio is above 0.6.
"""

import dataclasses
import os
import sys
import tempfile
import time

from dbp import experiments, profiles, sweep
from dbp.records import Store

MOST = 0.6


def seconds(jobs: int, profile: profiles.Profile, folder: str) -> float:
    """Wall seconds of the sweep in a fresh store below `folder`."""
    store = Store(tempfile.mkdtemp(dir=folder))
    started = time.perf_counter()
    table = sweep.ensure(
        experiments.get("l1_penalty"), profile, jobs=jobs, threads=1, only={"model": "C"}, progress=False, store=store,
    )
    taken = time.perf_counter() - started
    if set(table["threads"]) != {1}:
        raise RuntimeError(f"expected runs of one thread, but they had {set(table['threads'])}")
    return taken


def main(seeds: int | None = None, repeats: int = 3) -> float:
    smoke = profiles.load("smoke")
    part = dataclasses.replace(smoke.l1_penalty.parts[0], seeds=seeds or smoke.l1_penalty.parts[0].seeds)
    profile = dataclasses.replace(smoke, l1_penalty=dataclasses.replace(smoke.l1_penalty, parts=(part,)))
    times = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DBP_CACHE"] = f"{folder}/cache"  # before the workers start, which keep it
        cold = seconds(2, profile, folder)
        for _ in range(repeats):
            for jobs, taken in times.items():
                taken.append(seconds(jobs, profile, folder))
    one, two = min(times[1]), min(times[2])
    runs = part.seeds * len(smoke.l1_penalty.lambdas)
    print(f"{runs} runs: one worker {one:.2f} s, two workers {two:.2f} s, ratio {two / one:.2f} (at most {MOST});"
          f" two workers with their start {cold:.1f} s; load {os.getloadavg()[0]:.1f}")
    return two / one


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main(*(int(word) for word in sys.argv[1:3])) > MOST)
