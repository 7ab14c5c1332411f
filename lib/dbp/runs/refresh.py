"""What if the code changed, but not the results? A sample is run again; if it agrees to the bit, its likes are kept."""

import dataclasses
import json
import tempfile
from pathlib import Path
from types import ModuleType

from dbp.files import digest_of_tensors
from dbp.runs.checkpoints import Checkpoint, lock
from dbp.runs.fingerprint import changed
from dbp.runs.records import functions_of, module_of, needs_of
from dbp.runs.runner import networks_for, threads, trained_tensors
from dbp.runs.status import State, state_of, survey
from dbp.runs.store import Store


def refresh(
    experiment: str | ModuleType, profile="laptop", *, sample: int = 1, only: dict | None = None, store: Store | None = None
) -> tuple[int, int]:
    """Keep records that a change of the code has made stale without changing their results.

    Stale runs are grouped by what has changed in their code since they were recorded. Of each group a sample, spread evenly,
    is run again and must give the same measures, and the same weights where it trains, to the bit. Only if every sample
    agrees are the records marked as made by today's code, with a line in their provenance; otherwise they stay as they are.
    Runs whose networks are missing or were trained anew are left alone: they have to be made again.

    Args:
        experiment: its name or its module.
        profile: name, file or `Profile`.
        sample: how many runs of each group are run again.
        only: fields of the configuration and the value that they must have.
        store: of records; the default one if None.

    Returns:
        How many were run again and agreed, and how many were stale.

    Raises:
        ValueError: a run disagrees; the message names the first measure that differs.
    """
    module, store = module_of(experiment), store or Store()
    groups: dict[tuple, list[State]] = {}
    for state in survey(module, profile, only=only, store=store):
        if state.older is not None and state.older.code != state.planned.code and _on_current_networks(module, state, store):
            groups.setdefault((state.older.code, state.planned.code), []).append(state)
    rerun = {group: _sample_agrees(module, states, sample, store) for group, states in groups.items()}
    for group, states in groups.items():
        for state in states:
            _mark(module, state, {"from": group[0], "rerun": rerun[group], "of": len(states)}, store)
    return sum(rerun.values()), sum(map(len, groups.values()))


def _on_current_networks(module: ModuleType, state: State, store: Store) -> bool:
    upstream = [state_of(*need, store).record for need in needs_of(module, state.config)]
    return [need.weights for need in state.older.needs] == [record and record.weights for record in upstream]


def _sample_agrees(module: ModuleType, states: list[State], sample: int, store: Store) -> int:
    """Run a sample again, as `refresh` says; how many it was."""
    again = states[:: max(1, len(states) // sample)][:sample]
    for state in again:
        before, (measures, weights) = state.older.measures, _run_again(module, state, store)
        differs = [name for name in before.keys() | measures.keys() if measures.get(name) != before.get(name)]
        differs += ["weights"] if state.older.weights not in (None, weights) else []
        if differs:
            first = min(differs)
            raise ValueError(f"{state.older.key} gives another {first} under the new code: run the stale ones again")
    return len(again)


def _run_again(module: ModuleType, state: State, store: Store) -> tuple[dict, str | None]:
    """The measures of a run, and the sha256 of the weights that it trained, from a state that is kept nowhere."""
    with threads(state.older.provenance.get("threads", 1)), tempfile.TemporaryDirectory() as folder:
        networks = [model for _, model in networks_for(module, state.config, store)]
        checkpoint = Checkpoint(Path(folder) / "state.safetensors")
        measures = module.run(state.config, checkpoint=checkpoint, **({"networks": networks} if networks else {}))
        tensors = trained_tensors(checkpoint)
    return json.loads(json.dumps(measures)), digest_of_tensors(tensors) if tensors else None


def _mark(module: ModuleType, state: State, note: dict, store: Store) -> None:
    """Write that a record is what today's code gives, unless a sweep has made it anew meanwhile."""
    functions, before = functions_of(module, state.config), store.functions(state.older.code)
    note = note | {"changed": changed(before, functions)}
    with lock(state.older.experiment, state.older.key):
        if store.read(state.older.experiment, state.older.key) == state.older:
            provenance = {**state.older.provenance, "refreshed": note}
            store.write(dataclasses.replace(state.older, code=state.planned.code, provenance=provenance), functions)
