"""How are many runs made? Independent runs through joblib: processes here, or an existing Dask or Ray cluster.

The store of records is the only thing that the workers share: what is recorded is never computed again, by anyone.
"""

import dataclasses
import importlib
import json
import sys
import time
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dbp import profiles, records
from dbp.checkpoints import Checkpoint, cache_folder
from dbp.fingerprint import changed
from dbp.records import Record, Store

BACKENDS = ("processes", "dask", "ray")

# A checkpoint that was written this recently belongs to a run that is going on, seconds.
FRESH = 600


class RunsFailed(RuntimeError):
    """Some runs failed; their tracebacks are in the store, and the next call tries them again."""


@dataclass(frozen=True)
class State:
    """Where one planned run stands: "done", "running", "failed" or "missing"."""

    config: object
    planned: Record
    record: Record | None
    status: str


def ensure(
    experiment: ModuleType, profile="laptop", *, jobs: int = 1, only: dict | None = None, backend: str = "processes",
    address: str | None = None, threads: int = 1, progress: bool = True, store: Store | None = None,
):
    """Compute what no record holds, and return the records of the whole plan.

    Args:
        experiment: the module.
        profile: name, file or `Profile`.
        jobs: runs at once.
        only: fields of the configuration with the values that are wanted, e.g. {"lam": 10.0}.
        backend: "processes" on this machine, or an existing cluster through joblib's "dask" or "ray".
        address: of the cluster; without one, the backend's own default.
        threads: of each run. Two runs of one thread usually beat one run of two.
        progress: print a line a finished run, with an estimate of the time left.
        store: of records; the default one if None.

    Returns:
        A pandas.DataFrame as of `dbp.records.load`.

    Raises:
        ValueError: jobs or threads below 1, an unknown backend or field in `only`.
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
    failed = _compute(experiment, missing, store, jobs, backend, address, threads, progress) if missing else []
    if failed:
        raise RunsFailed(f"{len(failed)} of {len(missing)} runs failed, first {failed[0][0]}: {failed[0][1]}")
    found = (state.record or store.read(experiment.NAME, state.planned.key) for state in states)
    return records.table([record for record in found if record is not None])


def survey(
    experiment: ModuleType, profile="laptop", *, only: dict | None = None, store: Store | None = None
) -> list[State]:
    """Where every planned run of a profile stands; nothing is computed.

    Raises:
        ValueError: a field in `only` that the configuration does not have.
    """
    store = store or Store()
    states = []
    for config in _select(experiment.plan(profiles.load(profile)), only or {}):
        planned = records.planned(experiment, config)
        record = store.read(experiment.NAME, planned.key)
        states.append(State(config, planned, record, _status(experiment.NAME, planned.key, record, store)))
    return states


def checkpoint_of(experiment: str, key: str) -> Checkpoint:
    """Where a run keeps its state until it is recorded."""
    return Checkpoint(cache_folder() / "checkpoints" / experiment / f"{key}.safetensors")


def seconds_left(states: list[State], jobs: int = 1) -> float | None:
    """Estimated wall seconds for what is not done, from the records' own times: None if there is no record to go by.

    A run that is missing is taken to last as long as the mean of the finished ones with the same model, else of all.
    """
    done = [(getattr(s.config, "model", None), s.record.provenance["wall_seconds"]) for s in states if s.record]
    if not done:
        return None
    total = 0.0
    for state in states:
        if state.record is None:
            alike = [seconds for model, seconds in done if model == getattr(state.config, "model", None)]
            alike = alike or [seconds for _, seconds in done]
            total += sum(alike) / len(alike)
    return total / jobs


def _select(configs: list, only: dict) -> list:
    for name in only:
        if configs and not hasattr(configs[0], name):
            known = ", ".join(vars(configs[0]))
            raise ValueError(f"only: the configuration has no field {name!r}; there are {known}")
    return [config for config in configs if all(getattr(config, name) == value for name, value in only.items())]


def _status(experiment: str, key: str, record: Record | None, store: Store) -> str:
    if record is not None:
        return "done"
    checkpoint = checkpoint_of(experiment, key).path
    if checkpoint.exists() and time.time() - checkpoint.stat().st_mtime < FRESH:
        return "running"
    return "failed" if store.failure(experiment, key) else "missing"


def _compute(experiment, missing: list[State], store: Store, jobs, backend, address, threads, progress):
    """Run what is missing; (key, error) of what failed."""
    import joblib

    task, name, path = joblib.delayed(_run_one), experiment.__name__, list(sys.path)
    calls = [task(name, path, state.config, state.planned, str(store.root), threads) for state in missing]
    failed, started = [], time.perf_counter()
    with _workers(backend, address, threads):
        parallel = joblib.Parallel(jobs, batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
        for count, (key, seconds, error) in enumerate(parallel(calls), 1):
            left = (time.perf_counter() - started) / count * (len(missing) - count)
            if error:
                failed.append((key, error))
            if progress:
                text = f"failed: {error}" if error else f"{seconds:.0f} s"
                print(f"{experiment.NAME} {key} {text}   {count}/{len(missing)}, about {_duration(left)} left", flush=True)
    return failed


@contextmanager
def _workers(backend: str, address: str | None, threads: int):
    import joblib

    if backend == "processes":
        context = joblib.parallel_config("loky", inner_max_num_threads=threads)
    elif backend == "dask":
        from distributed import Client

        client = Client(address) if address else Client()
        context = joblib.parallel_config("dask", wait_for_workers_timeout=60)
    else:
        import ray
        from ray.util.joblib import register_ray

        client = nullcontext()
        ray.init(address=address, ignore_reinit_error=True)
        register_ray()
        context = joblib.parallel_config("ray")
    with context if backend == "processes" else _both(client, context):
        yield


@contextmanager
def _both(first, second):
    with first, second:
        yield


def _run_one(module: str, path: list[str], config, planned: Record, root: str, threads: int):
    """One run in a worker: recorded as soon as it is finished, whatever happens to the sweep. (key, seconds, error)."""
    import torch

    from dbp.provenance import Clock

    for folder in path:
        if folder not in sys.path:
            sys.path.append(folder)
    torch.set_num_threads(threads)
    experiment, store, clock = importlib.import_module(module), Store(Path(root)), Clock()
    key = planned.key
    if store.read(experiment.NAME, key) is not None:  # another sweep was faster
        return key, 0.0, None
    checkpoint = checkpoint_of(experiment.NAME, key)
    try:
        measures, status, error = experiment.run(config, checkpoint=checkpoint), "done", None
    except Exception as caught:
        measures, status = {"error": traceback.format_exc()}, "failed"
        error = " ".join(f"{type(caught).__name__}: {caught}".split())
    provenance = clock.provenance()
    record = dataclasses.replace(planned, measures=measures, provenance=provenance, status=status)
    store.write(record)
    if status == "done":
        _keep(record, checkpoint)
    return key, provenance["wall_seconds"], error


def _keep(record: Record, checkpoint: Checkpoint) -> None:
    """Move the final weights from the checkpoint to the cache, then drop the checkpoint."""
    found = checkpoint.load()
    if found is not None:
        weights = {name[6:]: tensor for name, tensor in found[0].items() if name.startswith("model.")}
        records.keep_weights(record, weights)
    checkpoint.delete()


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def stale(experiment: ModuleType, states: list[State]) -> dict[str, list[str]]:
    """Records of these runs that older code made: key to the functions that have changed since."""
    return {record.key: changed(record.code, state.planned.code) for record, state in _stale(experiment, states, Store())}


def refresh(experiment: ModuleType, profile="laptop", *, sample: int = 1, store: Store | None = None) -> tuple[int, int]:
    """Keep records that a change of the code has made stale without changing their results.

    A sample, spread evenly, is run again under the new code and must give the same measures to the bit; then all stale
    records are filed under their new keys, with what was done in their provenance. Otherwise nothing is changed.

    Returns:
        How many were run again and agreed (0 if one did not), and how many are stale.

    Raises:
        ValueError: a run disagrees; the message names the first measure that differs.
    """
    store = store or Store()
    pairs = _stale(experiment, survey(experiment, profile, store=store), store)
    again = pairs[:: max(1, len(pairs) // sample)][:sample]
    for record, state in again:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(record.provenance["threads"])
        measures = json.loads(json.dumps(experiment.run(state.config)))
        torch.set_num_threads(threads)
        differs = [name for name in record.measures if measures.get(name) != record.measures[name]]
        if differs:
            raise ValueError(f"{record.key} gives another {differs[0]} under the new code: run the stale ones again")
    for record, state in pairs:
        functions = changed(record.code, state.planned.code)
        adopted = {"from_key": record.key, "changed": functions, "rerun": len(again), "of": len(pairs)}
        provenance = {**record.provenance, "adopted": [*record.provenance.get("adopted", []), adopted]}
        store.write(dataclasses.replace(state.planned, measures=record.measures, provenance=provenance))
        store.path(experiment.NAME, record.key).unlink()
    return len(again), len(pairs)


def _stale(experiment: ModuleType, states: list[State], store: Store) -> list[tuple[Record, State]]:
    waiting = {records.identity(s.planned): s for s in states if s.record is None}
    found = ((record, waiting.get(records.identity(record))) for record in store.records(experiment.NAME))
    return [(record, state) for record, state in found if state is not None]
