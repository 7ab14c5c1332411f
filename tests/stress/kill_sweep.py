"""Kill a sweep with -9 at random moments, go on, and compare with a sweep that nobody disturbed.

    python tests/stress/kill_sweep.py [--needs] [--jobs JOBS] [--backend NAME] [KILLS]      # 2 workers, 50 kills

Runs of the toy experiment by workers in a process group of their own, which is killed whole, a Dask cluster of its workers
with it. With --needs the sweep is of toy evaluations, which train their networks first. After every kill: each record that
was there is still there, byte for byte; no record is torn. At the end: no run was begun again after it was recorded; all
measures, weights and what is built on equal the undisturbed sweep's, bit for bit; no file in the store is a stray but what
a killed process was writing; no checkpoint is left. When a sweep is finished before the kills are used up, the next one
begins in a fresh store. Prints what was found, exits 1 if anything is wrong.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

UNIT = Path(__file__).resolve().parents[1] / "unit"
# A sweep is forked from a process that has imported what it needs, and nothing else: its workers are started anew and import
# for themselves, as any sweep's, and that is time enough.
STARTED = multiprocessing.get_context("forkserver")
STARTED.set_forkserver_preload(["dbp.runs"])


@dataclass(frozen=True)
class Sweep:
    """What is killed: two trainings a seed, with `needs` and four evaluations of them."""

    seeds: int = 8
    needs: bool = False
    jobs: int = 2
    backend: str = "processes"
    pause: float = 0.03

    @property
    def runs(self) -> int:
        return (6 if self.needs else 2) * self.seeds

    def start(self, folder: Path) -> multiprocessing.Process:
        folder.mkdir(exist_ok=True)
        environment = {
            "DBP_RECORDS": str(folder / "records"), "DBP_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
            "TOY_LOG": str(folder / "log"), "TOY_PAUSE": str(self.pause),
        }
        words = [*(["--needs"] if self.needs else []), str(self.jobs), str(self.seeds), self.backend]
        process = STARTED.Process(target=_sweep, args=({**os.environ, **environment}, folder / "errors", words))
        process.start()
        return process


def _sweep(environment: dict[str, str], errors: Path, words: list[str]) -> None:
    """What toy_sweep.py does, in a process group of its own that says nothing."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
    sys.path.insert(0, str(UNIT))
    import toy_sweep
    from joblib.externals.loky import get_reusable_executor

    status = toy_sweep.main(*words)
    get_reusable_executor().shutdown(wait=True)  # as at the end of any program that used it, which this is not
    sys.exit(status)


def _status(process: multiprocessing.Process) -> int:
    """The exit status of a sweep, when it has ended."""
    process.join()
    return process.exitcode


def main(kills: int = 50, sweep: Sweep | None = None) -> dict[str, int]:
    """Counts of what happened; `wrong` must be 0."""
    sweep = sweep or Sweep()
    found = Counter(kills=0, sweeps=0, runs=0, records_seen_after_kills=0, resumed=0, interrupted_in_a_run=0,
                    unfinished_files=0, wrong=0)
    choose = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        quiet = Sweep(sweep.seeds, sweep.needs, jobs=1, pause=0.0)
        process = quiet.start(Path(folder) / "undisturbed")
        if _status(process) != 0:
            raise RuntimeError("the undisturbed sweep failed: " + (Path(folder) / "undisturbed" / "errors").read_text())
        expected = _results(Path(folder) / "undisturbed")
        found["wrong"] += len(expected) != sweep.runs
        while found["kills"] < kills:
            found["sweeps"] += 1
            _disturbed(Path(folder) / f"sweep{found['sweeps']}", sweep, kills, choose, expected, found)
    return dict(found)


def _disturbed(folder: Path, sweep: Sweep, kills: int, choose: random.Random, expected: dict, found: Counter) -> None:
    """One sweep, killed again and again until it is through or the kills are used up."""
    recorded: dict[str, bytes] = {}
    while True:
        began = len(_log(folder))
        process = sweep.start(folder)
        awaited = began + choose.randint(1, sweep.runs // 4 + 1)
        killed = found["kills"] < kills and _kill_somewhere(process, folder, awaited, choose)
        if _status(process) != 0 and not killed:
            _tell(found, "the sweep failed: " + (folder / "errors").read_text())
        now = _records(folder)
        for name in {*_log(folder)[began:]} & {*_begun(recorded)}:
            _tell(found, f"{name} was made again after it was recorded")
        for name in [name for name, body in recorded.items() if now.get(name) != body]:
            _tell(found, f"{name} was lost or changed")
        found["kills"] += killed
        found["records_seen_after_kills"] += len(now) if killed else 0
        found["interrupted_in_a_run"] += bool(killed and len(_log(folder)) > began and len({*_log(folder)}) > len(now))
        recorded = now
        print(f"kill {found['kills']}: {len(now)} of {sweep.runs} runs recorded", file=sys.stderr, flush=True)
        if not killed:
            break
    _judge(folder, expected, found)
    found["runs"] += len(recorded)
    found["resumed"] += sum(b'"resumed": true' in body for body in recorded.values())


def _judge(folder: Path, expected: dict, found: Counter) -> None:
    """What must hold of a sweep that is through."""
    from dbp.runs import Store

    results = _results(folder)
    for run in expected.keys() | results.keys():
        if results.get(run) != expected.get(run):
            _tell(found, f"{run} differs from the undisturbed sweep's")
    for path in Store(folder / "records").strays():
        found["unfinished_files"] += _is_unfinished(path)
        if not _is_unfinished(path):
            _tell(found, f"{path} is a stray")
    for path in (folder / "cache" / "checkpoints").glob("*/*"):
        _tell(found, f"{path} was left behind")


def _tell(found: Counter, what: str) -> None:
    print(f"WRONG: {what}")
    found["wrong"] += 1


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _kill_somewhere(process: multiprocessing.Process, folder: Path, awaited: int, choose: random.Random) -> bool:
    """Wait until that many runs have begun, then a random while; kill the whole group. False if the sweep was faster."""
    while process.is_alive() and len(_log(folder)) < awaited:
        time.sleep(0.01)
    time.sleep(choose.uniform(0, 0.3))
    if not process.is_alive():
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return True


def _log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def _records(folder: Path) -> dict[str, bytes]:
    paths = (folder / "records").glob("toy*/[0-9a-f]*.json")
    return {f"{path.parent.name} {path.stem}": path.read_bytes() for path in paths}


def _begun(recorded: dict[str, bytes]) -> list[str]:
    """The lines that the runs on record have written into the log when they began."""
    content = {name.split()[1]: json.loads(body) for name, body in recorded.items()}
    lines = []
    for record in content.values():
        network = content[record["needs"][0]["key"]] if record["needs"] else record
        trained = f"{network['config']['lam']} {network['config']['seed']}"
        lines.append(f"evaluation of {trained}, {record['config']['shift']}" if record["needs"] else trained)
    return lines


def _results(folder: Path) -> dict[tuple[str, str], tuple]:
    """What came out of all runs, read as the library reads it; a torn record would be missing here."""
    from dbp.runs import Store

    return {(name, record.key): (record.measures, record.weights, record.needs)
            for name in ("toy", "toy_evaluation") for record in Store(folder / "records").records(name)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int, nargs="?", default=50)
    parser.add_argument("--needs", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backend", default="processes")
    chosen = parser.parse_args()
    answer = main(chosen.kills, Sweep(needs=chosen.needs, jobs=chosen.jobs, backend=chosen.backend))
    print(", ".join(f"{name} {count}" for name, count in answer.items()))
    sys.exit(answer["wrong"] > 0)
