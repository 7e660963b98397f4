"""One by one and repair, against an engine that answers as the test says."""

import json

import pytest
from PySide6.QtCore import Qt

from app.data.feature import DataFeature
from app.files.feature import FilesFeature
from app.pruning import repair_words
from app.pruning.feature import PruningFeature
from app.pruning.prune_dialog import PruneDialog
from app.pruning.result_dialog import ResultDialog
from app.state import plan_edits
from tests.app.conftest import ENGINE_MS, QUICK_MS

LEFT = Qt.MouseButton.LeftButton


def step(number, block, share, accepted=True, **more):
    return {
        "step": number, "block": block, "ratio": 0.5, "map50_95": 0.4 * share, "share": share,
        "accepted": accepted, "fallback_of": None, "checkpoint": f"step-{number}.pt", **more,
    }  # fmt: skip


def pruned(output, **more):
    cost = {"parameters": 10, "macs": 100}
    return {
        "before": cost, "after": cost, "layers": [], "output": str(output), "output_size": 1,
        "verification": {"relative_error": 1e-7, "tolerance": 1e-4, "passed": True, "inputs": 3},
        "plan": {}, "seconds": 1.0, **more,
    }  # fmt: skip


@pytest.fixture
def running(opened, fake, dataset, choose, answers, tmp_path, qtbot):
    """A run of one by one that has begun."""
    opened.features[DataFeature].controller.set_data(str(dataset))
    choose(opened, 4, 5)
    session = opened.session
    session.edit(plan_edits.set_strategy(session.plan, "one_by_one"))
    session.edit(plan_edits.set_max_loss(session.plan, 0.1))
    session.flush()
    answers["save"].append(str(tmp_path / "out"))
    qtbot.mouseClick(opened.workspace["plan"].widget().prune, LEFT)
    return opened.workspace["steps"].widget()


def hear(window, fake, qtbot, *items):
    with qtbot.waitSignal(window.session.measured.stepsChanged, timeout=QUICK_MS):
        for item in items:
            fake.partial("one_by_one", item)


def test_steps_are_listed_as_they_come(opened, fake, running, qtbot, tmp_path):
    asked = fake.last("one_by_one").args
    assert asked["plan"]["strategy"] == "one_by_one"
    assert asked["plan"]["max_loss"] == 0.1
    assert asked["output"] == str(tmp_path / "out.pt")
    assert asked["folder"] == str(tmp_path / "out-steps")
    assert "from_step" not in asked
    hear(
        opened, fake, qtbot,
        step(1, 4, 0.97), step(2, 5, 0.7, False), step(3, 5, 0.93, fallback_of=2),
    )  # fmt: skip
    assert [r.number for r in running.model.rows] == [1, 2, 3]
    outcomes = [running.model.index(row, 5).data() for row in range(3)]
    assert outcomes == ["accepted", "reverted: lost too much", "accepted instead of 2"]
    assert "3 steps, 2 accepted. Now 0.3720 mAP50-95, 93.0%" in running.intro.text()
    assert not running.run.isEnabled()
    with qtbot.waitSignal(opened.features[PruningFeature].steps.pruned, timeout=QUICK_MS):
        fake.done("one_by_one", pruned(tmp_path / "out.pt", steps=[step(1, 4, 0.97)]))
    assert opened.session.lineage.results[-1].output == str(tmp_path / "out.pt")
    opened.findChild(ResultDialog).accept()


def test_any_step_can_be_opened_and_gone_on_from(
    opened, fake, running, qtbot, tmp_path, answers, heard
):
    hear(opened, fake, qtbot, step(1, 4, 0.97), step(2, 5, 0.7, False, checkpoint=""))
    fake._stop(fake.last("one_by_one").number)
    assert "you can continue from them" in heard()[-1]
    running.view.selectRow(1)
    assert not running.open.isEnabled()
    running.view.selectRow(0)
    running.open.click()
    assert "checkpoint of step 1 is not at" in heard()[-1]
    (tmp_path / "out-steps").mkdir()
    (tmp_path / "out-steps" / "step-1.pt").write_bytes(b"")
    with qtbot.waitSignal(opened.session.requests.openWanted, timeout=QUICK_MS) as got:
        opened.session.requests.openWanted.disconnect(
            opened.features[FilesFeature].documents.open_path
        )
        running.open.click()
    assert got.args == [str(tmp_path / "out-steps" / "step-1.pt")]
    answers["save"].append(str(tmp_path / "other.pt"))
    running.go_on.click()
    asked = fake.last("one_by_one").args
    assert asked["from_step"] == 1
    assert asked["folder"] == str(tmp_path / "out-steps")
    assert asked["output"] == str(tmp_path / "other.pt")
    assert [r.number for r in running.model.rows] == [1, 2]  # nothing of what was is lost


def test_what_a_run_needs_is_said(opened, fake, heard, dataset):
    opened.features[PruningFeature].steps.run()
    assert "no dataset was given" in heard()[-1]
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.features[PruningFeature].steps.run()
    assert "The plan is empty" in heard()[-1]
    assert not fake.requests


