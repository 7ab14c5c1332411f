"""`python -m dbp`: what a user types, and the one line that a slip gets."""

import dataclasses
import json

import nbformat
import pytest
from typer.testing import CliRunner

from dbp import runs
from dbp.cli import _parse, app
from dbp.runs import records
from dbp.runs.fingerprint import digest_of


@pytest.fixture
def dbp(store, toy, profile, monkeypatch):
    """Call the command line on the toy experiment; gives (exit code, output, errors)."""
    from dbp import profiles

    known = profiles.load
    monkeypatch.setattr(profiles, "load", lambda name: profile if name == "laptop" else known(name))

    def call(*words):
        answer = CliRunner().invoke(app, list(words))
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.exit_code, answer.stdout, answer.stderr

    return call


def test_dry_run_prints_the_plan_and_runs_nothing(dbp, store):
    code, output, _ = dbp("run", "toy", "--dry-run")
    lines = output.splitlines()
    assert code == 0 and len(lines) == 5 and all("missing" in line for line in lines)
    assert "seed=0" in lines[0] and lines[-1].endswith("no record to estimate from")
    assert not list(store.records("toy"))


def test_run_records_and_a_second_call_has_nothing_to_do(dbp, store):
    code, output, _ = dbp("run", "toy")
    assert code == 0 and "4/4" in output and "toy: 4 done, 0 running, 0 failed, 0 stale, 0 missing" in output
    code, output, _ = dbp("run", "toy")
    assert code == 0 and output.startswith("toy: 4 done") and len(list(store.records("toy"))) == 4


def test_only_takes_the_names_of_the_paper(dbp, store):
    assert dbp("run", "toy", "--only", "lambda=0.1,seed=1")[0] == 0
    assert [record.config["lam"] for record in store.records("toy")] == [0.1]


@pytest.mark.parametrize("words, message", [
    (["run", "toyy"], "no experiment named 'toyy'; there are toy (did you mean 'toy'?)"),
    (["run", "toy", "--profile", "smok"], "did you mean 'smoke'"),
    (["run", "toy", "--only", "modle=C"], "did you mean 'model'"),
    (["run", "toy", "--only", "seed=9"], "no planned run has seed=9; there are 0, 1"),
    (["run", "toy", "--only", "seed"], "expected field=value, but found 'seed'"),
    (["run", "toy", "--backend", "slurm"], "backend must be one of processes, dask, ray, but is 'slurm'"),
    (["status", "--profile", "smok"], "did you mean 'smoke'"),
    (["show", "abc"], "0 records begin with 'abc', expected one"),
])
def test_a_slip_gets_one_line(dbp, words, message):
    code, output, errors = dbp(*words)
    assert code == 1 and output == "" and message in errors and errors.startswith("dbp: ") and errors.count("\n") == 1


def test_failing_runs_end_in_one_line_and_exit_code_1(dbp, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "1")
    code, output, errors = dbp("run", "toy")
    assert code == 1 and "2 runs failed" in errors and errors.count("\n") == 1
    key = next(line.split()[1] for line in output.splitlines() if "failed:" in line)
    code, output, _ = dbp("show", key)
    assert code == 0 and "Traceback" in json.loads(output)["measures"]["error"]


def test_show_prints_a_record_by_its_first_digits(dbp, store):
    dbp("run", "toy", "--only", "seed=0,lam=0")
    record = next(store.records("toy"))
    code, output, _ = dbp("show", record.key[:6])
    assert code == 0 and json.loads(output) == json.loads(json.dumps(dataclasses.asdict(record)))


def test_status_and_show_name_the_networks_that_a_run_builds_on(dbp, store, toy, profile, monkeypatch):
    from dbp import experiments

    monkeypatch.setattr(experiments, "NAMES", ("toy", "toy_evaluation"))
    assert dbp("run", "toy_evaluation", "--only", "seed=0,lam=0,shift=0.1")[0] == 0
    record, network = next(store.records("toy_evaluation")), next(store.records("toy"))
    line = f"{record.key} builds on toy {network.key}, weights {network.weights[:16]}"
    assert line in dbp("status", "--networks")[1] and line not in dbp("status")[1]
    (need,) = json.loads(dbp("show", record.key)[1])["needs"]
    assert need == {"experiment": "toy", "key": network.key, "weights": network.weights}


