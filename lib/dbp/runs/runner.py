"""How is one run made? Its networks first, then the run, its weights and its record; taken up again after a stop."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch import nn

from dbp.files import digest_of_tensors
from dbp.runs import weights
from dbp.runs.checkpoints import Checkpoint, checkpoint_of, lock
from dbp.runs.provenance import Clock
from dbp.runs.records import Need, Record, functions_of, needs_of, planned
from dbp.runs.status import state_of
from dbp.runs.store import Store


def make(module: ModuleType, config, store: Store, cache: Path | None = None, *, network: bool = False) -> Record:
    """The record of a run: the one in the store, if it is what running again would give; else by running it.

    A run that is made again replaces its record, unless it gives the same measures and weights.

    Args:
        module: of the experiment.
        config: of the run.
        store: of records.
        cache: folder of checkpoints, locks and weights; by default that of this machine.
        network: whether the trained weights are wanted too: where the cache lacks them, they are trained again.

    Raises:
        Exception: whatever the run raises.
    """
    plan = planned(module, config)
    with lock(plan.experiment, plan.key, cache):
        found = state_of(module, config, store).record
        if found is not None:
            if not network or weights.kept(found, cache) is not None:
                return found
            print(f"{plan.experiment} {plan.key}: this machine's cache lacks its weights; trained again", file=sys.stderr)
        return _run(module, config, plan, found, store, cache)


def networks_for(module: ModuleType, config, store: Store, cache: Path | None = None) -> list[tuple[Need, nn.Module]]:
    """The networks that a run builds on, with trained weights, on the CPU and in evaluation mode; missing ones are trained.

    Raises:
        ValueError: a run that is built on trains no network.
    """
    found = []
    for upstream, settings in needs_of(module, config):
        record = make(upstream, settings, store, cache, network=True)
        tensors = weights.kept(record, cache)
        if tensors is None:
            raise ValueError(f"{module.NAME} builds on {record.experiment} {record.key}, which trains no network")
        model = weights.load_into(upstream.network(settings), tensors)
        found.append((Need(record.experiment, record.key, record.weights), model))
    return found


def _run(module: ModuleType, config, plan: Record, found: Record | None, store: Store, cache: Path | None) -> Record:
    built_on = networks_for(module, config, store, cache)
    clock, checkpoint = Clock(), checkpoint_of(plan.experiment, plan.key, plan.code, cache)
    resumed = {"resumed": True} if checkpoint.load() else {}
    if not resumed:
        checkpoint.delete()
    options = {"networks": [model for _, model in built_on]} if built_on else {}
    measures = module.run(config, checkpoint=checkpoint, **options)
    tensors = trained_tensors(checkpoint)
    record = dataclasses.replace(
        plan, needs=tuple(need for need, _ in built_on), measures=measures, provenance=clock.provenance() | resumed,
        weights=digest_of_tensors(tensors) if tensors else None)
    if tensors:
        weights.keep(record, tensors, cache)
    elif found is not None and found.weights:
        raise RuntimeError(f"{plan.experiment} {plan.key} was trained again and left no weights: its record stays")
    if found is None or found.weights != record.weights or found.measures != json.loads(json.dumps(measures)):
        store.write(record, functions_of(module, config))
        found = record
    checkpoint.delete()
    return found


def trained_tensors(checkpoint: Checkpoint) -> dict | None:
    """The weights in the last state that `dbp.training.loop` left; None where nothing was trained."""
    state = checkpoint.load()
    prefix = "model."
    return state and {name[len(prefix):]: tensor for name, tensor in state[0].items() if name.startswith(prefix)}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads, and as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
