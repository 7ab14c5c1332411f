"""`dbp.runs.records`: what is written comes back whole, and what is not whole is not used."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from dbp.runs import records
from dbp.runs.records import Record, Store

BASE = Record("toy", {"lam": 1.0, "seed": 0}, "data", {"toy.run": "abc"}, {"clean": 0.1 + 0.2, "history": [1, 2]},
              {"wall_seconds": 1.0, "finished": "2026-01-01"})


def _edit(path, **changes):
    """Change a record's content and put its checksum right, as another version of the library would write it."""
    import hashlib

    content = json.loads(path.read_bytes()) | changes
    content.pop("sha256")
    content["sha256"] = hashlib.sha256(records._canonical(content).encode()).hexdigest()
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def test_record_comes_back_to_the_bit(store):
    path = store.write(BASE)
    assert path.name == f"{BASE.key}.json" and path.parent.name == "toy"
    assert store.read("toy", BASE.key) == BASE


@pytest.mark.parametrize("change", [
    {"config": {"lam": 1.0, "seed": 1}}, {"data": "other"}, {"code": {"toy.run": "abd"}}, {"experiment": "other"},
])
def test_key_depends_on_what_determines_the_result(change):
    assert dataclasses.replace(BASE, **change).key != BASE.key


def test_key_depends_on_nothing_else():
    other = dataclasses.replace(BASE, measures={}, provenance={}, config={"seed": 0, "lam": 1.0})
    assert other.key == BASE.key


def test_key_of_a_known_record_stays():
    assert BASE.key == "108139846908df54"  # an orphaned store is hours of computing lost


def test_nothing_is_not_an_error(store):
    assert store.read("toy", BASE.key) is None and list(store.records("toy")) == [] and store.strays() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("nan")], numpy.float32(1), object()])
def test_measure_that_is_no_number_is_refused_by_name(store, value):
    with pytest.raises(ValueError, match="the measure 'robust' cannot be recorded"):
        store.write(dataclasses.replace(BASE, measures={"clean": 1.0, "robust": value}))
    assert store.read("toy", BASE.key) is None


@pytest.mark.parametrize("damage", [
    lambda text: text.replace("0.30000000000000004", "0.30000000000000005"),
    lambda text: text.replace('"lam": 1.0', '"lam": 2.0'),
    lambda text: text.replace("\n ", "\n\t", 1),
    lambda text: text[:-30],
    lambda text: "",
    lambda text: "[]",
    lambda text: text.replace("0.30000000000000004", "NaN"),
], ids=["a digit", "the configuration", "white space", "cut short", "emptied", "a list", "NaN"])
def test_damaged_record_is_set_aside_and_named(store, damage, capsys):
    path = store.write(BASE)
    path.write_text(damage(path.read_text()))
    assert store.read("toy", BASE.key) is None
    aside = list(path.parent.glob("*.damaged"))
    assert len(aside) == 1 and not path.exists()
    message = capsys.readouterr().err
    assert f"{BASE.key}.json is damaged" in message and aside[0].name in message
    assert store.strays() == aside
    store.write(BASE)
    assert store.read("toy", BASE.key) == BASE


def test_record_under_another_name_is_set_aside(store):
    path = store.write(BASE)
    path.rename(path.with_name("0123456789abcdef.json"))
    assert list(store.records("toy")) == []
    assert [stray.suffix for stray in store.strays()] == [".damaged"]


def test_record_that_was_written_anew_while_the_damaged_one_was_read_is_kept(store, monkeypatch):
    path = store.write(BASE)
    sound = path.read_bytes()
    path.write_bytes(sound[:50])
    set_aside = records.set_aside

    def slow(damaged):
        damaged.write_bytes(sound)  # another process was quicker
        return set_aside(damaged)

    monkeypatch.setattr(records, "set_aside", slow)
    assert store.read("toy", BASE.key) == BASE
    assert path.is_file() and store.strays() == []


def test_newer_schema_is_a_plain_error_and_the_file_stays(store):
    path = store.write(BASE)
    _edit(path, schema=2, invented="later")
    with pytest.raises(ValueError, match="has the schema 2, but this library reads up to 1: update dbp"):
        store.read("toy", BASE.key)
    assert path.exists()


def test_unknown_field_is_a_plain_error_and_the_file_stays(store):
    path = store.write(BASE)
    _edit(path, invented="later")
    with pytest.raises(ValueError, match="another version of dbp.*invented"):
        store.read("toy", BASE.key)
    assert path.exists()


def test_success_removes_the_failure(store):
    failed = dataclasses.replace(BASE, status="failed", measures={"error": "Traceback"})
    store.write(failed)
    assert store.failure("toy", BASE.key) == failed
    assert store.read("toy", BASE.key) is None and list(store.records("toy")) == []
    store.write(BASE)
    assert store.failure("toy", BASE.key) is None
    assert [path.name for path in (store.root / "toy").iterdir()] == [f"{BASE.key}.json"]


def test_strays_are_reported_and_not_read(store):
    store.write(BASE)
    folder = store.root / "toy"
    names = [f".{BASE.key}.json.1-2.tmp", "notes.txt", "short.json"]
    for name in names[:2]:
        (folder / name).write_text("{}")
    (store.root / "README").write_text("?")
    assert {path.name for path in store.strays()} == {*names[:2], "README"}
    assert [record.key for record in store.records("toy")] == [BASE.key]


def test_two_writers_of_one_key_leave_one_sound_record(store):
    versions = [dataclasses.replace(BASE, provenance={"wall_seconds": float(n)}) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.write, versions))
    assert store.read("toy", BASE.key) in versions
    assert len(list((store.root / "toy").iterdir())) == 1


def test_records_of_the_wheel_are_found_and_a_damaged_one_stays_where_it_is(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "_records")
    path = Store(tmp_path / "_records").write(BASE)
    assert store.read("toy", BASE.key) == BASE and [r.key for r in store.records("toy")] == [BASE.key]
    path.write_text(path.read_text().replace("0.3", "0.4"))
    assert store.read("toy", BASE.key) is None
    assert path.exists() and "not used" in capsys.readouterr().err


def test_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DBP_RECORDS", str(tmp_path / "mine"))
    assert Store().root == tmp_path / "mine"


def test_load_gives_a_row_a_run_that_is_on_record(store, toy, profile):
    configs = toy.plan(profile)
    for config, weight in zip(configs[:2], (1.0, 2.0), strict=True):
        planned = records.planned(toy, config)
        store.write(dataclasses.replace(planned, measures={"weight": weight}, provenance={"device": "cpu"}))
    table = records.load("toy", profile)
    assert table[["seed", "lam", "weight", "device"]].values.tolist() == [[0, 0.0, 1.0, "cpu"], [0, 0.1, 2.0, "cpu"]]
    assert table["key"].tolist() == [records.key_of(toy, config) for config in configs[:2]]


def test_load_of_an_unknown_experiment_names_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'l1_penalty'"):
        records.load("l1_penalti")
