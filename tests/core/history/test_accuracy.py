"""What was measured anywhere is known: by evaluations, comparisons and tunings."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.history.accuracy import accuracy_by_plan, accuracy_of
from core.history.nodes import attach, read_nodes
from core.history.remember import remember_measured, remember_tuned
from core.history.results import pruned_node
from core.system.files import sha256_of

PLAN = {"selection": [{"block": 4, "ratio": 0.5}, {"block": 6, "ratio": 0.25}]}


@pytest.fixture
def files(tmp_path):
    paths = {name: tmp_path / f"{name}.pt" for name in ("model", "pruned", "tuned")}
    for name, path in paths.items():
        path.write_text(name)
    return paths


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history"


def figures(value):
    return {"map50_95": value, "map50": value + 0.1}


def looked_at(data="own.yaml", split="val", images=32):
    return {"data": data, "split": split, "images": images, "image_size": 320}


def prune(history, files, plan=PLAN):
    report = {
        "output": str(files["pruned"]), "before": {"parameters": 3, "macs": 4},
        "after": {"parameters": 2, "macs": 3}, "plan": plan,
        "verification": {"relative_error": 1e-6}, "repair": None,
    }  # fmt: skip
    return attach(history, pruned_node(report), files["model"])


def tune(history, files, **more):
    result = {
        "output": str(files["tuned"]), "before": figures(0.3), "after": figures(0.4),
        "measured_on": looked_at(), **more,
    }  # fmt: skip
    return remember_tuned(str(history), files["pruned"], result, history / "job")


def known(history, path: Path, data="own.yaml"):
    found = accuracy_of(read_nodes(history), sha256_of(path), data)
    return None if found is None else (found.map50_95, found.images)


def test_a_tuning_measures_what_it_began_with_and_what_it_made(history, files):
    prune(history, files)
    assert known(history, files["pruned"]) is None
    tune(history, files)
    assert known(history, files["pruned"]) == (0.3, 32)
    assert known(history, files["tuned"]) == (0.4, 32)
    assert known(history, files["model"]) is None
    assert known(history, files["tuned"], "other.yaml") is None


def test_a_tuning_without_a_baseline_tells_only_of_its_end(history, files):
    prune(history, files)
    tune(history, files, before=None)
    assert known(history, files["pruned"]) is None
    assert known(history, files["tuned"]) == (0.4, 32)


def test_a_tuning_of_version_0_1_did_not_say_on_what(history, files):
    prune(history, files)
    tune(history, files, measured_on=None)
    assert known(history, files["tuned"]) is None


@pytest.mark.parametrize("other", [{"split": "test"}, {"data": "other.yaml"}, {"images": None}])
def test_other_images_do_not_count(history, files, other):
    remember_measured(history, files["model"], figures(0.5), looked_at(**other))
    assert known(history, files["model"]) is None


def test_the_latest_counts(history, files):
    for value in (0.5, 0.6):
        remember_measured(history, files["model"], figures(value), looked_at())
    assert known(history, files["model"]) == (0.6, 32)


def test_a_plan_that_was_carried_out_is_found_by_what_it_chooses(history, files):
    prune(history, files, {**PLAN, "model_sha256": sha256_of(files["model"])})
    remember_measured(history, files["pruned"], figures(0.35), looked_at())
    nodes, model = read_nodes(history), sha256_of(files["model"])

    def by(plan, of=model, data="own.yaml"):
        return accuracy_by_plan(nodes, of, plan, data)

    turned = {**PLAN, "selection": PLAN["selection"][::-1]}
    assert by(PLAN).map50_95 == by(turned).map50_95 == 0.35
    assert by({"selection": PLAN["selection"][:1]}) is None
    assert by({**PLAN, "criterion": "l1"}) is None
    assert by(PLAN, data="other.yaml") is None
    assert by(PLAN, of=sha256_of(files["pruned"])) is None


def test_another_image_size_does_not_compare(history, files):
    """A tuning measures at its own size."""
    prune(history, files)
    tune(history, files)
    nodes, sha256 = read_nodes(history), sha256_of(files["tuned"])
    assert accuracy_of(nodes, sha256, "own.yaml", 320).map50_95 == 0.4
    assert accuracy_of(nodes, sha256, "own.yaml", 640) is None
