"""What if the code changed, but not the results? A sample is run again; if it agrees to the bit, its likes are kept."""

import dataclasses
import json
from types import ModuleType

from dbp.runs.fingerprint import changed
from dbp.runs.records import functions_of, module_of
from dbp.runs.runner import networks_for
from dbp.runs.status import State, survey
from dbp.runs.store import Store


def refresh(
    experiment: str | ModuleType, profile="laptop", *, sample: int = 1, only: dict | None = None, store: Store | None = None
) -> tuple[int, int]:
    """Keep records that a change of the code has made stale without changing their results.

    Stale runs are grouped by what has changed in their code since they were recorded. Of each group a sample, spread evenly,
    is run again and must give the same measures to the bit. Only if every sample agrees are the records marked as made by
    today's code, with a line in their provenance; otherwise nothing is changed. Runs that are stale because a network they
    build on was trained anew are left alone: they have to be run again.

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
        if state.older is not None and state.older.code != state.planned.code:
            groups.setdefault((state.older.code, state.planned.code), []).append(state)
    rerun = {group: _sample_agrees(module, states, sample, store) for group, states in groups.items()}
    for group, states in groups.items():
        for state in states:
            now, before = functions_of(module, state.config), store.functions(group[0])
            note = {"from": group[0], "changed": changed(before, now), "rerun": rerun[group], "of": len(states)}
            provenance = {**state.older.provenance, "refreshed": note}
            store.write(dataclasses.replace(state.older, code=state.planned.code, provenance=provenance), now)
    return sum(rerun.values()), sum(map(len, groups.values()))


def _sample_agrees(module: ModuleType, states: list[State], sample: int, store: Store) -> int:
    """Run a sample again, as `refresh` says; how many it was."""
    again = states[:: max(1, len(states) // sample)][:sample]
    for state in again:
        measures = _run_again(module, state, store)
        before = state.older.measures
        differs = [name for name in before.keys() | measures.keys() if measures.get(name) != before.get(name)]
        if differs:
            raise ValueError(f"{state.older.key} gives another {min(differs)} under the new code: run the stale ones again")
    return len(again)


def _run_again(module: ModuleType, state: State, store: Store) -> dict:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(state.older.provenance.get("threads", 1))
    try:
        networks = [model for _, model in networks_for(module, state.config, store)]
        options = {"networks": networks} if networks else {}
        return json.loads(json.dumps(module.run(state.config, **options)))
    finally:
        torch.set_num_threads(before)
