"""`dbp.runs.checkpoints`: a state comes back as it was, or not at all."""

import dataclasses
import os

import pytest
import torch

from dbp.files import Damaged, cache_folder, read_tensors, set_aside, write_bytes, write_tensors
from dbp.runs.checkpoints import Checkpoint

TENSORS = {
    "model.weight": torch.tensor([[1.5, -2.0], [0.1, float("inf")]]),
    "optimizer.0.step": torch.tensor(3.0),
    "generator": torch.arange(7, dtype=torch.uint8),
    "empty": torch.zeros(0, 4),
}
META = {"history": [{"epoch": 0, "loss": 0.1 + 0.2}]}


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "deep" / "run.safetensors", "0123")


def test_state_comes_back_to_the_bit(checkpoint):
    checkpoint.save(TENSORS, META)
    tensors, meta = checkpoint.load()
    assert meta == META and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items())


def test_views_and_shared_tensors_can_be_kept(checkpoint):
    whole = torch.arange(6.0)
    checkpoint.save({"a": whole[::2], "b": whole, "c": whole}, {})
    assert checkpoint.load()[0]["a"].tolist() == [0, 2, 4]


def test_the_same_state_makes_the_same_file(checkpoint):
    bodies = set()
    for _ in range(8):  # safetensors alone writes `meta` before or after `sha256`, by chance
        checkpoint.save(TENSORS, META)
        bodies.add(checkpoint.path.read_bytes())
    assert len(bodies) == 1
    (body,) = bodies
    assert int.from_bytes(body[:8], "little") % 8 == 0, "the tensors must begin at a multiple of 8 bytes"


def test_nothing_was_saved(checkpoint):
    assert checkpoint.load() is None
    checkpoint.delete()


def test_last_save_counts_and_no_other_file_stays(checkpoint):
    checkpoint.save(TENSORS, {"epoch": 1})
    checkpoint.save(TENSORS, {"epoch": 2})
    assert checkpoint.load()[1] == {"epoch": 2}
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["run.safetensors"]


def test_state_that_other_code_left_is_not_continued(checkpoint, capsys):
    checkpoint.save(TENSORS, META)
    assert dataclasses.replace(checkpoint, code="4567").load() is None
    assert "was left by other code (0123, now 4567); starting afresh" in capsys.readouterr().err
    assert checkpoint.load() is not None


def test_delete_takes_what_a_killed_process_left(checkpoint):
    checkpoint.save(TENSORS, META)
    (checkpoint.path.parent / ".run.safetensors.123-abcd.tmp").write_bytes(b"half")
    (checkpoint.path.parent / ".other.safetensors.123-abcd.tmp").write_bytes(b"another run's")
    checkpoint.delete()
    assert [path.name for path in checkpoint.path.parent.iterdir()] == [".other.safetensors.123-abcd.tmp"]


@pytest.mark.parametrize("damage", [
    lambda body: body[:-1],
    lambda body: body[:20],
    lambda body: b"",
    lambda body: body[:-3] + bytes([body[-3] ^ 1]) + body[-2:],
    lambda body: body.replace(b"0.30000000000000004", b"0.30000000000000005"),
    lambda body: body.replace(b"model.weight", b"model.waight"),
], ids=["a byte short", "cut in the header", "emptied", "a bit of a tensor", "a digit of the history", "a tensor's name"])
def test_damaged_file_is_named_set_aside_and_counts_as_nothing(checkpoint, damage, capsys):
    checkpoint.save(TENSORS, META)
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    assert checkpoint.load() is None
    assert "run.safetensors is damaged" in capsys.readouterr().err
    assert not checkpoint.path.exists()
    assert len(list(checkpoint.path.parent.glob("run.safetensors.*.damaged"))) == 1


def test_reading_names_the_damaged_file(tmp_path):
    write_tensors(tmp_path / "a", TENSORS, {})
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes() + b"x")
    with pytest.raises(Damaged, match=r"a is damaged"):
        read_tensors(tmp_path / "a")


def test_meta_that_is_not_json_writes_nothing(checkpoint):
    with pytest.raises(ValueError):
        checkpoint.save(TENSORS, {"loss": float("nan")})
    assert checkpoint.load() is None


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a", b"old")

    def full(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_of_two_processes_that_set_a_file_aside_one_finds_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"damaged")
    assert set_aside(tmp_path / "a").read_bytes() == b"damaged"
    assert set_aside(tmp_path / "a") is None


def test_cache_is_where_dbp_cache_says(monkeypatch, tmp_path):
    monkeypatch.setenv("DBP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("DBP_CACHE")
    assert cache_folder().name == "dbp"
