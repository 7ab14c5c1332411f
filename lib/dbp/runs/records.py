"""What is a record? One finished run: what was run, on what, by which code, and what came out.

A run is named by its experiment, its configuration, its data and what it builds on. The name lasts: it does not change when
code does. The code is kept beside it, by its digest: a record that other code made than today's is *stale*, and
`dbp.runs.status` says so.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from dbp import data, experiments
from dbp.files import Damaged
from dbp.runs.fingerprint import code_of, digest_of

SCHEMA = 2

# The fingerprint of data that have to be downloaded before anything can be known of them: CelebA and SVHN.
NOT_ON_DISK = "not on disk"


@dataclass(frozen=True)
class Need:
    """A network that a run builds on.

    Attributes:
        experiment: whose run trained it.
        key: of that run.
        weights: sha256 of its tensors, as `dbp.files.digest_of_tensors` gives it; None where they are not known.
    """

    experiment: str
    key: str
    weights: str | None


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        experiment: name of its module.
        config: everything that determines the result, with the seed; what it builds on is in `needs`.
        data: fingerprint of the data set.
        needs: the networks that the run builds on, in the order of the experiment's `needs`.
        code: digest of every function that the result went through; the functions are in `records/code/<digest>.json`.
        measures: the results; plain numbers, lists and dicts.
        provenance: version, commit, device, threads, seconds, memory, dates.
        weights: sha256 of the network that was trained, None where none was.
        status: "done", or "failed" with the traceback in measures["error"].
        schema: version of this layout.
    """

    experiment: str
    config: dict
    data: str
    needs: tuple[Need, ...]
    code: str
    measures: dict
    provenance: dict
    weights: str | None = None
    status: str = "done"
    schema: int = SCHEMA
    key: str = field(init=False)

    def __post_init__(self) -> None:
        identity = {"experiment": self.experiment, "config": self.config, "data": self.data}
        if self.needs:
            identity["needs"] = [[need.experiment, need.key] for need in self.needs]
        object.__setattr__(self, "key", hashlib.sha256(canonical(identity).encode()).hexdigest()[:16])


def module_of(experiment: str | ModuleType) -> ModuleType:
    """The module of an experiment that is given by its name, or as the module itself.

    Raises:
        ValueError: no experiment of that name; the message gives the nearest one.
    """
    return experiments.get(experiment) if isinstance(experiment, str) else experiment


def needs_of(experiment: ModuleType, config) -> list[tuple[ModuleType, object]]:
    """The runs whose networks a run builds on: experiment and configuration of each."""
    needs = getattr(experiment, "needs", None)
    return [(module_of(name), upstream) for name, upstream in needs(config)] if needs else []


def functions_of(experiment: ModuleType, config) -> dict[str, str]:
    """Name and hash of every function that a run of this configuration goes through."""
    return code_of(experiment.run, *experiment.roots(config))


def planned(experiment: ModuleType, config, digests: dict | None = None) -> Record:
    """The record that a run of this configuration will have, without measures: its key is known beforehand.

    Only where the data are `NOT_ON_DISK` is it not: then no record is found, and none is written under this key.

    Args:
        experiment: its module.
        config: of the run.
        digests: what is already known of the code, by the functions that it starts at, and to which this is added; for as
            long as nobody changes a function, since reading the code takes most of the time.
    """
    digests, reached = {} if digests is None else digests, (experiment.run, *experiment.roots(config))
    if reached not in digests:
        digests[reached] = digest_of(functions_of(experiment, config))
    return _identified(experiment, config, digests[reached])


def _identified(experiment: ModuleType, config, code: str) -> Record:
    try:
        fingerprint = data.known_fingerprint(config.dataset, config.source)
    except FileNotFoundError:  # a plan can still be shown; `dbp.runs.ensure` downloads first
        fingerprint = NOT_ON_DISK
    upstream = needs_of(experiment, config)
    needs = tuple(Need(module.NAME, _identified(module, settings, "").key, None) for module, settings in upstream)
    return Record(experiment.NAME, json.loads(canonical(own_fields(config))), fingerprint, needs, code, {}, {})


def own_fields(config) -> dict:
    """The fields of a configuration, without those that hold the configuration of a network that it builds on."""
    own = {name: value for name, value in vars(config).items() if not dataclasses.is_dataclass(value)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}


def all_fields(experiment: ModuleType, config) -> dict:
    """The fields of a configuration and, behind them, those of the first network that it builds on."""
    upstream = needs_of(experiment, config)[:1]
    return {**(all_fields(*upstream[0]) if upstream else {}), **own_fields(config)}


def encode(record: Record) -> bytes:
    """The record as a file: JSON, a line a measure, with a checksum of its content.

    Raises:
        ValueError: a measure is NaN or infinite, or is not JSON; the message names it.
    """
    for name, value in record.measures.items():
        try:
            canonical(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{record.experiment} {record.key}: the measure {name!r} cannot be recorded: {error}") from None
    content = {name: value for name, value in dataclasses.asdict(record).items() if name != "key"}
    content = json.loads(canonical(content))  # tuples become lists
    content["sha256"] = _checksum(content)
    return (_by_line(content, depth=2) + "\n").encode()


def decode(path: Path) -> Record:
    """Read the record that a file holds.

    Raises:
        FileNotFoundError: no such file.
        Damaged: its content is not what was written, or belongs under another name.
        ValueError: it was written by a newer version of this library.
    """
    try:
        content = json.loads(path.read_bytes())
        checksum, schema = content.pop("sha256"), content["schema"]
        sound = _checksum(content) == checksum
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged(f"{path} is damaged (it is not a record)") from None
    if sound and isinstance(schema, int) and schema > SCHEMA:
        raise ValueError(f"{path} has the schema {schema}, but this library reads up to {SCHEMA}: update dbp")
    if not sound:
        raise Damaged(f"{path} is damaged (its content does not match its checksum)")
    try:
        record = Record(**content | {"needs": tuple(Need(**need) for need in content["needs"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path} was written by another version of dbp ({error}): update dbp") from None
    if record.key != path.name.split(".")[0]:
        raise Damaged(f"{path} is damaged (its content belongs to {record.key})")
    return record


def canonical(value) -> str:
    """JSON that is the same for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(content: dict) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _by_line(value, depth: int, indent: str = "") -> str:
    """JSON with a line an entry down to a depth, and a row a line in a list of rows: short, and its changes can be read."""
    inner = indent + " "
    if isinstance(value, dict) and value and depth:
        lines = [f"{json.dumps(name)}: {_by_line(value[name], depth - 1, inner)}" for name in sorted(value)]
        return "{\n" + inner + f",\n{inner}".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + inner + f",\n{inner}".join(canonical(row) for row in value) + f"\n{indent}]"
    return canonical(value)