def test_the_largest_loss_goes_with_its_strategy(opened):
    rules = opened.workspace["choose"].widget().rules
    assert not rules.max_loss.isVisibleTo(rules)
    opened.session.edit(plan_edits.set_strategy(opened.session.plan, "one_by_one"))
    assert rules.max_loss.isVisibleTo(rules)
    assert opened.session.plan.max_loss is None
    rules.max_loss.setValue(2.5)
    assert opened.session.plan.max_loss == 0.025
    opened.session.undo_stack.undo()
    assert rules.max_loss.value() == 5.0
    assert opened.session.undo_stack.undoText() == "Strategy: one by one"


# ---- repair ------------------------------------------------------------------------------------


@pytest.fixture
def asking(opened, fake, dataset, choose, qtbot):
    """The question that Prune … asks where there are images."""
    opened.features[DataFeature].controller.set_data(str(dataset))
    choose(opened, 5)
    qtbot.mouseClick(opened.workspace["plan"].widget().prune, LEFT)
    return opened.findChild(PruneDialog)


def test_repair_is_automatic_unless_chosen(opened, fake, asking, tmp_path, dataset):
    asking.path.setText(str(tmp_path / "small"))
    asking.minutes.setValue(3)
    asking.go.click()
    asked = fake.last("prune").args
    assert asked["repair"] == {"steps": ["auto"], "minutes": 3.0, "images": None}
    assert asked["output"] == str(tmp_path / "small.pt")
    assert asked["data"]["path"] == str(dataset)


def test_repair_by_chosen_steps_or_none(opened, fake, asking, tmp_path):
    asking.way.setCurrentIndex(asking.way.findData("chosen"))
    for box in asking.steps.values():
        assert box.isVisibleTo(asking)
        box.setChecked(False)
    assert not asking.go.isEnabled()
    asking.steps["bn"].setChecked(True)
    asking.steps["fold"].setChecked(True)
    assert asking.repair()["steps"] == ["fold", "bn"]
    asking.way.setCurrentIndex(asking.way.findData("none"))
    asking.path.setText(str(tmp_path / "small.pt"))
    asking.go.click()
    assert fake.last("prune").args["repair"] is None


def repaired(step, before, after, kept=True):
    """A report as ``core.repair`` writes it."""
    sides = [dict(zip(("gap", "map50_95"), side, strict=True)) for side in (before, after)]
    return {
        "step": step, "before": sides[0], "after": sides[1], "kept": kept, "seconds": 1.0,
        "note": "",
    }  # fmt: skip


def test_the_result_says_what_each_step_gained(opened, fake, asking, tmp_path, qtbot):
    asking.go.click()
    steps = [
        repaired("fold", (9.4, 0.3), (4.9, 0.31)),
        repaired("bn", (4.9, 0.31), (5.2, 0.34), kept=False),
        repaired("refit", (4.9, 0.31), (3.1, 0.28), kept=False),
        repaired("distill", (4.9, None), (None, None), kept=False),
    ]
    with qtbot.waitSignal(opened.session.requests.pruned, timeout=QUICK_MS):
        result = pruned(tmp_path / "small.pt", repair=steps)
        counts = {"fitted": 84, "held_out": 12, "skipped": 1, "available": 4000}
        fake.done("prune", {**result, "repair_images": counts})
    dialog = opened.findChild(ResultDialog)
    rows = [[dialog.repairs.index(r, c).data() for c in range(4)] for r in range(4)]
    assert rows == [
        ["Fold means", "9.4 → 4.9", "0.3000 → 0.3100 (+0.0100)", "kept"],
        [
            "BatchNorm statistics",
            "4.9 → 5.2",
            "0.3100 → 0.3400 (+0.0300)",
            "reverted: no improvement",
        ],
        ["Refit weights", "4.9 → 3.1", "0.3100 → 0.2800 (−0.0300)", "reverted: within noise"],
        ["Distil", "NaN", "no labels", "reverted: no improvement"],
    ]
    assert dialog.images.text() == (
        "96 of 4,000 images were used, 12 of them only to measure. More images may help: "
        "increase the time limit or the number of images."
    )
    dialog.accept()


def test_all_images_are_used_unless_fewer_are_asked_for(asking):
    assert asking.images.text() == "All images" and asking.repair()["images"] is None
    asking.images.setValue(200)
    assert asking.images.text() == "200 images at most" and asking.repair()["images"] == 200
    counts = {"fitted": 84, "held_out": 12, "skipped": 0, "available": 96}
    assert "help" not in repair_words.images_used(counts)


def test_the_steps_of_a_project_are_listed_again(
    opened, fake, running, qtbot, tmp_path, answers, drop
):
    fake._stop(fake.last("one_by_one").number)
    folder, sha256 = tmp_path / "out-steps", opened.session.model.facts.sha256
    folder.mkdir()
    lines = [
        {"secateur": "steps", "version": 1},
        {"model": "another", **step(1, 2, 0.9)},
        {"model": sha256, **step(2, 4, 0.97, scope="inside")},
    ]
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers["save"].append(str(tmp_path / "mine.secateur"))
    opened.actions_table.by_id["save"].trigger()
    opened.features[FilesFeature].documents.close_model()
    assert running.model.rowCount() == 0
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        drop(opened, tmp_path / "mine.secateur")
    qtbot.waitUntil(lambda: running.model.rowCount() == 1, timeout=QUICK_MS)
    assert running.model.index(0, 0).data() == "2"
    assert running.model.index(0, 2).data() == "50%, inside only"
    assert not opened.session.dirty
