"""Kill a sweep with -9 at random moments, go on, and compare with a sweep that nobody disturbed.

    python tests/stress/kill_sweep.py [KILLS]        # 50 by default; prints what was found, exits 1 if anything is wrong

Eight or more runs of the toy experiment, two workers in a process group of their own. After every kill: each record that
was there is still there, byte for byte; no record is torn. At the end: no run was begun again after it was recorded, and
all measures equal the undisturbed sweep's, bit for bit. When a sweep is finished before the kills are used up, the next
one begins in a fresh store.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

UNIT = Path(__file__).resolve().parents[1] / "unit"
SEEDS = 8  # two runs a seed


def main(kills: int = 50, seeds: int = SEEDS, pause: float = 0.03) -> dict[str, int]:
    """Counts of what happened; `wrong` must be 0."""
    found = Counter(kills=0, sweeps=0, runs=0, records_seen_after_kills=0, resumed=0, interrupted_in_a_run=0, wrong=0)
    choose = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        expected = _undisturbed(Path(folder) / "undisturbed", seeds)
        while found["kills"] < kills:
            found["sweeps"] += 1
            _disturbed(Path(folder) / f"sweep{found['sweeps']}", seeds, pause, kills, choose, expected, found)
    return dict(found)


def _disturbed(folder: Path, seeds: int, pause: float, kills: int, choose: random.Random, expected: dict, found: Counter):
    """One sweep, killed again and again until it is through or the kills are used up."""
    recorded: dict[str, bytes] = {}
    while True:
        began = len(_log(folder))
        process = _start(folder, seeds, pause)
        awaited = began + choose.randint(1, seeds // 2 + 1)
        killed = found["kills"] < kills and _kill_somewhere(process, folder, awaited, choose)
        process.wait()
        found["wrong"] += not killed and process.returncode != 0
        now = _records(folder)
        again = set(_log(folder)[began:]) & set(_runs(recorded))
        lost = [name for name, body in recorded.items() if now.get(name) != body]
        for what, names in (("made again after it was recorded", again), ("lost or changed", lost)):
            for name in names:
                print(f"WRONG: {name} was {what}")
                found["wrong"] += 1
        found["kills"] += killed
        found["records_seen_after_kills"] += len(now) if killed else 0
        found["interrupted_in_a_run"] += bool(killed and len(_log(folder)) > began and len(set(_log(folder))) > len(now))
        recorded = now
        print(f"kill {found['kills']}: {len(now)} of {2 * seeds} runs recorded", file=sys.stderr, flush=True)
        if not killed:
            break
    measures = _measures(folder)
    found["wrong"] += measures != expected
    found["runs"] += len(measures)
    found["resumed"] += sum(b'"resumed": true' in body for body in recorded.values())


def _start(folder: Path, seeds: int, pause: float, jobs: int = 2) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ, "DBP_RECORDS": str(folder / "records"), "DBP_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
        "TOY_LOG": str(folder / "log"), "TOY_PAUSE": str(pause),
    }
    command = [sys.executable, str(UNIT / "toy_sweep.py"), str(jobs), str(seeds)]
    return subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def _kill_somewhere(process: subprocess.Popen, folder: Path, awaited: int, choose: random.Random) -> bool:
    """Wait until that many runs have begun, then a random while; kill the whole group. False if the sweep was faster."""
    while process.poll() is None and len(_log(folder)) < awaited:
        time.sleep(0.01)
    time.sleep(choose.uniform(0, 0.3))
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return True


def _undisturbed(folder: Path, seeds: int) -> dict[str, dict]:
    process = _start(folder, seeds, 0.0, jobs=1)
    if process.wait() != 0:
        raise RuntimeError("the undisturbed sweep failed")
    return _measures(folder)


def _log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def _records(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "records" / "toy").glob("[0-9a-f]*.json")}


def _runs(recorded: dict[str, bytes]) -> list[str]:
    configs = [json.loads(body)["config"] for body in recorded.values()]
    return [f"{config['lam']} {config['seed']}" for config in configs]


def _measures(folder: Path) -> dict[str, dict]:
    """Measures of all records by key, read as the library reads them; a torn record would be missing here."""
    from dbp.runs.records import Store

    return {record.key: record.measures for record in Store(folder / "records").records("toy")}


if __name__ == "__main__":
    answer = main(*(int(word) for word in sys.argv[1:2]))
    print(", ".join(f"{name} {count}" for name, count in answer.items()))
    sys.exit(answer["wrong"] > 0)
