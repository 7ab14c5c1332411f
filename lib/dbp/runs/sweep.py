"""How are many runs made? Independent runs through joblib: processes here, or an existing Dask or Ray cluster.

The store of records is the only thing that the workers share: what is recorded is never computed again, by anyone. Two
sweeps beside each other on one machine share the work: the second waits for a run that the first is making, and takes
its record. On two machines both may make the same run; the records are the same, and the later one replaces the other.
"""

import dataclasses
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from dbp.runs.checkpoints import Checkpoint
from dbp.runs import records, weights
from dbp.runs.records import Record, Store
from dbp.runs.status import State, checkpoint_of, claim, overview, refresh, seconds_left, stale, survey, why_missing

__all__ = [
    "BACKENDS", "RunsFailed", "State", "checkpoint_of", "ensure", "overview", "refresh", "seconds_left", "stale", "survey",
    "why_missing",
]

BACKENDS = ("processes", "dask", "ray")

# Torch's random state and number of threads belong to the process: where a cluster's worker has several threads, its
# runs wait for each other.
_ALONE = threading.Lock()


class RunsFailed(RuntimeError):
    """Some runs failed; their tracebacks are in the store, and the next call tries them again."""


def ensure(
    experiment: ModuleType, profile="laptop", *, jobs: int = 1, only: dict | None = None, backend: str = "processes",
    address: str | None = None, threads: int = 1, progress: bool = True, store: Store | None = None,
):
    """Compute what no record holds, and return the records of the whole plan.

    Args:
        experiment: the module.
        profile: name, file or `Profile`.
        jobs: runs at once; a cluster takes as many as it has workers.
        only: fields of the configuration with the values that are wanted, e.g. {"lam": 10.0}.
        backend: "processes" on this machine, or an existing cluster through joblib's "dask" or "ray".
        address: of the cluster; without one, `jobs` local workers of the backend are started.
        threads: of each run. Two runs of one thread usually beat one run of two.
        progress: print a line a finished run, with an estimate of the time left (Ray: all lines at the end).
        store: of records; the default one if None.

    Returns:
        A pandas.DataFrame as of `dbp.runs.records.load`.

    Raises:
        ValueError: jobs or threads below 1, an unknown backend or field in `only`, or no run with its values.
        RunsFailed: some runs failed; the others are recorded.
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, but is {value}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, but is {backend!r}")
    store = store or Store()
    states = survey(experiment, profile, only=only, store=store)
    missing = [state for state in states if state.record is None]
    for state in states:
        if state.record is not None:  # a process killed between the two left it behind
            checkpoint_of(experiment.NAME, state.planned.key).delete()
    failed = _compute(experiment, missing, store, jobs, backend, address, threads, progress) if missing else []
    if failed:
        raise RunsFailed(f"{len(failed)} of {len(missing)} runs failed, first {failed[0][0]}: {failed[0][1]}")
    found = (state.record or store.read(experiment.NAME, state.planned.key) for state in states)
    return records.table([record for record in found if record is not None])


def _compute(experiment, missing: list[State], store: Store, jobs, backend, address, threads, progress):
    """Run what is missing; (key, error) of what failed."""
    import joblib

    root, path = str(Path(store.root).absolute()), list(sys.path)
    calls = [
        joblib.delayed(_run_one)(
            experiment.__name__, path, dataclasses.asdict(state.config), state.planned.key, root, threads, os.getpid())
        for state in missing
    ]
    jobs = min(jobs, len(missing))  # a single run is made in this process, sparing a worker's start
    failed, started = [], time.perf_counter()
    with _workers(backend, address, jobs, threads) as returned:
        parallel = joblib.Parallel(jobs, batch_size=1, pre_dispatch="n_jobs", return_as=returned)
        for count, (key, seconds, error) in enumerate(parallel(calls), 1):
            waiting = len(missing) - count
            half_done = min(jobs - 1, waiting) / 2  # what the other workers are at is half done on average
            left = (time.perf_counter() - started) * waiting / (count + half_done)
            if error:
                failed.append((key, error))
            if progress:
                text = f"failed: {error}" if error else f"{seconds:.0f} s"
                print(f"{experiment.NAME} {key} {text}   {count}/{len(missing)}, about {_duration(left)} left", flush=True)
    return failed


@contextmanager
def _workers(backend: str, address: str | None, jobs: int, threads: int) -> Iterator[str]:
    """Joblib's backend in place, a cluster joined and left; gives how its results can be returned."""
    import joblib

    if backend == "processes":
        with joblib.parallel_config("loky", inner_max_num_threads=threads):
            yield "generator_unordered"
    elif backend == "dask":
        from distributed import Client

        local = {} if address else {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        with Client(address, **local), joblib.parallel_config("dask", wait_for_workers_timeout=60):
            yield "generator_unordered"
    else:
        import ray
        from ray.util.joblib import register_ray

        local = {} if address else {"num_cpus": jobs, "include_dashboard": False}
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, **local)
        try:
            register_ray()
            with joblib.parallel_config("ray"):
                yield "list"  # joblib has no generator on Ray
        finally:
            ray.shutdown()


def _run_one(module: str, path: list[str], fields: dict, key: str, root: str, threads: int, caller: int):
    """One run in a worker: recorded as soon as it is finished, whatever happens to the sweep. (key, seconds, error)."""
    sys.path.extend(folder for folder in path if folder not in sys.path)
    if os.getppid() == caller:  # Ctrl-C reaches every process of a terminal; the caller ends its workers by itself
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    experiment = importlib.import_module(module)
    with _ALONE, claim(experiment.NAME, key):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return _attempt(experiment, experiment.Config(**fields), key, Store(Path(root)))
        finally:
            torch.set_num_threads(before)


def _attempt(experiment: ModuleType, config, key: str, store: Store):
    from dbp.runs.provenance import Clock

    if store.read(experiment.NAME, key) is not None:  # another sweep was faster
        return key, 0.0, None
    planned, checkpoint, clock = records.planned(experiment, config), checkpoint_of(experiment.NAME, key), Clock()
    if planned.key != key:
        return key, 0.0, f"this worker has other code than the caller (its key is {planned.key}): install the same version"
    resumed = {"resumed": True} if checkpoint.path.exists() else {}
    try:
        measures = experiment.run(config, checkpoint=checkpoint)
        record = dataclasses.replace(planned, measures=measures, provenance=clock.provenance() | resumed)
        _keep_weights(record, checkpoint)
        store.write(record)
        checkpoint.delete()
        error = None
    except Exception as caught:
        error = " ".join(f"{type(caught).__name__}: {caught}".split())
        failure = {"error": traceback.format_exc()}
        store.write(dataclasses.replace(planned, measures=failure, provenance=clock.provenance() | resumed, status="failed"))
    return key, time.perf_counter() - clock.wall, error


def _keep_weights(record: Record, checkpoint: Checkpoint) -> None:
    """Copy the final weights from the checkpoint to the cache, under the record's key."""
    found = checkpoint.load()
    if found is not None:
        prefix = "model."
        weights.keep(record, {name[len(prefix):]: tensor for name, tensor in found[0].items() if name.startswith(prefix)})


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
