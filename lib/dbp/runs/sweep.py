"""How are many runs made? Independent runs through joblib: processes here, or an existing Dask or Ray cluster.

The store of records is the only thing that the workers share: what is recorded is never computed again, by anyone. Two
sweeps beside each other on one machine share the work: the second waits for a run that the first is making, and takes
its record. On two machines both may make the same run; the later record replaces the other. Networks that runs build on
lie in the cache (`$DBP_CACHE`): a worker that does not see the caller's cache trains them again for itself.
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
from typing import NamedTuple

from dbp import data
from dbp.files import Unwritable, cache_folder, one_line
from dbp.runs import weights
from dbp.runs.checkpoints import prune
from dbp.runs.provenance import Clock
from dbp.runs.records import NOT_ON_DISK, functions_of, module_of, needs_of, planned
from dbp.runs.runner import make
from dbp.runs.runner import threads as with_threads
from dbp.runs.status import State, state_of, survey
from dbp.runs.store import Store
from dbp.runs.table import table

BACKENDS = ("processes", "dask", "ray")

# Torch's random state and number of threads belong to the process: where a cluster's worker has several threads, its
# runs wait for each other.
_ALONE = threading.Lock()


class RunsFailed(RuntimeError):
    """Some runs failed; their tracebacks are in the store, and the next call tries them again."""


class Outcome(NamedTuple):
    """What a worker sends back: which run, how long it took, what went wrong, and whether nothing at all can be written."""

    experiment: str
    key: str
    seconds: float
    error: str | None = None
    unwritable: bool = False


def ensure(
    experiment: str | ModuleType, profile="laptop", *, jobs: int = 1, only: dict | None = None, backend: str = "processes",
    address: str | None = None, threads: int = 1, progress: bool = True, store: Store | None = None,
):
    """Compute what no record holds, the networks that it builds on first, and return the records of the whole plan.

    Args:
        experiment: its name or its module.
        profile: name, file or `Profile`.
        jobs: runs at once; a cluster takes as many as it has workers.
        only: fields of the configuration with the values that are wanted, e.g. {"lam": 10.0}.
        backend: "processes" on this machine, or an existing cluster through joblib's "dask" or "ray".
        address: of the cluster; without one, `jobs` local workers of the backend are started.
        threads: of each run. Two runs of one thread usually beat one run of two.
        progress: print a line a finished run, with an estimate of the time left (Ray: all lines at the end).
        store: of records; the default one if None.

    Returns:
        A pandas.DataFrame as of `dbp.runs.load`.

    Raises:
        ValueError: jobs or threads below 1, an unknown experiment, backend or field in `only`, or no run with its values.
        dbp.files.Unwritable: the disk is full, or a folder cannot be written; nothing more is begun.
        RunsFailed: some runs failed; the others are recorded.
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, but is {value}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, but is {backend!r}")
    module, store = module_of(experiment), store or Store()
    states = _survey_with_data(module, profile, only, store)
    for state in states:
        if state.record is not None:
            prune(module.NAME, state.planned.key)
    if all(state.record is not None for state in states):
        return table([state.record for state in states], store)
    compute = _Sweep(store, jobs, backend, address, threads, progress)
    failed = [outcome for stage in _upstream(module, states, store) for outcome in compute(stage, networks=True)]
    # A network that was trained anew, with other weights, has made finished runs on top of it stale: look again.
    states = survey(module, profile, only=only, store=store)
    failed += compute([(module, state) for state in states if state.record is None])
    if failed:
        first = failed[0]
        raise RunsFailed(f"{len(failed)} runs failed, first {first.experiment} {first.key}: {first.error}")
    states = survey(module, profile, only=only, store=store)
    left = next((state for state in states if state.record is None), None)
    if left is not None:  # changed under our hands: by another sweep, or by an edit of the code
        raise RunsFailed(f"{module.NAME} {left.planned.key} is {left.status} again: {left.reason or 'call again'}")
    return table([state.record for state in states], store)


def _survey_with_data(module: ModuleType, profile, only: dict | None, store: Store) -> list[State]:
    """The states of all runs; data sets that are not on disk are downloaded first, since keys depend on their content."""
    states = survey(module, profile, only=only, store=store)
    absent = {(s.config.dataset, s.config.source) for s in states if s.planned.data == NOT_ON_DISK}
    for name, source in sorted(absent):
        data.load(name, source)
    return survey(module, profile, only=only, store=store) if absent else states


