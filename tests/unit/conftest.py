"""What the tests of records and sweeps share."""

import pytest

from dbp import profiles


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store, the default one of this test and its workers, with a cache of its own."""
    from dbp.runs import Store

    monkeypatch.setenv("DBP_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    return Store()


@pytest.fixture
def toy(monkeypatch):
    """The toy experiments, known to the package under their names."""
    import toy_evaluation
    import toy_experiment

    from dbp import experiments

    known, toys = experiments.get, {"toy": toy_experiment, "toy_evaluation": toy_evaluation}
    monkeypatch.setattr(experiments, "NAMES", ("toy",))
    monkeypatch.setattr(experiments, "get", lambda name: toys[name] if name in toys else known(name))
    return toy_experiment


@pytest.fixture
def fresh_workers():
    """No worker is left of an earlier sweep, which would not see the environment of this test."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def profile():
    """The smoke profile: four runs of the toy, two seeds by two lambdas."""
    import toy_experiment

    return toy_experiment.scaled(profiles.load("smoke"), 2)
