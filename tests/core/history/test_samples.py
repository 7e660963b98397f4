"""What version 0.1 left opens with nothing lost: its project, its history, its measurements.

The samples were written by the code of that version: a project with two pruned files, one of them
gone, and a tuned one; the copy of its history; and what was measured for reports.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.history.measurements import (
    ACCURACY,
    EXPORT,
    LATENCY,
    fitting,
    newest,
    old_stores,
    read_measurements,
    take_over,
)
from core.history.nodes import carry, read_nodes
from core.history.results import adopt, is_known, result_of, steps_of, tuned_of
from core.history.tree import json_of, read_history, title
from core.project import read_project, with_places, with_references, write_project
from core.system.files import sha256_of
from core.system.paths import history_of

SAMPLES = Path(__file__).parent / "samples" / "0.1"
FILES = {
    "bees.pt": "bees by 0.1",
    "bees-pruned.pt": "pruned by 0.1",
    "bees-tuned.pt": "tuned by 0.1",
}


@pytest.fixture
def project(tmp_path):
    """The project as it is on a disk, with its files."""
    folder = tmp_path / "bees"
    shutil.copytree(SAMPLES, folder)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder / "bees.secateur"


def hashes(project):
    return [sha256_of(project.parent / name) for name in FILES]


def test_the_project_says_what_it_said(project, tmp_path):
    read = with_places(read_project(project), project)
    assert [Path(r.output).name for r in read.results] == ["older.pt", "bees-pruned.pt"]
    assert read.results[1].output == str(project.parent / "bees-pruned.pt")
    nodes = steps_of(read)
    assert tuple(result_of(n) for n in nodes if n.kind == "prune") == read.results
    assert tuple(tuned_of(n) for n in nodes if n.kind == "tune") == read.tuned
    # Written again it is the file it was, to the last field.
    again = project.with_name("again.secateur")
    write_project(again, with_references(read, again))
    assert json.loads(again.read_text()) == json.loads(project.read_text())


def test_what_the_project_tells_and_its_history_lacks_becomes_a_step(project, tmp_path):
    home = tmp_path / "home"
    carry(history_of(project), home)
    nodes = steps_of(with_places(read_project(project), project))
    before = read_nodes(home)
    model = project.parent / "bees.pt"
    (gone,) = adopt(home, nodes, model)  # the others are there as version 0.1 kept them
    assert Path(gone.file).name == "older.pt" and gone.figures["parameters"] == 2_900_000
    assert gone.parent == next(node.id for node in before if node.kind == "model")
    assert adopt(home, nodes, model) == []
    assert [node for node in read_nodes(home) if node != gone] == list(before)
    # The same project elsewhere, with no history at all, brings the same steps.
    bare = tmp_path / "bare"
    written = adopt(bare, nodes, model)
    assert [node.id for node in written] == [node.id for node in nodes]
    assert all(is_known(node, read_nodes(home)) for node in nodes)


def test_measurements_for_reports_are_in_the_history(project, tmp_path):
    model, pruned, tuned = hashes(project)
    home = tmp_path / "home"
    carry(history_of(project), home)
    (file, _) = old_stores(project, model)
    content = file.read_bytes()
    assert take_over(file, home) == 3 and take_over(file, home) == 0
    assert file.read_bytes() == content
    held = read_measurements(home)
    assert {m.id: m for m in held} == {m.id: m for m in read_measurements(file)}
    best = newest(fitting(held, ACCURACY, model), [pruned, tuned])
    assert [m["figures"]["map50_95"] for m in best.result["models"]] == [0.5, 0.21, 0.43]
    (times,) = fitting(held, LATENCY, model)
    assert [t["ms"]["median"] for t in times.result["timings"]] == [8.0, 7.0]
    assert fitting(held, EXPORT, model)[0].models == (model, tuned)
    assert fitting(held, EXPORT, tuned) == []


def test_the_tree_is_as_it_was_and_says_nothing_twice(project, tmp_path):
    home = tmp_path / "home"
    carry(history_of(project), home)
    before = json_of(read_history(home).branches)
    measured = [step["figures"]["map50_95"] for step in before if step["kind"] == "evaluate"]
    assert sorted(measured) == [0.21, 0.43, 0.48, 0.5]
    take_over(old_stores(project, None)[0], home)
    assert json_of(read_history(home).branches) == before


def test_a_comparison_that_only_reports_knew_is_in_the_tree_too(project, tmp_path):
    home = tmp_path / "home"
    carry(history_of(project), home)
    for path in home.glob("*.json"):
        if json.loads(path.read_text())["kind"] == "evaluate":
            path.unlink()
    take_over(old_stores(project, None)[0], home)
    steps = [b["words"] for b in json_of(read_history(home).branches)]
    made = ["bees.pt", "Pruned: bees-pruned.pt", "Fine-tuned: bees-tuned.pt"]
    measured = ["Measured on val of data.yaml (24 images)"] * 3
    assert sorted(steps) == sorted([*made, *measured])
    assert [title(node) for node in read_history(home).nodes] == made


def test_a_damaged_store_holds_what_is_whole(project):
    file = old_stores(project, None)[0]
    file.write_bytes(file.read_bytes()[:-40])
    assert [m.measured for m in read_measurements(file)] == [ACCURACY, LATENCY]
    file.write_text("not a journal\n")
    assert read_measurements(file) == ()
