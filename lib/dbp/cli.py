"""`python -m dbp`: run what is missing, see what is there. Heavy imports wait until a command needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Profile = Annotated[str, typer.Option(help="smoke, laptop, paper, or a YAML file")]
Only = Annotated[str, typer.Option(help="only runs with these values, e.g. model=C,lambda=10")]
Jobs = Annotated[int, typer.Option(min=1, help="runs at once")]


@app.command()
def run(
    experiment: str, profile: Profile = "laptop", only: Only = "", jobs: Jobs = 1,
    threads: Annotated[int, typer.Option(min=1, help="threads of each run")] = 1,
    backend: Annotated[str, typer.Option(help="processes, dask or ray")] = "processes",
    address: Annotated[str | None, typer.Option(help="of an existing cluster, e.g. tcp://host:8786")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan and the estimate, and run nothing")] = False,
) -> None:
    """Compute the runs of an experiment that no record holds; stop it at any time and call it again."""
    from dbp import runs

    with _one_line():
        chosen = _parse(only)
        states = runs.survey(experiment, profile, only=chosen)
        if dry_run:
            for state in states:
                typer.echo(f"{state.planned.key}  {state.status:8}{_describe(state.planned)}")
            return typer.echo(_summary(experiment, states, jobs))
        try:
            runs.ensure(experiment, profile, jobs=jobs, only=chosen, threads=threads, backend=backend, address=address)
        except KeyboardInterrupt:
            typer.echo("stopped; what is finished is recorded, call again to go on")
            raise typer.Exit(130) from None
        typer.echo(_summary(experiment, runs.survey(experiment, profile, only=chosen), jobs))


@app.command()
def status(
    profile: Profile = "laptop", jobs: Jobs = 1,
    networks: Annotated[bool, typer.Option("--networks", help="name the networks that finished runs build on")] = False,
) -> None:
    """Every experiment: what is done, running, failed, stale or missing, why, and the hours that are left."""
    from dbp import experiments, runs

    with _one_line():
        for name in experiments.NAMES:
            states = runs.survey(name, profile)
            typer.echo(_summary(name, states, jobs))
            for state in states:
                if state.status in ("stale", "failed"):
                    typer.echo(f"  {state.planned.key} {state.reason}")
                for need in state.record.needs if networks and state.record else ():
                    typer.echo(f"  {state.planned.key} builds on {need.experiment} {need.key}, weights {need.weights[:16]}")


@app.command()
def show(key: str) -> None:
    """One record whole, by the first digits of its key: what it builds on, and the traceback if the run failed."""
    import dataclasses
    import json

    from dbp import experiments, runs
    from dbp.runs.store import FAILED

    with _one_line():
        store = runs.Store()
        found = [record for name in experiments.NAMES for record in store.records(name) if record.key.startswith(key)]
        failed = [path for name in experiments.NAMES for path in (store.root / name).glob(f"{key}*{FAILED}")]
        found += [store.failure(path.parent.name, path.name.removesuffix(FAILED)) for path in failed]
        if len(found) != 1:
            raise ValueError(f"{len(found)} records begin with {key!r}, expected one")
    typer.echo(json.dumps(dataclasses.asdict(found[0]), indent=1))


@app.command()
def records(
    profile: Profile = "laptop",
    check: Annotated[bool, typer.Option("--check", help="exit 1 if a record is damaged or a file is no record")] = False,
) -> None:
    """List the records, and why a planned run has none; damaged files and strays are named, and nothing is changed."""
    from dbp import experiments, runs

    with _one_line():
        store = runs.Store()
        for name in experiments.NAMES:
            for record in store.records(name):
                typer.echo(f"{record.key}  {record.provenance.get('finished', ''):26}{name}  {_describe(record)}")
            for state in runs.survey(name, profile):
                if state.record is None:
                    typer.echo(f"missing {state.planned.key}  {name}, {profile}: {state.reason}")
        strays = store.strays()
        for path in strays:
            typer.echo(f"stray: {path}" + (" (left by a killed process; delete it)" if path.name.startswith(".") else ""))
    if check and strays:
        raise typer.Exit(1)


@app.command()
def refresh(
    experiment: str, profile: Profile = "laptop",
    sample: Annotated[int, typer.Option(min=1, help="stale records of each change that are run again")] = 1,
    only: Only = "",
) -> None:
    """Keep stale records whose code changed but whose results did not: a sample is run again and must agree to the bit."""
    from dbp import runs

    with _one_line():
        agreed, total = runs.refresh(experiment, profile, sample=sample, only=_parse(only))
    typer.echo(f"{total} stale records; {agreed} run again agree to the bit" + ("; all were kept" if agreed else ""))


@app.command()
def notebook(
    source: Path, output: Path, profile: Profile = "laptop",
    parameters: Annotated[str, typer.Option("-p", "--parameters", help="of the notebook, e.g. seed=1")] = "",
) -> None:
    """Execute a notebook by papermill; a parameter that it does not have is an error, not a remark."""
    import papermill

    from dbp.spelling import nearest

    with _one_line():
        source = source if source.suffix == ".ipynb" else source.with_suffix(".ipynb")
        given = {"profile": profile, **_parse(parameters)}
        known = papermill.inspect_notebook(str(source))
        for name in given:
            if name not in known:
                hint = f"there are {', '.join(known)}{nearest(name, known)}"
                raise ValueError(f"{source.name} has no parameter {name!r}; {hint}")
        papermill.execute_notebook(str(source), str(output), given, cwd=str(source.parent), kernel_name="python3")


@app.command()
def grade(
    folder: Path, profile: Profile = "laptop", jobs: Jobs = 1,
    limit: Annotated[float, typer.Option(help="seconds a notebook may take")] = 600.0,
    copies: Annotated[Path | None, typer.Option(help="the copies given out: run their checks, not the students'")] = None,
) -> None:
    """Print a CSV of the checks that each notebook below FOLDER/STUDENT passes; each runs in a process of its own."""
    import sys

    from dbp import grading

    with _one_line():
        rows = grading.grade(folder, profile, limit, copies, jobs, report=lambda line: typer.echo(line, err=True))
    grading.write_csv(rows, sys.stdout)


def _parse(only: str) -> dict:
    """`model=C,lambda=10` as a dict; values are read as YAML, so numbers are numbers. `lambda` is no name in Python: lam."""
    import yaml

    pairs = [pair.split("=", 1) for pair in only.split(",") if pair]
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"expected field=value, but found {pair[0]!r}")
    return {{"lambda": "lam"}.get(name.strip(), name.strip()): yaml.safe_load(value) for name, value in pairs}


def _describe(record) -> str:
    builds_on = [f"on {need.experiment} {need.key}" for need in record.needs]
    return " ".join([*(f"{name}={value}" for name, value in record.config.items()), *builds_on])


def _summary(name: str, states: list, jobs: int) -> str:
    from dbp.runs.status import STATUSES, seconds_left

    counts = {word: sum(state.status == word for state in states) for word in STATUSES}
    left = seconds_left(states, jobs)
    hours = "no record to estimate from" if left is None else f"about {left / 3600:.1f} hours left with {jobs} at once"
    return f"{name}: " + ", ".join(f"{count} {status}" for status, count in counts.items()) + f"; {hours}"


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn an expected error into one line on stderr and exit code 1."""
    try:
        yield
    except typer.Exit:
        raise
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        _fail(" ".join(str(error).split()))


def _fail(text: str) -> None:
    typer.echo(f"dbp: {text}", err=True)
    raise typer.Exit(1)
