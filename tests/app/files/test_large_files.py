"""Files that take long to read are not read on the window's thread."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.engine.thread import Background
from app.files.dropped import sort_dropped
from core.errors import UserError
from core.system.budget import GLANCE


def of_size(path: Path, size: int) -> str:
    path.write_bytes(b"x" * size)
    return str(path)


@pytest.mark.parametrize("size", [0, 1, GLANCE.size, GLANCE.size + 1, 5 << 20])
@pytest.mark.parametrize("error", [None, UserError("Not this one.")])
def test_large_files_are_read_on_the_thread(size, error, qtbot, tmp_path):
    background = Background()
    where, told = [], []

    def read() -> int:
        where.append(threading.current_thread())
        if error is not None:
            raise error
        return 7

    try:
        path = of_size(tmp_path / "a", size)
        background.read(path, read, told.append, told.append)
        large = size > GLANCE.size
        if not large:
            assert told  # at once
        qtbot.waitUntil(lambda: bool(told))
        assert (where[0] is not threading.main_thread()) == large
        assert told == [7 if error is None else error]
    finally:
        background.shutdown()


@pytest.mark.parametrize("path", ["none.yaml", "a\0b.yaml", "/dev/zero", "x" * 5000])
def test_what_is_no_file_is_refused_at_once(path, qtbot):
    background = Background()
    told = []

    def read() -> None:
        raise UserError("Not this one.")

    background.read(path, read, told.append, told.append)
    assert [str(error) for error in told] == ["Not this one."]
    background.shutdown()


def test_a_drop_is_sorted_without_reading_long_files(tmp_path, monkeypatch):
    """Whatever is in them: a long list of classes, anchors, or one line of brackets."""
    names = ", ".join(f"class{n}" for n in range(90_000))
    anchors = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}x]\n" for n in range(20)
    )
    texts = {
        "classes.yaml": f"train: a\nval: b\nnames: [{names}]\n",
        "anchors.yaml": anchors,
        "brackets.yml": "[" * 2_000_000,
        "short.yaml": "train: a\nval: b\nnames: [a]\n",
    }
    paths = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        paths.append(str(tmp_path / name))
    (tmp_path / "model.yaml").write_text(json.dumps({"backbone": [], "head": []}))
    dropped = sort_dropped([*paths, str(tmp_path / "model.yaml")])
    assert dropped.datasets == tuple(paths)
    assert dropped.models == (str(tmp_path / "model.yaml"),)
