"""A journal cut off anywhere opens again with all its whole lines."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from core.errors import UserError
from core.system.journal import Journal, read_journal

ROOT = Path(__file__).resolve().parents[3]
RECORDS = [{"block": n, "map50_95": n / 7, "text": "é\n"} for n in range(3)]


def filled(path):
    with Journal(path, "test") as journal:
        for record in RECORDS:
            journal.append(record)
    return path.read_bytes()


def test_cut_off_anywhere_it_goes_on_to_the_same_file(tmp_path):
    whole = filled(tmp_path / "whole")
    for cut in range(len(whole) + 1):
        path = tmp_path / "cut"
        path.write_bytes(whole[:cut])
        with Journal(path, "test") as journal:
            kept = [r for r in journal.records if "block" in r]
            assert kept == RECORDS[: len(kept)]
            for record in RECORDS[len(kept) :]:
                journal.append(record)
        assert path.read_bytes() == whole
        assert read_journal(path, "test")[1:] == RECORDS


@pytest.mark.parametrize(
    "content", [b"\x80\x02}q\x00", b"{}\n", b"hello\nworld\n", b'{"secateur": "steps"}\n', b"[1]\n"]
)
def test_a_file_of_something_else_is_left_alone(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a file of this kind"):
        Journal(path, "test")
    assert path.read_bytes() == content


def test_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "new"
    path.write_text(json.dumps({"secateur": "test", "version": 99}) + "\n")
    with pytest.raises(UserError, match="newer"):
        Journal(path, "test")


def test_two_processes_do_not_write_one_file(tmp_path):
    path = tmp_path / "busy"
    code = (
        "from pathlib import Path; from core.system.journal import Journal; "
        f"Journal(Path({str(path)!r}), 'test')"
    )
    with Journal(path, "test"):
        other = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
    assert "is being written by another" in other.stderr


def test_a_process_that_is_killed_lets_go_of_its_file(tmp_path):
    path = tmp_path / "held"
    code = (
        "from pathlib import Path; from core.system.journal import Journal; "
        f"j = Journal(Path({str(path)!r}), 'test'); j.append({{'block': 0}}); "
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        os.utime(path, (0, 0))  # held for as long as it lives, however old
        with pytest.raises(UserError, match="is being written by another"):
            Journal(path, "test")
        assert len(read_journal(path, "test")) == 2
        other.kill()
    with Journal(path, "test") as journal:
        assert len(journal.records) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_locks_is_written_to(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    assert len(filled(tmp_path / "file").splitlines()) == 1 + len(RECORDS)


def test_a_full_disk_is_one_sentence_and_the_file_stays_whole(tmp_path):
    path = tmp_path / "full"
    with Journal(path, "test") as journal:
        journal.append(RECORDS[0])
        size = path.stat().st_size
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
        try:
            with pytest.raises(UserError, match="Could not write"):
                journal.append(RECORDS[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
        journal.append(RECORDS[1])
    assert read_journal(path, "test")[1:] == RECORDS[:2]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="permission denied"):
        Journal(tmp_path / "no", "test")


def test_a_missing_folder(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Journal(tmp_path / "none" / "file", "test")
