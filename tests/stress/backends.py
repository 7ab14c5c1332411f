"""The same sweep by processes, by a Dask cluster of two workers on loopback, and by Ray: the same records?

    python tests/stress/backends.py [BACKEND ...]      # processes, dask and, where it is installed, ray

The sweep is of toy evaluations, which train their networks first. The cluster is told where the toys lie by the sweep
alone. Prints a line a backend, exits 1 if the measures differ in one bit.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

UNIT = Path(__file__).resolve().parents[1] / "unit"
SEEDS = 1
RUNS = 6  # two trainings and four evaluations


@contextlib.contextmanager
def cluster(backend: str):
    """The address of a running cluster, or None if the sweep is to start its own workers."""
    if backend != "dask":
        yield None
        return
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as running:
        yield running.scheduler_address


def sweep(backend: str, folder: Path) -> dict[str, dict]:
    """Measures by key of the toys' sweep, made in a fresh store."""
    from dbp.runs import Store

    environment = {**os.environ, "DBP_RECORDS": str(folder / "records"), "DBP_CACHE": str(folder / "cache"),
                   "OMP_NUM_THREADS": "1", "TOY_LOG": str(folder / "log"), "RAY_USAGE_STATS_ENABLED": "0"}
    folder.mkdir(parents=True, exist_ok=True)
    # The cluster's workers are started with the environment of the sweep: its cache is theirs.
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with cluster(backend) as address:
            command = [sys.executable, str(UNIT / "toy_sweep.py"), "--needs", "2", str(SEEDS), backend]
            command += [address] if address else []
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    finally:
        os.environ.clear()
        os.environ.update(before)
    if len((folder / "log").read_text().splitlines()) != RUNS:
        raise RuntimeError(f"{backend} made a run twice, or not at all")
    store = Store(folder / "records")
    return {record.key: record.measures for name in ("toy", "toy_evaluation") for record in store.records(name)}


def installed() -> list[str]:
    known = {"processes": "joblib", "dask": "distributed", "ray": "ray"}
    return [backend for backend, module in known.items() if importlib.util.find_spec(module)]


def main(backends: list[str]) -> bool:
    """Whether all give the same records."""
    same, first = True, None
    with tempfile.TemporaryDirectory() as folder:
        for backend in backends:
            started = time.perf_counter()
            found = sweep(backend, Path(folder) / backend)
            first = first or found
            same = same and found == first and len(found) == RUNS
            verdict = "as the first" if found == first else "DIFFERENT"
            print(f"{backend}: {len(found)} records, {verdict}, {time.perf_counter() - started:.0f} s", flush=True)
    return same


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:] or installed()))
