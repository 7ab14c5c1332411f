"""The notebooks as files: keep each pair in step, tell which are stale, execute them.

    python book/tools/chapters.py sync                      # .ipynb <-> .md, the newer text wins
    python book/tools/chapters.py execute --stale           # in place, only where something changed that they show
    python book/tools/chapters.py execute --profile smoke   # copies, into _build/executed/smoke/

A notebook is stale when its code, the library code that it can reach by imports, the published numbers or the records
that it reads are not those it was executed with. A hash over them is kept in the notebook (metadata, `dbp.executed`).
"""

import argparse
import ast
import functools
import hashlib
import os
import sys
import time
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = "laptop"  # the profile of the stored outputs
TIMEOUT = 1200  # seconds a cell


def notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the book, in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def read(path: Path):
    return nbformat.read(path, as_version=4)


def drift(ipynb: Path) -> list[str]:
    """Where a notebook and its .md twin differ, one line a place; empty if they are in step."""
    twin = ipynb.with_suffix(".md")
    if not twin.is_file():
        return [f"{ipynb.name} has no {twin.name} beside it"]
    ours, theirs = (_contents(nb) for nb in (read(ipynb), jupytext.read(twin)))
    found = [f"{ipynb.stem}: {len(ours)} cells in .ipynb, {len(theirs)} in .md"] if len(ours) != len(theirs) else []
    return found + [f"{ipynb.stem}: cell {i} differs" for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b]


def _contents(nb) -> list[tuple]:
    return [(cell.cell_type, cell.source.rstrip(), list(cell.metadata.get("tags", []))) for cell in nb.cells]


def sync(root: Path = ROOT) -> list[str]:
    """Bring the pairs in step where they differ; returns what was written. Outputs and cell ids stay."""
    written = []
    for twin in sorted((root / "notebooks").glob("[0-9][0-9]_*.md")):
        ipynb = twin.with_suffix(".ipynb")
        if ipynb.is_file() and not drift(ipynb):
            continue
        if ipynb.is_file() and ipynb.stat().st_mtime > twin.stat().st_mtime:
            jupytext.write(read(ipynb), twin, fmt="md:myst")
            written.append(twin.name)
            continue
        nb = jupytext.read(twin)
        _keep_outputs(nb, read(ipynb) if ipynb.is_file() else None)
        _write(nb, ipynb)
        written.append(ipynb.name)
    return written


def _keep_outputs(nb, old) -> None:
    """Give each cell the id and outputs that the cell with the same text had."""
    known = {}
    for cell in old.cells if old else []:
        known.setdefault((cell.cell_type, cell.source.rstrip()), []).append(cell)
    for cell in nb.cells:
        matches = known.get((cell.cell_type, cell.source.rstrip()))
        if matches:
            match = matches.pop(0)
            cell["id"] = match["id"]
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = match.outputs, match.execution_count
    if old and "dbp" in old.metadata:
        nb.metadata["dbp"] = old.metadata["dbp"]


def inputs(nb, root: Path = ROOT) -> str:
    """Hash of everything that the outputs of a notebook are made from, except the installed packages."""
    code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    digest = hashlib.sha256("\0".join([PUBLISHED, *code]).encode())
    modules = reached("\n".join(code), root)
    for path in sorted(modules):
        digest.update(path.name.encode() + _normal_form(path.read_text(encoding="utf-8")).encode())
    files = []
    for module, found in (("tables.paper", root.glob("lib/dbp/tables/paper.yaml")),
                          ("profiles", root.glob(f"lib/dbp/profiles/{PUBLISHED}.yaml")), ("runs", _published(root))):
        if any(_dotted(path, root) == f"dbp.{module}" for path in modules):
            files += sorted(found)
    for path in files:
        digest.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


@functools.cache  # the plan is the same for every notebook, and takes seconds
def _keys() -> tuple[tuple[str, str], ...]:
    """Experiment and key of every run of the published profile; records of other runs are on no page."""
    from dbp import experiments, profiles
    from dbp.runs.records import module_of, planned

    profile = profiles.load(PUBLISHED)
    plans = {name: module_of(name).plan(profile) for name in experiments.NAMES}
    return tuple((name, planned(module_of(name), config).key) for name, plan in plans.items() for config in plan)


