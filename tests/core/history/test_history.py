"""A history branches, and nothing in it is ever overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli.main import main
from core.errors import UserError
from core.history.nodes import (
    add_node,
    carry,
    find_by_file,
    find_home,
    home_of,
    path_to,
    read_nodes,
    record,
)
from core.history.remember import remember_compared, remember_iteration, remember_pruned
from core.history.tree import find, read_history, text_of, title, tree, walk
from core.system.files import sha256_of


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


def written(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_text(name)
    return [folder / name for name in names]


def shown(folder: Path) -> list[tuple[int, str]]:
    return [(depth, title(branch.node)) for depth, branch in walk(read_history(folder).branches)]


def test_steps_are_recorded_beneath_what_they_started_from(tmp_path: Path) -> None:
    model, small, other, tuned = written(tmp_path, "m.pt", "small.pt", "other.pt", "tuned.pt")
    folder = tmp_path / "history"
    record(folder, "prune", small, model, figures={"macs": 5.0}, cost={"macs": 10.0})
    record(folder, "tune", tuned, small, figures={"map50_95": 0.3})
    record(folder, "prune", other, model, figures={"macs": 7.0})
    said = {"data": "/x/d.yaml", "split": "val", "images": 1200}
    first = record(folder, "evaluate", tuned, figures={"map50_95": 0.31}, details=said)
    assert record(folder, "evaluate", tuned, figures={"map50_95": 0.31}, details=said) == first
    record(folder, "evaluate", tuned, figures={"map50_95": 0.2}, details=said)
    measured = (3, "Measured on val of d.yaml (1,200 images)")
    assert shown(folder) == [
        (0, "m.pt"), (1, "Pruned: small.pt"), (2, "Fine-tuned: tuned.pt"), measured, measured,
        (1, "Pruned: other.pt"),
    ]  # fmt: skip
    branches = tree(read_nodes(folder))
    costs = [branch.cost for _, branch in walk(branches)]
    assert [cost["macs"] for cost in costs] == [10.0, 5.0, 5.0, 5.0, 5.0, 7.0]
    made = find_by_file(folder, tuned)
    assert made is not None and made.kind == "tune"
    found = find(branches, str(made.sha256))
    assert found is not None and found.node == made and len(found.children) == 2
    text = text_of(branches).splitlines()
    assert text[2].startswith("├─ Pruned: small.pt") and "1e-08 (-50%)" in text[2]
    assert text[3].startswith("│  └─ Fine-tuned: tuned.pt") and "0.3000" in text[3]


def test_what_was_brought_in_later_is_what_made_it(tmp_path: Path) -> None:
    model, small, tuned = written(tmp_path, "m.pt", "small.pt", "tuned.pt")
    folder = tmp_path / "history"
    # Two processes that ask at once both bring the file in; then its making becomes known.
    for _ in range(2):
        add_node(folder, "model", small)
    add_node(folder, "tune", tuned, parent=read_nodes(folder)[1].id)
    root = add_node(folder, "model", model)
    add_node(folder, "prune", small, parent=root.id)
    lost = add_node(folder, "tune", None, parent=root.id, title="lost its beginning")
    assert shown(folder) == [
        (0, "m.pt"), (1, "Pruned: small.pt"), (2, "Fine-tuned: tuned.pt"),
        (1, "lost its beginning"),
    ]  # fmt: skip
    (folder / f"{root.id}.json").unlink()
    assert (0, "lost its beginning") in shown(folder)
    assert lost.id in {branch.node.id for _, branch in walk(tree(read_nodes(folder)))}


def test_what_has_no_beginning_grows_from_the_first_file(tmp_path: Path) -> None:
    small, tuned, model, other = written(tmp_path, "small.pt", "tuned.pt", "m.pt", "other.pt")
    origin = sha256_of(model)[:24]
    folder = tmp_path / origin
    record(folder, "tune", tuned, small)  # made elsewhere: its pruning is not known here
    record(folder, "prune", other, model)
    names = [(0, "m.pt"), (1, "small.pt"), (2, "Fine-tuned: tuned.pt"), (1, "Pruned: other.pt")]
    branches = tree(read_nodes(folder), origin)
    assert [(depth, title(branch.node)) for depth, branch in walk(branches)] == names


def test_nothing_hangs_on_steps_that_name_one_another(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    one = add_node(folder, "model", None)
    path = folder / f"{one.id}.json"
    path.write_text(path.read_text().replace('"parent": null', f'"parent": "{one.id}"'))
    assert len(list(walk(tree(read_nodes(folder))))) == 1


def test_a_copy_beside_a_project_has_every_step_and_loses_none(tmp_path: Path) -> None:
    model, small = written(tmp_path, "m.pt", "small.pt")
    home, copy = tmp_path / "home", tmp_path / "p.history"
    record(home, "prune", small, model)
    assert carry(home, copy) == 2 and carry(home, copy) == 0
    record(copy, "evaluate", small, figures={"map50_95": 0.1})
    assert carry(copy, home) == 1
    assert read_nodes(home) == read_nodes(copy)
    assert carry(tmp_path / "none", home) == 0


def test_prunings_comparisons_and_iterations(tmp_path: Path) -> None:
    model, small = written(tmp_path, "m.pt", "small.pt")
    folder = tmp_path / "history"
    report = {
        "output": str(small), "before": {"parameters": 10, "macs": 20},
        "after": {"parameters": 5, "macs": 8}, "plan": {"version": 1},
        "verification": {"relative_error": 1e-6}, "repair": [{"step": "refit", "kept": True}],
    }  # fmt: skip
    node = remember_pruned(folder, model, report)
    assert node.figures == {"parameters": 5, "macs": 8}
    assert node.details["plan"] == {"version": 1} and node.details["repair"] == ["refit"]
    both = [
        {"path": str(path), "figures": {"map50_95": 0.5}, "images": 4, "parameters": 1, "macs": 2,
         "sha256": sha256_of(path), "classes": {}, "milliseconds": 3.0}
        for path in (model, small)
    ]  # fmt: skip
    remember_compared(folder, {"models": both, "split": "val", "images": []}, "d.yaml", 320)
    assert [depth for depth, _ in shown(folder)] == [0, 1, 2, 1]
    measured = [b.node for _, b in walk(read_history(folder).branches) if b.node.kind == "evaluate"]
    assert [node.figures for node in measured] == [{"map50_95": 0.5}] * 2
    assert measured[0].details == {"data": "d.yaml", "split": "val", "image_size": 320, "images": 4}
    remember_compared(folder, {"models": both, "split": "val", "images": []}, "d.yaml", 320)
    assert [depth for depth, _ in shown(folder)] == [0, 1, 2, 1]  # the same again is no news
    job = tmp_path / "job"
    for number in (1, 2):
        (job / f"step-{number}").mkdir(parents=True)
        written(job / f"step-{number}", "pruned.pt")
        (job / f"step-{number}" / "best.pt").write_text(f"best {number}")
        (job / f"step-{number}" / "pruned.pt").write_text(f"pruned {number}")
    (out,) = written(tmp_path, "out.pt")
    step = {"share": 0.7, "parameters": 4, "macs": 6, "before": None, "after": {"map50_95": 0.4}}
    steps = [{**step, "step": n, "accepted": n == 1, "file": str(job / f"step-{n}" / "best.pt")}
             for n in (1, 2)]  # fmt: skip
    result = {"steps": steps, "accepted": 1, "output": str(out)}
    nodes = remember_iteration(str(folder), model, result, job)
    assert [n.kind for n in nodes] == ["prune", "tune", "prune", "tune"]
    assert nodes[1].file == str(out)
    assert nodes[0].parent == node.parent  # a branch of its own from the unpruned model


def test_the_history_of_a_network_is_found_by_any_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    model, small, new = written(tmp_path, "m.pt", "small.pt", "new.pt")
    from core.system.files import sha256_of

    home = home_of(sha256_of(model))
    assert find_home(model) is None
    assert main(["history"]) == 0 and "No histories" in capsys.readouterr().out
    record(home, "prune", small, model)
    assert find_home(model) == find_home(small) == home
    for words in ([str(small)], [str(home)], []):
        assert main(["history", *words]) == 0
        assert "└─ Pruned: small.pt" in capsys.readouterr().out
    carry(home, tmp_path / "p.history")
    (tmp_path / "p.secateur").write_text("{}")
    assert main(["history", str(tmp_path / "p.secateur"), "--json"]) == 0
    import json

    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [(one["depth"], one["kind"]) for one in steps] == [(0, "model"), (1, "prune")]
    for wrong in (new, tmp_path, tmp_path / "none"):
        assert main(["history", str(wrong)]) == 1
        assert capsys.readouterr().err.startswith("secateur: ")


def test_commands_remember_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.json").write_text('{"version": 1, "selection": [{"block": 4, "ratio": 0.5}]}')
    prune = ["--plan", "plan.json", "--history"]
    assert main(["prune", "yolov8n.yaml", "-o", "a.pt", *prune]) == 0
    assert main(["prune", "yolov8n.yaml", "-o", "b.pt", *prune]) == 0
    assert main(["prune", "b.pt", "-o", "c.pt", *prune]) == 0
    capsys.readouterr()
    assert main(["history", "c.pt"]) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    lines = [line[: line.rindex(name) + len(name)]
             for line in said for name in (".yaml", ".pt") if name in line]  # fmt: skip
    # The same plan on the same network makes the same weights, yet two files and two branches.
    assert lines == ["yolov8n.yaml", "├─ Pruned: a.pt", "└─ Pruned: b.pt", "   └─ Pruned: c.pt"]
