"""A file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import BinaryIO

import pytest

from core.errors import UserError
from core.system import files
from core.system.files import write_atomically, write_json, write_text


def pour(stream: BinaryIO) -> None:
    stream.write(b"new")


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(stream: BinaryIO) -> None:
        stream.write(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="no space left on device"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_text_and_json_are_written_whole_too(tmp_path: Path) -> None:
    path, data = tmp_path / "file", {"name": "Größe", "widths": [1, 2.5, None]}
    write_text(path, "Größe\n")
    assert path.read_bytes() == "Größe\n".encode()
    for compact in (True, False):
        write_json(path, data, compact=compact)
        text = path.read_text(encoding="utf-8")
        assert json.loads(text) == data and ("\n" in text) is not compact
    with pytest.raises(TypeError):
        write_json(path, {"bad": object()})
    assert path.read_text(encoding="utf-8") == text and list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="no such file"):
        write_json(tmp_path / "missing" / "file", data)


def test_a_hash_taken_elsewhere_is_believed_until_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    path.write_bytes(b"one")
    assert files.known_hash(path) is None and files.known_hash(tmp_path / "none") is None
    digest = files.sha256_of(path)
    told = json.loads(json.dumps(files.known_hash(path)))
    monkeypatch.setattr(files, "_hashes", {})  # as in another process
    monkeypatch.setattr(files.hashlib, "file_digest", None)
    files.believe(path, told)
    assert files.sha256_of(path) == digest
    monkeypatch.undo()
    path.write_bytes(b"other")
    files.believe(path, told)
    assert files.known_hash(path) is None
    assert files.sha256_of(path) == hashlib.sha256(b"other").hexdigest()


def test_few_hashes_are_kept(tmp_path):
    for number in range(40):
        path = tmp_path / str(number)
        path.write_bytes(b"x")
        files.sha256_of(path)
    assert len(files._hashes) <= files._MOST_HASHES
    assert files.known_hash(path) is not None
