"""How much faster are two workers of one thread than one? The smoke sweep of model C, on a quiet machine.

    python tests/stress/two_workers.py [--command-line] [SEEDS [REPEATS]]     # 2 seeds, two runs each; 3 repeats

Without the option both ways start from workers that run already: this is how well the runs themselves are shared out. With
it `dbp run` is timed as a user does, from nothing. There a process imports torch for longer than a few smoke runs take,
and two workers do so after their caller has: how many SEEDS make up for it is found by trying. Each way is timed REPEATS
times by turns, in fresh stores, and the medians are compared. Exits 1 if the ratio is above 0.6.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from dbp import profiles, runs
from dbp.runs import Store

MOST = 0.6


def smoke(folder: str, seeds: int | None = None) -> Path:
    """The smoke profile as a file below `folder`, with another number of seeds for the penalty."""
    content = yaml.safe_load(Path(profiles.__file__).with_name("smoke.yaml").read_text(encoding="utf-8"))
    part = content["l1_penalty"]["parts"][0]
    part["seeds"] = seeds or part["seeds"]
    path = Path(folder) / "smoke.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def command(jobs: int, profile: Path) -> list[str]:
    """What a user types."""
    return [sys.executable, "-m", "dbp", "run", "l1_penalty", "--profile", str(profile), "--only", "model=C",
            "--jobs", str(jobs)]


def by_command_line(jobs: int, profile: Path, store: Store) -> None:
    folder = tempfile.mkdtemp(dir=store.root)
    environment = {**os.environ, "DBP_RECORDS": str(store.root), "DBP_CACHE": folder}
    subprocess.run(command(jobs, profile), env=environment, check=True, stdout=subprocess.DEVNULL)


def by_running_workers(jobs: int, profile: Path, store: Store) -> None:
    runs.ensure("l1_penalty", profile, jobs=jobs, threads=1, only={"model": "C"}, progress=False, store=store)


def seconds(way, jobs: int, profile: Path) -> float:
    """Wall seconds of the sweep in a fresh store beside the profile."""
    store = Store(Path(tempfile.mkdtemp(dir=profile.parent)))
    started = time.perf_counter()
    way(jobs, profile, store)
    taken = time.perf_counter() - started
    threads = [record.provenance["threads"] for record in store.records("l1_penalty")]
    planned = len(runs.survey("l1_penalty", profile, only={"model": "C"}, store=store))
    if threads != [1] * planned:
        raise RuntimeError(f"expected {planned} runs of one thread, but their threads are {threads}")
    return taken


def main(way, seeds: int | None = None, repeats: int = 3) -> float:
    times = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DBP_CACHE"] = f"{folder}/cache"  # before the workers start, which keep it
        profile = smoke(folder, seeds)
        if way is by_running_workers:
            seconds(way, 2, profile)
        for _ in range(repeats):
            for jobs, taken in times.items():
                taken.append(seconds(way, jobs, profile))
    one, two = statistics.median(times[1]), statistics.median(times[2])
    print(f"{way.__name__}: one worker {one:.2f} s, two workers {two:.2f} s, ratio {two / one:.2f} (at most {MOST});"
          f" load {os.getloadavg()[0]:.1f}")
    return two / one


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    numbers = [int(word) for word in sys.argv[1:] if word != "--command-line"]
    way = by_command_line if "--command-line" in sys.argv else by_running_workers
    sys.exit(main(way, *numbers) > MOST)
