"""How much faster are two workers of one thread than one? The smoke sweep of model C, on a quiet machine.

    python tests/stress/two_workers.py [SEEDS]      # two runs a seed; the smoke profile's 2 seeds by default

Each way is the command a user gives, start-up included, in a fresh store. Prints both times and their ratio; exits 1 above
0.6. A run takes about a second and a process longer to start: more seeds than two show the ratio that a real sweep has.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from dbp import profiles

MOST = 0.6


def seconds(jobs: int, profile: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        own = {"DBP_RECORDS": f"{folder}/records", "DBP_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dbp", "run", "l1_penalty", "--profile", str(profile), "--only", "model=C"]
        command += ["--jobs", str(jobs), "--threads", "1"]
        started = time.perf_counter()
        subprocess.run(command, env={**os.environ, **own}, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def main(seeds: int | None = None) -> float:
    content = yaml.safe_load(Path(profiles.__file__).with_name("smoke.yaml").read_text())
    content["l1_penalty"]["seeds"] = seeds or content["l1_penalty"]["seeds"]
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "smoke.yaml"
        profile.write_text(yaml.safe_dump(content))
        seconds(1, profile)  # the first call of all reads the disk
        one, two = seconds(1, profile), seconds(2, profile)
    runs = content["l1_penalty"]["seeds"] * len(content["l1_penalty"]["lambdas"])
    print(f"{runs} runs: one worker {one:.1f} s, two workers {two:.1f} s, ratio {two / one:.2f} (at most {MOST})")
    return two / one


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:2])) > MOST)
