"""A history branches, and nothing in it is ever overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.history import add_node, find_by_file, path_to, read_nodes


def test_a_tree(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    files = []
    for name in ("model", "small", "tuned"):
        (tmp_path / name).write_text(name)
        files.append(tmp_path / name)
    root = add_node(folder, "model", files[0])
    small = add_node(folder, "prune", files[1], parent=root.id, details={"plan": {"version": 1}})
    one = add_node(folder, "tune", files[2], parent=small.id, figures={"map50_95": 0.3})
    before = {path: path.read_bytes() for path in folder.iterdir()}
    other = add_node(folder, "prune", None, parent=root.id, title="another branch")
    add_node(folder, "evaluate", files[2], parent=one.id)
    assert {path: path.read_bytes() for path in before} == before
    nodes = read_nodes(folder)
    assert [node.parent for node in nodes] == [None, root.id, small.id, root.id, one.id]
    assert path_to(folder, one.id) == (root, small, one)
    assert path_to(folder, other.id) == (root, other)
    assert find_by_file(folder, files[2]) == one
    assert not list(folder.glob(".*"))


def test_what_is_not_there(tmp_path: Path) -> None:
    assert read_nodes(tmp_path / "none") == ()
    with pytest.raises(UserError, match="no step"):
        add_node(tmp_path, "tune", None, parent="x")
    with pytest.raises(UserError, match="no step"):
        path_to(tmp_path, "x")
    (tmp_path / "a.json").write_text('{"vers')
    assert read_nodes(tmp_path) == ()
    (tmp_path / "b.json").write_text('{"version": 2}')
    with pytest.raises(UserError, match="newer"):
        read_nodes(tmp_path)
