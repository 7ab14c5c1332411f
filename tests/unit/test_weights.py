"""`dbp.runs.weights`: small enough for a repository, and never another run's."""

import dataclasses

import pytest
import torch

from dbp.files import Damaged, digest_of_tensors
from dbp.runs import weights
from dbp.runs.records import Record

RUN = Record("toy", {"seed": 0}, "data", (), "0" * 16, {"clean": 0.9}, {})


@pytest.fixture
def model():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.nn.init.uniform_(model[0].weight, generator=torch.Generator().manual_seed(0))
    return model


def test_committed_weights_come_back_to_half_precision(tmp_path, model):
    path = weights.export(RUN, model.state_dict(), tmp_path)
    assert path == tmp_path / "toy" / f"{RUN.key}.safetensors"
    found = weights.committed(RUN, tmp_path)
    model.load_state_dict(found)
    original = found["0.weight"]
    assert original.dtype == torch.float32 and found["1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(original, original.half().float())


def test_half_precision_costs_less_than_a_thousandth(tmp_path, model):
    before = model.state_dict()["0.weight"].clone()
    weights.export(RUN, model.state_dict(), tmp_path)
    after = weights.committed(RUN, tmp_path)["0.weight"]
    assert 0 < ((after - before).abs() / before.abs()).max() < 1e-3


def test_weights_of_a_run_with_other_measures_are_refused(tmp_path, model):
    weights.export(RUN, model.state_dict(), tmp_path)
    with pytest.raises(Damaged, match="expected those of toy"):
        weights.committed(dataclasses.replace(RUN, measures={"clean": 0.8}), tmp_path)


def test_weights_of_another_run_under_this_name_are_refused(tmp_path, model):
    other = dataclasses.replace(RUN, config={"seed": 1})
    weights.export(other, model.state_dict(), tmp_path).rename(tmp_path / "toy" / f"{RUN.key}.safetensors")
    with pytest.raises(Damaged, match="expected those of toy"):
        weights.committed(RUN, tmp_path)


def test_none_were_committed(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no weights of {RUN.key}"):
        weights.committed(RUN, tmp_path)


def test_weight_beyond_half_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'w' of .* does not fit float16: it reaches 100000"):
        weights.export(RUN, {"w": torch.tensor([1e5, -2.0])}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_and_the_folder_stay_small(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="the file would take 5.0 MB, at most 4 MB"):
        weights.export(RUN, {"w": torch.zeros(2_500_000)}, tmp_path)
    monkeypatch.setattr(weights, "LARGEST_FOLDER", 10_000)
    weights.export(RUN, {"w": torch.zeros(3_000)}, tmp_path)
    weights.export(RUN, {"w": torch.zeros(3_000)}, tmp_path)  # in the place of itself
    with pytest.raises(ValueError, match="the folder would take"):
        weights.export(dataclasses.replace(RUN, config={}), {"w": torch.zeros(3_000)}, tmp_path)


def test_kept_weights_are_those_that_the_record_names(store, model):
    run = dataclasses.replace(RUN, weights=digest_of_tensors(model.state_dict()))
    assert weights.kept(run) is None
    path = weights.keep(run, model.state_dict())
    assert torch.equal(weights.kept(run)["0.weight"], model.state_dict()["0.weight"])
    assert weights.kept(dataclasses.replace(run, weights="f" * 64)) is None  # of another training of the same run
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert weights.kept(run) is None


def test_a_loaded_network_is_in_evaluation_mode(model):
    assert weights.load_into(model.train(), model.state_dict()).training is False
