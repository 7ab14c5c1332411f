"""Where does every planned run stand? Done, running, failed, stale or missing, and how long the rest will take."""

from dataclasses import dataclass
from types import ModuleType

from dbp import profiles
from dbp.runs.checkpoints import is_locked
from dbp.runs.fingerprint import changed
from dbp.runs.records import Record, all_fields, functions_of, module_of, needs_of, planned
from dbp.runs.store import Store
from dbp.spelling import nearest

STATUSES = ("done", "running", "failed", "stale", "missing")


@dataclass(frozen=True)
class State:
    """Where one planned run stands.

    Attributes:
        config: of the run.
        planned: its record as it would be now, without measures.
        record: the record, where it is what running again would give; else None.
        older: a record that was made by other code or on other networks, if there is one (*stale*).
        status: "done", "running" (on this machine), "failed", "stale" or "missing".
        reason: why there is no record to be used; empty where there is one.
    """

    config: object
    planned: Record
    record: Record | None
    older: Record | None
    status: str
    reason: str


def survey(
    experiment: str | ModuleType, profile="laptop", *, only: dict | None = None, store: Store | None = None
) -> list[State]:
    """Where every planned run of a profile stands; nothing is computed.

    Args:
        experiment: its name or its module.
        profile: name, file or `Profile`.
        only: fields of the configuration, and of the network that it builds on, with the value that is wanted.
        store: of records; the default one if None.

    Raises:
        ValueError: no such experiment or profile, a field in `only` that is not there, or values that no planned run has.
    """
    module, store, seen, digests = module_of(experiment), store or Store(), {}, {}
    configs = select(module, module.plan(profiles.load(profile)), only or {})
    return [state_of(module, config, store, seen, digests) for config in configs]


def state_of(
    module: ModuleType, config, store: Store, seen: dict[str, State] | None = None, digests: dict | None = None
) -> State:
    """Where one run stands.

    Args:
        module: of the experiment.
        config: of the run.
        store: of records.
        seen: states by key that are known already, and to which this one is added.
        digests: as of `dbp.runs.records.planned`.
    """
    plan, seen = planned(module, config, digests), {} if seen is None else seen
    if plan.key not in seen:
        upstream = [state_of(*need, store, seen, digests) for need in needs_of(module, config)]
        found = store.read(plan.experiment, plan.key)
        reason = _why_stale(found, plan, upstream, module, config, store) if found else ""
        current = found if found and not reason else None
        status = "done" if current else _status(plan, found, store)
        if not current and not reason:
            reason = _why_missing(plan, status, store)
        seen[plan.key] = State(config, plan, current, found if reason and found else None, status, reason)
    return seen[plan.key]


def seconds_left(states: list[State], jobs: int = 1) -> float | None:
    """Estimated wall seconds for what is not done, from the records' own times: None if there is no record to go by.

    A run that is missing is taken to last as long as the mean of the finished ones with the same model, else of all.
    Runs that were resumed know only their last part and count only where there are no others. Networks that have to be
    trained first are not counted.
    """
    made = [(_model(state), (state.record or state.older).provenance) for state in states if state.record or state.older]
    made = [(model, provenance) for model, provenance in made if not provenance.get("resumed")] or made
    times = [(model, provenance["wall_seconds"]) for model, provenance in made]
    if not times:
        return None
    total = 0.0
    for state in states:
        if state.record is None:
            alike = [seconds for model, seconds in times if model == _model(state)]
            alike = alike or [seconds for _, seconds in times]
            total += sum(alike) / len(alike)
    return total / jobs


def overview(profile="laptop", store: Store | None = None):
    """What was run of a profile, as a store holds it, for the book's status page.

    Returns:
        A pandas.DataFrame with a row an experiment: experiment, profile, planned, and how many runs are done, running,
        failed, stale and missing; seeds, device, threads, cpu_hours, first and last (dates), version and commit of the
        library. Several values in one cell are separated by commas; what no record tells is empty.
    """
    import pandas

    from dbp import experiments

    chosen, store = profiles.load(profile), store or Store()
    rows = []
    for name in experiments.NAMES:
        module = module_of(name)
        states = survey(module, chosen, store=store)
        made = [state.record.provenance for state in states if state.record]
        dates = sorted(str(p["finished"])[:10] for p in made if p.get("finished"))
        seeds = {all_fields(module, state.config).get("seed") for state in states if state.record}
        rows.append({
            "experiment": name, "profile": chosen.name, "planned": len(states),
            **{word: sum(state.status == word for state in states) for word in STATUSES}, "seeds": len(seeds),
            "device": _listed(made, "device"), "threads": _listed(made, "threads"),
            "cpu_hours": round(sum(p.get("cpu_seconds") or 0.0 for p in made) / 3600, 2),
            "first": dates[0] if dates else "", "last": dates[-1] if dates else "",
            "version": _listed(made, "version"), "commit": _listed(made, "commit", 7),
        })
    return pandas.DataFrame(rows)


def select(module: ModuleType, configs: list, only: dict) -> list:
    """The configurations that have the values of `only`.

    Raises:
        ValueError: a field that they do not have, or values that none of them has.
    """
    fields = [all_fields(module, config) for config in configs]
    known = list(dict.fromkeys(name for each in fields for name in each))
    for name, value in only.items():
        if name not in known:
            raise ValueError(f"only: no field {name!r}; there are {', '.join(known)}{nearest(name, known)}")
        if not any(each.get(name) == value for each in fields):
            there = ", ".join(sorted({str(each.get(name)) for each in fields}))
            raise ValueError(f"only: no planned run has {name}={value}; there are {there}")
    chosen = [c for c, each in zip(configs, fields, strict=True) if all(each.get(n) == v for n, v in only.items())]
    if configs and not chosen:
        raise ValueError("only: no planned run has " + " and ".join(f"{name}={value}" for name, value in only.items()))
    return chosen


def _why_stale(found: Record, plan: Record, upstream: list[State], module, config, store: Store) -> str:
    if found.code != plan.code:
        functions = changed(store.functions(found.code), functions_of(module, config))
        return "stale: it was made before a change of " + ", ".join(functions)
    for need, state in zip(found.needs, upstream, strict=True):
        if state.record is None:
            return f"stale: the network that it builds on, {need.experiment} {need.key}, is {state.status}"
        if state.record.weights != need.weights:
            return f"stale: {need.experiment} {need.key} has been trained anew, with other weights"
    return ""


def _status(plan: Record, found: Record | None, store: Store) -> str:
    if is_locked(plan.experiment, plan.key):
        return "running"
    if store.failure(plan.experiment, plan.key):
        return "failed"
    return "stale" if found else "missing"


def _why_missing(plan: Record, status: str, store: Store) -> str:
    if status == "running":
        return "running"
    if status == "failed":
        return "failed: " + store.failure(plan.experiment, plan.key).measures["error"].strip().splitlines()[-1]
    return "its record is damaged" if store.path(plan.experiment, plan.key).is_file() else "never run"


def _model(state: State) -> str | None:
    fields = vars(state.config)
    return fields.get("model") or getattr(fields.get("network"), "model", None)


def _listed(made: list[dict], name: str, length: int | None = None) -> str:
    return ", ".join(sorted({str(p[name])[:length] for p in made if p.get(name) is not None}))
