"""How do records become a table? One row a run, with the configuration and the measures of the network that it builds on."""

from types import ModuleType

from dbp import profiles
from dbp.runs.records import Record, module_of
from dbp.runs.status import survey
from dbp.runs.store import Store


def load(experiment: str | ModuleType, profile="laptop", *, only: dict | None = None, store: Store | None = None):
    """The finished runs of a profile, from the store; nothing is computed, and stale records are left out.

    Args:
        experiment: its name or its module.
        profile: name, file or `dbp.profiles.Profile`.
        only: as of `dbp.runs.ensure`.
        store: of records; the default one if None.

    Returns:
        A pandas.DataFrame, one row a run found: the fields of its configuration, its measures, `key`, and the provenance
        under its own names; behind them, for a run that builds on networks, what its first network's run has. Empty if
        nothing was run.

    Raises:
        ValueError: unknown experiment or profile.
    """
    module, store = module_of(experiment), store or Store()
    states = survey(module, profiles.load(profile), only=only, store=store)
    return table([state.record for state in states if state.record is not None], store)


def table(records: list[Record], store: Store):
    """Records of one experiment as a pandas.DataFrame, see `load`."""
    import pandas

    return pandas.DataFrame([row(record, store) for record in records])


def row(record: Record, store: Store) -> dict:
    """One run as a row: configuration, measures, key and provenance; its own before those of what it builds on."""
    first = store.read(record.needs[0].experiment, record.needs[0].key) if record.needs else None
    own = {**record.config, **record.measures, "key": record.key, **record.provenance}
    return {**(row(first, store) if first else {}), **own}