def _published(root: Path) -> list[Path]:
    paths = (root / "records" / name / f"{key}.json" for name, key in _keys())
    return [path for path in paths if path.is_file()]


def reached(code: str, root: Path = ROOT) -> set[Path]:
    """The library's files that some code imports, directly or through others; notebook magics are skipped."""
    lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in code.splitlines()]
    indents = [line[: len(line) - len(line.lstrip())] for line in code.splitlines()]
    text = "\n".join(indent + line.lstrip() for indent, line in zip(indents, lines, strict=True))
    found, todo = set(), set(_imports(text))
    while todo:
        name = todo.pop()
        path = _file(name, root)
        if path is None or path in found:
            continue
        found.add(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        todo |= _imports(path.read_text(encoding="utf-8"), package)
        if name == "dbp.experiments":  # it imports its modules by name
            todo |= {f"{name}.{module.stem}" for module in path.parent.glob("*.py")}
    return found


@functools.cache  # most modules of the library are reached from most notebooks
def _imports(source: str, package: str = "") -> frozenset[str]:
    """Every name of the library that is imported, with what it lies in; `package` is where the code itself lies."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = ".".join(package.split(".")[: 1 - node.level or None]) if node.level else ""
            module = ".".join(part for part in (home, node.module) if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(".".join(name.split(".")[:end]) for name in names if name.split(".")[0] == "dbp"
                     for end in range(1, name.count(".") + 2))


def _file(name: str, root: Path) -> Path | None:
    base = root / "lib" / Path(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _dotted(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root / "lib").with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def _normal_form(source: str) -> str:
    """Code without comments, docstrings and layout, which no output depends on."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def is_stale(path: Path, root: Path = ROOT) -> bool:
    nb = read(path)
    return nb.metadata.get("dbp", {}).get("executed") != inputs(nb, root)


def execute(path: Path, root: Path = ROOT) -> None:
    """Run a notebook in place at the published profile; it is written only if every cell ran."""
    from nbclient import NotebookClient

    nb = read(path)
    made_of = inputs(nb, root)
    client = NotebookClient(nb, timeout=TIMEOUT, kernel_name="python3", record_timing=False,
                            resources={"metadata": {"path": str(path.parent)}})
    client.execute()
    nb.metadata.pop("language_info", None)  # names the Python of this machine
    nb.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    nb.metadata["dbp"] = {"executed": made_of, "profile": PUBLISHED}
    _write(nb, path)


def _write(nb, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    nbformat.write(nb, temporary)
    os.replace(temporary, path)


def _execute_all(profile: str, only_stale: bool, chosen: list[str]) -> None:
    paths = [path for path in notebooks() if not chosen or any(path.name.startswith(name) for name in chosen)]
    for path in paths:
        if profile == PUBLISHED and only_stale and not is_stale(path):
            print(f"{path.name}: up to date", flush=True)
            continue
        start = time.perf_counter()
        print(f"{path.name}: executing at {profile} ...", flush=True)
        if profile == PUBLISHED:
            execute(path)
        else:
            _execute_copy(path, profile)
        print(f"{path.name}: done in {time.perf_counter() - start:.0f} s", flush=True)


def _execute_copy(path: Path, profile: str) -> None:
    import subprocess

    out = ROOT / "_build" / "executed" / profile / path.name
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "dbp", "notebook", str(path), str(out), "--profile", profile], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sync")
    run = commands.add_parser("execute")
    run.add_argument("--stale", action="store_true")
    run.add_argument("--profile", default=PUBLISHED)
    run.add_argument("chosen", nargs="*", help="notebooks, by the beginning of their names; all if none is given")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    if given.command == "sync":
        written = sync()
        print("brought in step: " + ", ".join(written) if written else "every pair is in step")
    else:
        _execute_all(given.profile, given.stale, given.chosen)


if __name__ == "__main__":
    main()
