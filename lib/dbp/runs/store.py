"""Where are records kept? A folder, a file a run, that any number of processes may read and write at once."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dbp.files import Damaged, write_bytes
from dbp.runs.fingerprint import digest_of
from dbp.runs.records import Record, decode, encode

SUFFIX = ".json"
FAILED = ".failed.json"
CODE = "code"

# Where the wheel puts the records of the published pages; a checkout has no such folder.
SHIPPED = Path(__file__).parents[1] / "_records"


@dataclass(frozen=True)
class Store:
    """A folder of records, one sub-folder an experiment, and `code/` with the functions that made them.

    Reading never renames, moves or deletes: a damaged file is named on stderr, counts as missing, and is replaced when its
    run is made again.

    Args:
        root: by default `$DBP_RECORDS`, else `records/` of the checkout that the package lies in, else the platform's
            data folder. Without a checkout, the records that came with the package are read too.
    """

    root: Path = field(default_factory=lambda: default_root())

    def path(self, experiment: str, key: str, failed: bool = False) -> Path:
        """Where the record is, or will be."""
        return Path(self.root) / experiment / f"{key}{FAILED if failed else SUFFIX}"

    def write(self, record: Record, functions: dict[str, str]) -> Path:
        """Write a record whole or not at all, in the place of an earlier one; a success removes what is left of a failure.

        Args:
            record: of a run, done or failed.
            functions: name and hash of what it went through; their digest is `record.code`.

        Raises:
            ValueError: a measure is NaN or infinite or no JSON, or the functions have another digest.
            dbp.files.Unwritable: the disk is full, or the folder cannot be written.
        """
        if digest_of(functions) != record.code:
            raise ValueError(f"functions must have the digest {record.code}, but have {digest_of(functions)}")
        failed = record.status == "failed"
        path, body = self.path(record.experiment, record.key, failed), encode(record)
        if self.functions(record.code) != functions:  # not there yet, or damaged
            write_bytes(self._code_path(record.code), (json.dumps(functions, indent=0, sort_keys=True) + "\n").encode())
        write_bytes(path, body)
        if not failed:
            self.path(record.experiment, record.key, failed=True).unlink(missing_ok=True)
        return path

    def read(self, experiment: str, key: str) -> Record | None:
        """The record, or None where there is none or it is damaged, which stderr then says in one line.

        Raises:
            ValueError: the record has a newer schema than this library reads.
        """
        for path in (self.path(experiment, key), SHIPPED / experiment / f"{key}{SUFFIX}"):
            try:
                return decode(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except Damaged as error:
                print(f"{error}: it counts as missing", file=sys.stderr)
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
            return decode(self.path(experiment, key, failed=True))
        except (OSError, ValueError):
            return None

    def functions(self, digest: str) -> dict[str, str]:
        """Name and hash of the functions that a record went through; empty where their file is lost or damaged."""
        for path in (self._code_path(digest), SHIPPED / CODE / f"{digest}{SUFFIX}"):
            try:
                functions = json.loads(path.read_bytes())
                if digest_of(functions) == digest:
                    return functions
            except (OSError, ValueError, AttributeError, TypeError):
                continue
        return {}

    def strays(self) -> list[Path]:
        """Files in the store that no reader takes: left-overs, damaged ones, files of another name, code of no record.

        A name that begins with a dot and ends in `.tmp` was left by a killed process and can be deleted.
        """
        found, used = [], set()
        for path in sorted([*Path(self.root).glob("*"), *Path(self.root).glob("*/*")]):
            if not path.is_file() or path.name == ".gitkeep" or path.parent.name == CODE:
                continue
            try:
                used.add(decode(path).code)
            except (ValueError, OSError):  # Damaged is a ValueError
                found.append(path)
        code = [path for path in Path(self.root).glob(f"{CODE}/*") if path.name.removesuffix(SUFFIX) not in used]
        return sorted(found + code)

    def _code_path(self, digest: str) -> Path:
        return Path(self.root) / CODE / f"{digest}{SUFFIX}"


def checkout_folder() -> Path | None:
    """The checkout that the package lies in, if it lies in one."""
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "pyproject.toml").is_file() else None


def default_root() -> Path:
    """The folder of records: see `Store`."""
    if os.environ.get("DBP_RECORDS"):
        return Path(os.environ["DBP_RECORDS"])
    checkout = checkout_folder()
    if checkout and (checkout / "records").is_dir():
        return checkout / "records"
    import platformdirs

    return Path(platformdirs.user_data_dir("dbp")) / "records"
