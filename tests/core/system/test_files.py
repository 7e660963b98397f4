"""A file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from core.errors import UserError
from core.system.files import remove_parts, write_atomically, write_json, write_text


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


def test_parts_that_a_killed_process_left_are_removed(tmp_path: Path) -> None:
    path, other = tmp_path / "a[1].pt", tmp_path / ".b.pt.x.part"
    mine, fresh = tmp_path / ".a[1].pt.x.part", tmp_path / ".a[1].pt.y.part"
    for part in (mine, fresh, other):
        part.write_bytes(b"half")
    long_ago = time.time() - 7200
    for part in (mine, other):
        os.utime(part, (long_ago, long_ago))
    write_atomically(path, pour)
    # One that may still be written, and those of other files, are left alone.
    assert set(tmp_path.iterdir()) == {path, fresh, other}
    remove_parts(tmp_path, path.name)
    assert set(tmp_path.iterdir()) == {path, other}


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
