"""Records and their store: what is written comes back whole, what is not whole is not used, and reading changes nothing."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from dbp import runs
from dbp.runs import Store
from dbp.runs import store as stores
from dbp.runs.fingerprint import digest_of
from dbp.runs.records import Need, Record, canonical, functions_of, planned

FUNCTIONS = {"toy.run": "abc"}
BASE = Record("toy", {"lam": 1.0, "seed": 0}, "data", (), digest_of(FUNCTIONS), {"clean": 0.1 + 0.2, "history": [{"a": 1}]},
              {"wall_seconds": 1.0, "finished": "2026-01-01"}, "0" * 64)
ON_TOP = dataclasses.replace(BASE, experiment="above", needs=(Need("toy", BASE.key, "0" * 64),), weights=None)


def write(store, record=BASE):
    return store.write(record, FUNCTIONS)


def _edit(path, **changes):
    """Change a record's content and put its checksum right, as another version of the library would write it."""
    import hashlib

    content = json.loads(path.read_bytes()) | changes
    content.pop("sha256")
    content["sha256"] = hashlib.sha256(canonical(content).encode()).hexdigest()
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def test_record_comes_back_to_the_bit(store):
    path = write(store)
    assert path.name == f"{BASE.key}.json" and path.parent.name == "toy"
    assert store.read("toy", BASE.key) == BASE


@pytest.mark.parametrize("change", [
    {"config": {"lam": 1.0, "seed": 1}}, {"data": "other"}, {"experiment": "other"},
    {"needs": (Need("toy", "0123456789abcdef", None),)},
])
def test_key_depends_on_what_is_run(change):
    assert dataclasses.replace(BASE, **change).key != BASE.key


def test_key_depends_on_nothing_else_and_not_on_the_code():
    other = dataclasses.replace(BASE, measures={}, provenance={}, config={"seed": 0, "lam": 1.0}, code="f" * 16, weights="1")
    assert other.key == BASE.key


def test_key_names_what_a_run_builds_on_but_not_its_weights():
    retrained = dataclasses.replace(ON_TOP, needs=(Need("toy", BASE.key, "1" * 64),))
    assert retrained.key == ON_TOP.key != dataclasses.replace(ON_TOP, needs=()).key


def test_keys_of_known_records_stay():  # an orphaned store is hours of computing lost
    assert (BASE.key, ON_TOP.key) == ("23454186624478e9", "c36cad4faf8f5f88")


def test_record_of_a_run_on_top_of_another_comes_back(store):
    write(store, ON_TOP)
    assert store.read("above", ON_TOP.key) == ON_TOP


def test_code_is_kept_once_for_all_records_that_it_made(store):
    write(store)
    write(store, dataclasses.replace(BASE, config={"lam": 2.0}))
    assert [path.name for path in (store.root / "code").iterdir()] == [f"{BASE.code}.json"]
    assert store.functions(BASE.code) == FUNCTIONS and store.functions("f" * 16) == {}
    with pytest.raises(ValueError, match=f"functions must have the digest {BASE.code}"):
        store.write(BASE, {"toy.run": "abd"})


def test_code_of_no_record_is_a_stray(store):
    write(store)
    (store.root / "code" / "0123456789abcdef.json").write_text("{}")
    assert [path.name for path in store.strays()] == ["0123456789abcdef.json"]


def test_nothing_is_not_an_error(store):
    assert store.read("toy", BASE.key) is None and list(store.records("toy")) == [] and store.strays() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("nan")], numpy.float32(1), object()])
def test_measure_that_is_no_number_is_refused_by_name(store, value):
    with pytest.raises(ValueError, match="the measure 'robust' cannot be recorded"):
        write(store, dataclasses.replace(BASE, measures={"clean": 1.0, "robust": value}))
    assert store.read("toy", BASE.key) is None


