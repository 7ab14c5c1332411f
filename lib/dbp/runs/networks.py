"""Which trained network? That of a finished run, by the fields of its configuration."""

from types import ModuleType

from torch import nn

from dbp import profiles
from dbp.runs import weights
from dbp.runs.records import module_of
from dbp.runs.status import state_of
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
        LookupError: no planned run has these fields, or it was not run.
        FileNotFoundError: its weights were kept nowhere.
    """
    module, store = module_of(experiment), store or Store()
    plan = module.plan(profiles.load(profile))
    config = next((c for c in plan if all(getattr(c, name) == value for name, value in fields.items())), None)
    record = config and state_of(module, config, store).record
    if record is None:
        raise LookupError(f"no run with {fields}: `dbp run {module.NAME}` makes those of a profile")
    try:
        tensors = weights.committed(record)
    except FileNotFoundError:
        tensors = weights.kept(record)
        if tensors is None:
            raise
    return weights.load_into(module.network(config), tensors)