def _upstream(module: ModuleType, states: list[State], store: Store) -> list[list[tuple[ModuleType, State]]]:
    """The runs whose networks the missing ones need and that have to be made first, each once, the deepest first."""
    needed: dict[str, tuple[ModuleType, State]] = {}
    for state in states:
        for upstream, config in needs_of(module, state.config) if state.record is None else ():
            before = state_of(upstream, config, store)
            if before.record is None or weights.kept(before.record) is None:
                needed[before.planned.key] = upstream, before
    deeper = [stage for upstream, state in needed.values()
              for stage in _upstream(upstream, [dataclasses.replace(state, record=None)], store)]
    return [*deeper, list(needed.values())] if needed else []


@dataclasses.dataclass(frozen=True)
class _Sweep:
    """Makes runs at once; called with them, it gives the outcomes of those that failed."""

    store: Store
    jobs: int
    backend: str
    address: str | None
    threads: int
    progress: bool

    def __call__(self, runs: list[tuple[ModuleType, State]], networks: bool = False) -> list[Outcome]:
        import joblib

        failed, ready = [], []
        for module, state in runs:
            if any(state_of(*need, self.store).record is None for need in needs_of(module, state.config)):
                failed.append(Outcome(module.NAME, state.planned.key, 0.0, "a network that it builds on is missing"))
            else:
                ready.append((module.__name__, _plain(state.config), state.planned.key))
        if not ready:
            return failed
        shared = dict(path=list(sys.path), root=str(Path(self.store.root).absolute()), cache=str(cache_folder().absolute()),
                      threads=self.threads, caller=os.getpid(), network=networks)
        calls = [joblib.delayed(_run_one)(*run, **shared) for run in ready]
        jobs = min(self.jobs, len(ready))  # a single run is made in this process, sparing a worker's start
        started = time.perf_counter()
        with _workers(self.backend, self.address, jobs, self.threads) as returned:
            parallel = joblib.Parallel(jobs, batch_size=1, pre_dispatch="n_jobs", return_as=returned)
            for count, outcome in enumerate(parallel(calls), 1):
                if outcome.unwritable:
                    raise Unwritable(outcome.error)
                failed += [outcome] if outcome.error else []
                if self.progress:
                    self._tell(outcome, count, len(ready), jobs, started)
        return failed

    @staticmethod
    def _tell(outcome: Outcome, count: int, of: int, jobs: int, started: float) -> None:
        waiting = of - count
        half_done = min(jobs - 1, waiting) / 2  # what the other workers are at is half done on average
        left = (time.perf_counter() - started) * waiting / (count + half_done)
        text = f"failed: {outcome.error}" if outcome.error else f"{outcome.seconds:.0f} s"
        print(f"{outcome.experiment} {outcome.key} {text}   {count}/{of}, about {_duration(left)} left", flush=True)


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


class _Plain(NamedTuple):
    """A configuration that can be read where its class is not known, as by a cluster's scheduler."""

    module: str
    name: str
    fields: dict


def _plain(config) -> _Plain:
    fields = {name: _plain(value) if dataclasses.is_dataclass(value) else value for name, value in vars(config).items()}
    return _Plain(type(config).__module__, type(config).__name__, fields)


def _made(config: _Plain):
    fields = {name: _made(value) if isinstance(value, _Plain) else value for name, value in config.fields.items()}
    return getattr(importlib.import_module(config.module), config.name)(**fields)


def _run_one(
    name: str, config: _Plain, key: str, *, path: list[str], root: str, cache: str, threads: int, caller: int, network: bool
) -> Outcome:
    """One run in a worker: recorded as soon as it is finished, whatever happens to the sweep."""
    sys.path.extend(folder for folder in path if folder not in sys.path)
    if os.getppid() == caller:  # Ctrl-C reaches every process of a terminal; the caller ends its workers by itself
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, store = importlib.import_module(name), Store(Path(root))
    with _ALONE, with_threads(threads):
        return _attempt(module, _made(config), key, store, Path(cache), network)


def _attempt(module: ModuleType, config, key: str, store: Store, cache: Path, network: bool) -> Outcome:
    plan, clock = planned(module, config), Clock()
    if plan.key != key:
        error = f"this worker has another version than the caller (its key is {plan.key}): install the same one"
        return Outcome(module.NAME, key, 0.0, error)
    try:
        try:
            make(module, config, store, cache, network=network)
            error = None
        except Unwritable:
            raise
        except Exception as caught:
            error = one_line(caught)
            failure = dataclasses.replace(
                plan, measures={"error": traceback.format_exc()}, provenance=clock.provenance(), status="failed")
            store.write(failure, functions_of(module, config))
    except Unwritable as caught:
        return Outcome(module.NAME, key, time.perf_counter() - clock.wall, str(caught), unwritable=True)
    return Outcome(module.NAME, key, time.perf_counter() - clock.wall, error)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
