"""How far is it to the papers' own scale? Operations of all trainings, done and to do, and the hours that these take."""

from types import ModuleType

import pandas

from dbp import experiments, profiles, runs
from dbp.tables.costs import count_training

# What is trained, and for which table of the papers.
TRAININGS = {"l1_penalty": "P2, Table 2", "l1_adversarial_training": "P2, Tables 3 and 4", "dbp_autoencoders": "P1, Table 1",
             "undefended_classifiers": "P1, Tables 3 and 4"}
STOPS_AT = {"l1_penalty": 20}  # "around the 20th epoch" (P2 Section 4.1); the others run all of theirs
EMPTY = dict(runs=0, epochs=0, operations=0.0, seconds=0.0, rate=0.0)
GPU_RATE = 1e13  # operations a second: what a training of small batches may get of a GPU's peak; an assumption


def compare_scales(profile="laptop", goal="paper", *, store=None) -> pandas.DataFrame:
    """Each table's trainings at two scales, model by model.

    Args:
        profile: what was run, of which the records are counted.
        goal: what is to be run.
        store: of records; the default one if None.

    Returns:
        A row an experiment, data set and model: `table`; `dataset`; `model`; `runs` on record and `runs_goal`; most `epochs`
        and `epochs_goal` of one training; `core_hours` that the records tell of; `share`, operations on record over those of
        the goal; `hours_goal`, core-hours of the goal at the best rate on record (short trainings spend much of their time
        on other things), NaN if all were resumed; and `hours_gpu` at `GPU_RATE`. What was never run is left out.
    """
    rows = []
    for name, table in TRAININGS.items():
        module = experiments.get(name)
        done = _done(module, profile, store)
        for (dataset, model), there in _wanted(module, goal, done).items():
            here = done[dataset, model]
            rate = here["rate"] or float("nan")
            rows.append({
                "table": table, "dataset": dataset, "model": model, "runs": here["runs"], "runs_goal": there["runs"],
                "epochs": here["epochs"], "epochs_goal": there["epochs"], "core_hours": here["seconds"] / 3600,
                "share": here["operations"] / there["operations"], "hours_goal": there["operations"] / rate / 3600,
                "hours_gpu": there["operations"] / GPU_RATE / 3600})
    return pandas.DataFrame(rows)


def _wanted(module: ModuleType, goal, done: dict) -> dict[tuple[str, str], dict]:
    found: dict = {}
    for config in module.plan(profiles.load(goal)):
        if (config.dataset, config.model) in done:
            epochs = STOPS_AT.get(module.NAME, config.max_epochs)
            _add(found, config.dataset, config.model, epochs, count_training(module.NAME, vars(config) | {"epochs": epochs}))
    return found


def _done(module: ModuleType, profile, store) -> dict[tuple[str, str], dict]:
    found: dict = {}
    for run in runs.load(module, profile, store=store).to_dict("records"):
        epochs = run.get("epochs", run["max_epochs"])
        timed = run.get("resumed") is not True  # one that was resumed knows the time of its last part only
        operations = count_training(module.NAME, run)
        _add(found, run["dataset"], run["model"], epochs, operations, run["cpu_seconds"], operations if timed else 0.0)
    return found


def _add(found: dict, dataset: str, model: str, epochs: int, operations: float, seconds=0.0, timed=0.0) -> None:
    part = found.setdefault((dataset, model), dict(EMPTY))
    part["runs"] += 1
    part["epochs"] = max(part["epochs"], epochs)
    part["operations"] += operations
    part["seconds"] += seconds
    part["rate"] = max(part["rate"], timed / seconds if seconds else 0.0)
