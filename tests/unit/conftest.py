"""What the tests of records and sweeps share."""

import pytest

from dbp import profiles


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store, the default one of this test and its workers, with a cache of its own."""
    from dbp.runs.records import Store

    monkeypatch.setenv("DBP_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    return Store()


@pytest.fixture
def toy(monkeypatch):
    """The toy experiment, known to the package under its name."""
    import toy_experiment

    from dbp import experiments

    known = experiments.get
    monkeypatch.setattr(experiments, "NAMES", ("toy",))
    monkeypatch.setattr(experiments, "get", lambda name: toy_experiment if name == "toy" else known(name))
    return toy_experiment


@pytest.fixture
def profile():
    """The smoke profile: four runs of the toy, two seeds by two lambdas."""
    import toy_experiment

    return toy_experiment.scaled(profiles.load("smoke"), 2)
