"""Where does every planned run stand? Done, running, failed, missing or stale, and how long the rest will take."""

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dbp import profiles
from dbp.files import cache_folder
from dbp.runs.checkpoints import Checkpoint
from dbp.runs import records
from dbp.runs.fingerprint import changed
from dbp.runs.records import Record, Store

STATUSES = ("done", "running", "failed", "missing")


@dataclass(frozen=True)
class State:
    """Where one planned run stands: "done", "running" (on this machine), "failed" or "missing"."""

    config: object
    planned: Record
    record: Record | None
    status: str


def survey(
    experiment: ModuleType, profile="laptop", *, only: dict | None = None, store: Store | None = None
) -> list[State]:
    """Where every planned run of a profile stands; nothing is computed.

    Raises:
        ValueError: a field in `only` that the configuration does not have, or values that no planned run has.
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


@contextmanager
def claim(experiment: str, key: str) -> Iterator[None]:
    """Hold a run for this process, waiting while another process of this machine holds it.

    The lock is the system's own, so a killed process leaves none behind. Where there are no such locks (Windows, some
    network drives) nothing is held: two sweeps may then make the same run twice, with the same result.
    """
    path = _lock_path(experiment, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):
            pass
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def seconds_left(states: list[State], jobs: int = 1) -> float | None:
    """Estimated wall seconds for what is not done, from the records' own times: None if there is no record to go by.

    A run that is missing is taken to last as long as the mean of the finished ones with the same model, else of all.
    Runs that were resumed know only their last part and count only where there are no others.
    """
    done = [s for s in states if s.record]
    done = [s for s in done if not s.record.provenance.get("resumed")] or done
    times = [(getattr(s.config, "model", None), s.record.provenance["wall_seconds"]) for s in done]
    if not times:
        return None
    total = 0.0
    for state in states:
        if state.record is None:
            alike = [seconds for model, seconds in times if model == getattr(state.config, "model", None)]
            alike = alike or [seconds for _, seconds in times]
            total += sum(alike) / len(alike)
    return total / jobs


def gpu_hours(experiment: ModuleType, states: list[State], store: Store | None = None) -> float | None:
    """Hours on one GPU for what is not done, by a rule of thumb, since no GPU has been measured yet.

    The fewest CPU seconds that a record of the same model took for an image and an epoch, times the images and epochs that
    are missing, over 30: what a small data-centre GPU is taken to do beside one core. None if a model has no record.
    """
    costs: dict[str, float] = {}
    for record in (store or Store()).records(experiment.NAME):
        if "train_size" in (config := record.config):
            cost = record.provenance["cpu_seconds"] / (config["train_size"] * config["max_epochs"])
            costs[config["model"]] = min(cost, costs.get(config["model"], math.inf))
    missing = [state.config for state in states if state.record is None]
    known = all(config.model in costs for config in missing)
    return sum(costs[c.model] * c.train_size * c.max_epochs for c in missing) / 3600 / 30 if known else None


def stale(experiment: ModuleType, states: list[State], store: Store | None = None) -> dict[str, list[str]]:
    """Records of these runs that older code made: key to the functions that have changed since."""
    pairs = _stale(experiment, states, store or Store())
    return {record.key: changed(record.code, state.planned.code) for record, state in pairs}


def why_missing(experiment: ModuleType, states: list[State], store: Store | None = None) -> dict[str, str]:
    """For every planned run without a record, by key: why there is none."""
    store = store or Store()
    older = {state.planned.key: record for record, state in _stale(experiment, states, store)}
    reasons = {}
    for state in states:
        key = state.planned.key
        failure = store.failure(experiment.NAME, key)
        damaged = sorted(store.path(experiment.NAME, key).parent.glob(f"{key}*.damaged"))
        if state.record is None:
            if state.status == "running":
                reasons[key] = "running"
            elif failure is not None:
                reasons[key] = "failed: " + failure.measures["error"].strip().splitlines()[-1]
            elif key in older:
                reasons[key] = f"stale: {older[key].key} was made before a change of " + ", ".join(
                    changed(older[key].code, state.planned.code))
            else:
                reasons[key] = f"its record was damaged: {damaged[0].name}" if damaged else "never run"
    return reasons


def refresh(
    experiment: ModuleType, profile="laptop", *, sample: int = 1, only: dict | None = None, store: Store | None = None
) -> tuple[int, int]:
    """Keep records that a change of the code has made stale without changing their results.

    Of the runs that the same change has made stale a sample, spread evenly, is run again under the new code and must give
    the same measures to the bit; a function that only some runs go through is so met by runs of their own. Then all
    stale records are filed under their new keys, with what was done in their provenance. Otherwise nothing is changed.
    Of several stale records of one run the one that was finished last is meant; the others stay as they are.

    Args:
        sample: how many of each change's runs are run again.
        only: fields of the configuration and the value that they must have.

    Returns:
        How many were run again and agreed, and how many were stale.

    Raises:
        ValueError: a run disagrees; the message names the first measure that differs.
    """
    store = store or Store()
    states, newest = survey(experiment, profile, only=only, store=store), {}
    for record, state in _stale(experiment, states, store):
        before = newest.get(state.planned.key)
        if before is None or before[0].provenance.get("finished", "") <= record.provenance.get("finished", ""):
            newest[state.planned.key] = record, state
    groups: dict[tuple, list[tuple[Record, State]]] = {}
    for state in states:
        if pair := newest.get(state.planned.key):
            groups.setdefault(_change(*pair), []).append(pair)
    rerun = {change: _sample_agrees(experiment, pairs, sample) for change, pairs in groups.items()}
    for change, pairs in groups.items():
        for record, state in pairs:
            functions = changed(record.code, state.planned.code)
            adopted = {"from_key": record.key, "changed": functions, "rerun": rerun[change], "of": len(pairs)}
            provenance = {**record.provenance, "adopted": [*record.provenance.get("adopted", []), adopted]}
            store.write(dataclasses.replace(state.planned, measures=record.measures, provenance=provenance))
            store.path(experiment.NAME, record.key).unlink(missing_ok=True)
    return sum(rerun.values()), len(newest)


def _change(record: Record, state: State) -> tuple:
    """What has changed in the code between a record and its run as it is planned now."""
    now = state.planned.code
    return tuple((name, record.code.get(name), now.get(name)) for name in changed(record.code, now))


def _sample_agrees(experiment: ModuleType, pairs: list[tuple[Record, State]], sample: int) -> int:
    """Run a sample again, as `refresh` says; how many it was."""
    again = pairs[:: max(1, len(pairs) // sample)][:sample]
    for record, state in again:
        measures = _run_again(experiment, state.config, record.provenance.get("threads", 1))
        names = record.measures.keys() | measures.keys()
        differs = [name for name in names if measures.get(name) != record.measures.get(name)]
        if differs:
            raise ValueError(f"{record.key} gives another {min(differs)} under the new code: run the stale ones again")
    return len(again)


def overview(profile="laptop", store: Store | None = None):
    """What was run, for the book's status page.

    Returns:
        A pandas.DataFrame with a row an experiment: experiment, profile, planned, done, running, failed, missing, stale
        (all counts of runs), seeds, device, threads, cpu_hours, first and last (dates), version and commit of the library.
        Several values in one cell are separated by commas; what no record tells is empty.
    """
    import pandas

    from dbp import experiments

    chosen, store = profiles.load(profile), store or Store()
    rows = []
    for name in experiments.NAMES:
        module = experiments.get(name)
        states = survey(module, chosen, store=store)
        made = [state.record.provenance for state in states if state.record]
        dates = sorted(str(p["finished"])[:10] for p in made if p.get("finished"))
        rows.append({
            "experiment": name, "profile": chosen.name, "planned": len(states),
            **{word: sum(state.status == word for state in states) for word in STATUSES},
            "stale": len(stale(module, states, store)),
            "seeds": len({getattr(state.config, "seed", None) for state in states if state.record}),
            "device": _listed(made, "device"), "threads": _listed(made, "threads"),
            "cpu_hours": round(sum(p.get("cpu_seconds") or 0.0 for p in made) / 3600, 2),
            "first": dates[0] if dates else "", "last": dates[-1] if dates else "",
            "version": _listed(made, "version"), "commit": _listed(made, "commit", 7),
        })
    return pandas.DataFrame(rows)


def _listed(made: list[dict], name: str, length: int | None = None) -> str:
    return ", ".join(sorted({str(p[name])[:length] for p in made if p.get(name) is not None}))


def _select(configs: list, only: dict) -> list:
    known = list(vars(configs[0])) if configs else []
    for name, value in only.items():
        if name not in known:
            raise ValueError(f"only: no field {name!r}; there are {', '.join(known)}{profiles.nearest(name, known)}")
        if not any(getattr(config, name) == value for config in configs):
            there = ", ".join(sorted({str(getattr(config, name)) for config in configs}))
            raise ValueError(f"only: no planned run has {name}={value}; there are {there}")
    chosen = [config for config in configs if all(getattr(config, name) == value for name, value in only.items())]
    if not chosen:
        raise ValueError("only: no planned run has " + " and ".join(f"{name}={value}" for name, value in only.items()))
    return chosen


def _status(experiment: str, key: str, record: Record | None, store: Store) -> str:
    if record is not None:
        return "done"
    if _is_claimed(experiment, key):
        return "running"
    return "failed" if store.failure(experiment, key) else "missing"


def _is_claimed(experiment: str, key: str) -> bool:
    try:
        import fcntl

        with open(_lock_path(experiment, key)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def _lock_path(experiment: str, key: str) -> Path:
    return cache_folder() / "running" / experiment / f"{key}.lock"


def _run_again(experiment: ModuleType, config, threads: int) -> dict:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return json.loads(json.dumps(experiment.run(config)))
    finally:
        torch.set_num_threads(before)


def _stale(experiment: ModuleType, states: list[State], store: Store) -> list[tuple[Record, State]]:
    waiting = {records.identity(s.planned): s for s in states if s.record is None}
    found = ((record, waiting.get(records.identity(record))) for record in store.records(experiment.NAME))
    return [(record, state) for record, state in found if state is not None]
