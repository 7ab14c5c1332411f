"""What was run before? One small JSON file a finished run, named by a hash of everything that determines its result.

The name covers the experiment, its configuration (with the seed), the fingerprint of the data and the code that the
result went through (`dbp.runs.fingerprint`). So a record is found exactly when running again would give the same numbers.
"""

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from dbp import data
from dbp.files import Damaged, set_aside, write_bytes
from dbp.runs.fingerprint import code_of

SCHEMA = 1
SUFFIX = ".json"
FAILED = ".failed.json"

# Where the wheel puts the records of the published pages; a checkout has no such folder.
SHIPPED = Path(__file__).parents[1] / "_records"


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        experiment: name of its module.
        config: everything that determines the result, with the seed.
        data: fingerprint of the data set.
        code: name and hash of every function that the result went through.
        measures: the results; plain numbers, lists and dicts.
        provenance: version, commit, device, threads, seconds, memory, dates.
        status: "done", or "failed" with the traceback in measures["error"].
        schema: version of this layout.
    """

    experiment: str
    config: dict
    data: str
    code: dict
    measures: dict
    provenance: dict
    status: str = "done"
    schema: int = SCHEMA
    key: str = field(init=False)

    def __post_init__(self) -> None:
        identity = {"experiment": self.experiment, "config": self.config, "data": self.data, "code": self.code}
        object.__setattr__(self, "key", hashlib.sha256(_canonical(identity).encode()).hexdigest()[:16])


def planned(experiment: ModuleType, config) -> Record:
    """The record that a run of this configuration will have, as yet without measures: its key is known beforehand."""
    fields = dataclasses.asdict(config)
    try:
        fingerprint = data.known_fingerprint(config.dataset, config.source)
    except FileNotFoundError:  # of CelebA and SVHN nothing is known before they are on disk: a plan can still be shown
        fingerprint = "not on disk"
    code = code_of(experiment.run, *experiment.roots(config))
    return Record(experiment.NAME, json.loads(_canonical(fields)), fingerprint, code, {}, {})


def key_of(experiment: ModuleType, config) -> str:
    """16 hexadecimal digits: sha256 of experiment, configuration, data fingerprint and code."""
    return planned(experiment, config).key


def identity(record: Record) -> str:
    """What was run, whatever code ran it: two records with the same identity differ in the code alone."""
    return _canonical({"experiment": record.experiment, "config": record.config, "data": record.data})


@dataclass(frozen=True)
class Store:
    """A folder of records, one sub-folder an experiment. Any number of processes may read and write it at once.

    Args:
        root: by default `$DBP_RECORDS`, else `records/` of the checkout that the package lies in, else the platform's
            data folder. Without a checkout, the records that came with the package are read too.
    """

    root: Path = field(default_factory=lambda: default_root())

    def path(self, experiment: str, key: str, failed: bool = False) -> Path:
        """Where the record is, or will be."""
        return Path(self.root) / experiment / f"{key}{FAILED if failed else SUFFIX}"

    def write(self, record: Record) -> Path:
        """Write a record whole or not at all; a success removes what is left of an earlier failure.

        Raises:
            ValueError: a measure is NaN or infinite, or is not JSON; the message names it.
        """
        failed = record.status == "failed"
        path = self.path(record.experiment, record.key, failed)
        write_bytes(path, _encode(record))
        if not failed:
            self.path(record.experiment, record.key, failed=True).unlink(missing_ok=True)
        return path

    def read(self, experiment: str, key: str) -> Record | None:
        """The record, or None. A damaged one is set aside under a name that says so, and counts as none.

        Raises:
            ValueError: the record has a newer schema than this library reads.
        """
        path, shipped = self.path(experiment, key), SHIPPED / experiment / f"{key}{SUFFIX}"
        try:
            return _decode(path)
        except FileNotFoundError:
            pass
        except Damaged as error:
            aside = set_aside(path)
            if aside is not None and _is_sound(aside, key):  # written anew while the damaged one was being read
                os.replace(aside, path)
                return _decode(path)
            if aside is not None:
                print(f"{error}; set aside as {aside.name}, to be computed again", file=sys.stderr)
        try:
            return _decode(shipped)
        except FileNotFoundError:
            return None
        except Damaged as error:  # the installed package may be read-only: left where it is
            print(f"{error}; not used", file=sys.stderr)
            return None

    def records(self, experiment: str) -> Iterator[Record]:
        """Every sound record of an experiment, failed ones left out, in the order of their keys."""
        names = {path.name for root in (Path(self.root), SHIPPED) for path in (root / experiment).glob(f"*{SUFFIX}")}
        for name in sorted(names):
            if not name.endswith(FAILED) and not name.startswith("."):
                record = self.read(experiment, name.removesuffix(SUFFIX))
                if record is not None:
                    yield record

    def failure(self, experiment: str, key: str) -> Record | None:
        """The record of the last failure of a run that has not succeeded since."""
        try:
            return _decode(self.path(experiment, key, failed=True))
        except (FileNotFoundError, ValueError):
            return None

    def strays(self) -> list[Path]:
        """Files in the store that no reader takes for a record: left-overs, damaged ones, files of another name.

        A name that begins with a dot and ends in `.tmp` was left by a killed process and can be deleted.
        """
        def sound(path: Path) -> bool:
            stem = path.name.removesuffix(FAILED).removesuffix(SUFFIX)
            return path.name.endswith(SUFFIX) and len(stem) == 16 and set(stem) <= set("0123456789abcdef")

        files = [*Path(self.root).glob("*"), *Path(self.root).glob("*/*")]
        return sorted(path for path in files if path.is_file() and path.name != ".gitkeep" and not sound(path))


def default_root() -> Path:
    """The folder of records: see `Store`."""
    if os.environ.get("DBP_RECORDS"):
        return Path(os.environ["DBP_RECORDS"])
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "pyproject.toml").is_file() and (checkout / "records").is_dir():
        return checkout / "records"
    import platformdirs

    return Path(platformdirs.user_data_dir("dbp")) / "records"


def load(experiment: str, profile="laptop", store: Store | None = None):
    """The finished runs of a profile, from the store; nothing is computed.

    Args:
        experiment: its name.
        profile: name, file or `dbp.profiles.Profile`.

    Returns:
        A pandas.DataFrame, one row a run found: the fields of its configuration, its measures, `key`, and the
        provenance under its own names. Empty if nothing was run.

    Raises:
        KeyError: unknown experiment or profile.
    """
    from dbp import experiments, profiles

    module = experiments.get(experiment)
    store = store or Store()
    found = (store.read(module.NAME, key_of(module, config)) for config in module.plan(profiles.load(profile)))
    return table([record for record in found if record is not None])


def table(records: list[Record]):
    """Records as a pandas.DataFrame, one row a run: configuration, measures, `key`, provenance."""
    import pandas

    return pandas.DataFrame([{**r.config, **r.measures, "key": r.key, **r.provenance} for r in records])


def _canonical(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _encode(record: Record) -> bytes:
    for name, value in record.measures.items():
        try:
            _canonical(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{record.experiment} {record.key}: the measure {name!r} cannot be recorded: {error}") from None
    content = {name: value for name, value in dataclasses.asdict(record).items() if name != "key"}
    content["sha256"] = hashlib.sha256(_canonical(content).encode()).hexdigest()
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _decode(path: Path, key: str | None = None) -> Record:
    """Read a file that is named by its key, or by another name if `key` is given."""
    body = path.read_bytes()
    try:
        content = json.loads(body)
        checksum, schema = content.pop("sha256"), content["schema"]
        sound = hashlib.sha256(_canonical(content).encode()).hexdigest() == checksum
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged(f"{path} is damaged (it is not a record)") from None
    if sound and isinstance(schema, int) and schema > SCHEMA:
        raise ValueError(f"{path} has the schema {schema}, but this library reads up to {SCHEMA}: update dbp")
    if not sound or body != (json.dumps({**content, "sha256": checksum}, indent=1, sort_keys=True) + "\n").encode():
        raise Damaged(f"{path} is damaged (its content does not match its checksum)")
    try:
        record = Record(**content)
    except TypeError as error:
        raise ValueError(f"{path} was written by another version of dbp ({error}): update dbp") from None
    if record.key != (key or path.name.removesuffix(FAILED).removesuffix(SUFFIX)):
        raise Damaged(f"{path} is damaged (its content belongs to {record.key})")
    return record


def _is_sound(path: Path, key: str) -> bool:
    try:
        return bool(_decode(path, key))
    except ValueError:  # Damaged is one
        return False