@pytest.mark.parametrize("damage", [
    lambda text: text.replace("0.30000000000000004", "0.30000000000000009"),
    lambda text: text.replace('"lam": 1.0', '"lam": 2.0'),
    lambda text: text[:-30],
    lambda text: "",
    lambda text: "[]",
    lambda text: text.replace("0.30000000000000004", "NaN"),
], ids=["a digit", "the configuration", "cut short", "emptied", "a list", "NaN"])
def test_damaged_record_is_named_counts_as_missing_and_stays_until_it_is_replaced(store, damage, capsys):
    path = write(store)
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    assert store.read("toy", BASE.key) is None and list(store.records("toy")) == []
    message = capsys.readouterr().err.splitlines()
    assert len(message) == 2 and str(path) in message[0] and "is damaged" in message[0] and "missing" in message[0]
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path] and store.strays()[-1] == path
    write(store)
    assert store.read("toy", BASE.key) == BASE and store.strays() == []


@pytest.mark.parametrize("rewrite", [
    lambda body: body.replace(b"\n", b"\r\n"),
    lambda body: body.replace(b"\n ", b"\n\t"),
    lambda body: json.dumps(json.loads(body)).encode(),
], ids=["line endings", "indentation", "one line"])
def test_record_is_its_content_whatever_an_editor_or_git_does_to_the_white_space(store, rewrite):
    path = write(store)
    path.write_bytes(rewrite(path.read_bytes()))
    assert store.read("toy", BASE.key) == BASE and store.strays() == []


def test_record_under_another_name_counts_as_none_and_is_a_stray(store):
    path = write(store)
    other = path.rename(path.with_name("0123456789abcdef.json"))
    assert list(store.records("toy")) == [] and other in store.strays()


def test_newer_schema_is_a_plain_error_and_the_file_stays(store):
    path = write(store)
    _edit(path, schema=3, invented="later")
    with pytest.raises(ValueError, match="has the schema 3, but this library reads up to 2: update dbp"):
        store.read("toy", BASE.key)
    assert path.exists()


def test_unknown_field_is_a_plain_error_and_the_file_stays(store):
    path = write(store)
    _edit(path, invented="later")
    with pytest.raises(ValueError, match="another version of dbp.*invented"):
        store.read("toy", BASE.key)
    assert path.exists()


def test_success_removes_the_failure(store):
    failed = dataclasses.replace(BASE, status="failed", measures={"error": "Traceback"})
    write(store, failed)
    assert store.failure("toy", BASE.key) == failed
    assert store.read("toy", BASE.key) is None and list(store.records("toy")) == []
    write(store)
    assert store.failure("toy", BASE.key) is None
    assert [path.name for path in (store.root / "toy").iterdir()] == [f"{BASE.key}.json"]


def test_strays_are_reported_and_not_read(store):
    write(store)
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
        list(pool.map(lambda record: write(store, record), versions))
    assert store.read("toy", BASE.key) in versions
    assert len(list((store.root / "toy").iterdir())) == 1


def test_records_of_the_wheel_are_found_and_a_damaged_one_stays_where_it_is(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stores, "SHIPPED", tmp_path / "_records")
    path = write(Store(tmp_path / "_records"))
    assert store.read("toy", BASE.key) == BASE and [r.key for r in store.records("toy")] == [BASE.key]
    path.write_text(path.read_text().replace("0.3", "0.4"))
    assert store.read("toy", BASE.key) is None
    assert path.exists() and "counts as missing" in capsys.readouterr().err


def test_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DBP_RECORDS", str(tmp_path / "mine"))
    assert Store().root == tmp_path / "mine"


def test_load_gives_a_row_a_run_that_is_on_record(store, toy, profile):
    configs = toy.plan(profile)
    for config, weight in zip(configs[:2], (1.0, 2.0), strict=True):
        record = dataclasses.replace(planned(toy, config), measures={"weight": weight}, provenance={"device": "cpu"})
        store.write(record, functions_of(toy, config))
    table = runs.load("toy", profile)
    assert table[["seed", "lam", "weight", "device"]].values.tolist() == [[0, 0.0, 1.0, "cpu"], [0, 0.1, 2.0, "cpu"]]
    assert table["key"].tolist() == [planned(toy, config).key for config in configs[:2]]


def test_load_of_an_unknown_experiment_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'l1_penalty'"):
        runs.load("l1_penalti")
