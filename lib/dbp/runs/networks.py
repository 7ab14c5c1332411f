"""Which trained network, for a page? That of a finished run, by the fields of its configuration.

The networks that a run builds on are found by `dbp.runs.runner.networks_for`.
"""

from types import ModuleType

from torch import nn

from dbp import profiles
from dbp.files import Damaged
from dbp.runs import weights
from dbp.runs.records import module_of
from dbp.runs.status import select, state_of
from dbp.runs.store import Store


def trained(experiment: str | ModuleType, profile="laptop", *, store: Store | None = None, **fields) -> nn.Module:
    """A network with the weights of a finished run: committed ones, else those in this machine's cache.

    Args:
        experiment: its name or its module.
        profile: whose plan is searched.
        store: of records; the default one if None.
        fields: of the configuration, e.g. model="VAE", target="detached"; the first planned run that has them all is taken.

    Returns:
        The network, in evaluation mode, on the CPU.

    Raises:
        ValueError: a field that the configuration does not have, values that no planned run has, or an experiment that
            trains nothing.
        LookupError: the run was not made.
        FileNotFoundError: its weights were kept nowhere.
    """
    module, store = module_of(experiment), store or Store()
    if not hasattr(module, "network"):
        raise ValueError(f"{module.NAME} trains no network")
    config = select(module, module.plan(profiles.load(profile)), fields)[0]
    record = state_of(module, config, store).record
    if record is None:
        raise LookupError(f"no finished run with {fields}: `dbp run {module.NAME}` makes those of a profile")
    try:
        tensors = weights.committed(record)
    except (FileNotFoundError, Damaged):  # none, or of the run as it was before it was made again
        tensors = weights.kept(record)
        if tensors is None:
            raise
    return weights.load_into(module.network(config), tensors)