def test_status_says_what_is_stale_and_which_function_changed(dbp, store, toy):
    dbp("run", "toy")
    record = next(store.records("toy"))
    functions = store.functions(record.code) | {"toy_experiment.points": "older"}
    store.write(dataclasses.replace(record, code=digest_of(functions)), functions)
    code, output, _ = dbp("status")
    assert code == 0 and "toy: 3 done, 0 running, 0 failed, 1 stale, 0 missing; about 0.0 hours left" in output
    assert f"{record.key} stale: it was made before a change of toy_experiment.points" in output
    code, output, _ = dbp("refresh", "toy")
    assert code == 0 and "1 stale records; 1 run again agree to the bit; all were kept" in output
    assert "toy: 4 done" in dbp("status")[1]


def test_records_lists_checks_and_explains(dbp, store):
    dbp("run", "toy", "--only", "seed=0")
    (store.root / "toy" / "notes.txt").write_text("?")
    code, output, _ = dbp("records")
    assert code == 0 and "stray: " in output and "notes.txt" in output
    assert output.count("never run") == 2 and output.count("lam=") == 2
    assert dbp("records", "--check")[0] == 1
    (store.root / "toy" / "notes.txt").unlink()
    assert dbp("records", "--check")[0] == 0


def test_records_names_a_damaged_one_and_leaves_it(dbp, store):
    dbp("run", "toy", "--only", "seed=0,lam=0")
    path = next((store.root / "toy").iterdir())
    path.write_text(path.read_text().replace("history", "hystory"))
    code, output, errors = dbp("records", "--check")
    assert code == 1 and "is damaged" in errors and "its record is damaged" in output and f"stray: {path}" in output
    assert path.is_file() and list(path.parent.iterdir()) == [path]


def test_records_of_a_newer_schema_are_one_line(dbp, store, monkeypatch):
    record = records.Record("toy", {}, "data", (), digest_of({}), {}, {}, schema=records.SCHEMA + 1)
    store.write(record, {})
    code, _, errors = dbp("records")
    assert code == 1 and "has the schema 3" in errors and errors.count("\n") == 1


def test_ctrl_c_says_how_to_go_on(dbp, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "ensure", interrupted)
    code, output, _ = dbp("run", "toy")
    assert code == 130 and "call again to go on" in output


def test_values_of_only_are_numbers_where_they_look_like_it():
    assert _parse("model=C, lambda=10,eps=0.1") == {"model": "C", "lam": 10, "eps": 0.1} and _parse("") == {}


@pytest.fixture
def page(tmp_path):
    """A notebook with the parameters of a chapter."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": ""}})
    book.cells = [nbformat.v4.new_code_cell('profile = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}),
                  nbformat.v4.new_code_cell("print(profile, seed)")]
    nbformat.write(book, tmp_path / "page.ipynb")
    return tmp_path / "page.ipynb"


def test_notebook_refuses_a_parameter_that_it_does_not_have(dbp, page, tmp_path):
    code, _, errors = dbp("notebook", str(page), str(tmp_path / "out.ipynb"), "-p", "sed=1")
    assert code == 1 and "page.ipynb has no parameter 'sed'; there are profile, seed (did you mean 'seed'?)" in errors
    assert not (tmp_path / "out.ipynb").exists()


def test_notebook_is_executed_with_its_parameters(dbp, page, tmp_path):
    code, _, errors = dbp("notebook", str(page), str(tmp_path / "out.ipynb"), "--profile", "smoke", "-p", "seed=3")
    executed = nbformat.read(tmp_path / "out.ipynb", 4)
    assert code == 0, errors
    assert executed.cells[-1].outputs[0].text == "smoke 3\n"
