"""What `dbp.files` promises about writing: whole or not at all, and one clear line where the system refuses."""

import errno
import os

import pytest

from dbp.files import Damaged, Unwritable, require_md5, whole_file, write_bytes


def refuse(number):
    def refused(*arguments, **options):
        raise OSError(number, os.strerror(number))
    return refused


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO])
@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "builtins.open", "pathlib.Path.mkdir"])
def test_a_refusal_names_the_file_and_the_reason_and_leaves_nothing_behind(tmp_path, monkeypatch, call, number):
    folder = tmp_path / "new"
    if call != "pathlib.Path.mkdir":
        write_bytes(folder / "a.json", b"old")
    monkeypatch.setattr(call, refuse(number))
    with pytest.raises(Unwritable) as caught:
        write_bytes(folder / "a.json", b"new")
    monkeypatch.undo()
    assert str(caught.value) == f"cannot write {folder / 'a.json'}: {os.strerror(number)}"
    if call != "pathlib.Path.mkdir":
        assert (folder / "a.json").read_bytes() == b"old" and len(list(folder.iterdir())) == 1


def test_a_disk_that_fills_while_it_is_written_is_named(tmp_path):
    with pytest.raises(Unwritable, match="a.npy: No space left on device"):
        with whole_file(tmp_path / "a.npy") as file:
            file.write(b"half")
            refuse(errno.ENOSPC)()
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_block_pass_and_leave_nothing_behind(tmp_path):
    with pytest.raises(KeyError):
        with whole_file(tmp_path / "a.npy") as file:
            file.write(b"half")
            raise KeyError("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["a.json", "deeper/a.json"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, inside):
    (tmp_path / "records").write_bytes(b"")
    with pytest.raises(Unwritable, match="records/.*a.json: Not a directory"):
        write_bytes(tmp_path / "records" / inside, b"{}")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(Unwritable, match="a.json: Is a directory"):
        write_bytes(tmp_path / "a.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(Unwritable, match="a.json: Permission denied"):
        write_bytes(tmp_path / "a.json", b"{}")


def test_a_published_file_passes_and_another_is_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"abc")
    require_md5(tmp_path / "a.zip", "900150983cd24fb0d6963f7d28e17f72")  # RFC 1321
    (tmp_path / "a.zip").write_bytes(b"ab")
    with pytest.raises(Damaged, match="a.zip is damaged or not the published file .MD5 187ef4436122d1cc2f40dc2b92f0eba0"):
        require_md5(tmp_path / "a.zip", "900150983cd24fb0d6963f7d28e17f72")
