"""Data, rankings by images and suggestions, against an engine that answers as the test says."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.choose.feature import ChooseFeature
from app.data.feature import DataFeature
from app.engine.protocol import Failure
from app.files.feature import FilesFeature
from app.state import plan_edits
from core.plan.criteria import CRITERIA
from core.plan.schema import Entry, Plan, Removal, Target
from core.project import DataSetting, read_project
from tests.app.conftest import ENGINE_MS, QUICK_MS, ROOT

LEFT = Qt.MouseButton.LeftButton


def panel_of(window):
    return window.workspace["choose"].widget()


def exact(*channels, block=5):
    layer = f"model.{block}.conv"
    entry = Entry(layer=layer, channels=channels)
    return Plan(criterion="fisher", round_to=1, selection=(entry,))


def answer(window, tmp_path, plan, *alternatives, scores=True, skipped=0):
    before = window.session.prediction.before
    path = tmp_path / "scores.npy"
    np.save(path, np.linspace(0, 1, window.session.table.atom_count))
    return {
        "plan": plan.to_json(),
        "before": {"parameters": before.parameters, "macs": before.macs},
        "after": {"parameters": before.parameters // 2, "macs": before.macs // 2},
        "scores": str(path) if scores else None,
        "skipped": skipped,
        "front": [
            {"macs": m, "params": m, "score": 1 - m, "plan": p.to_json()} for m, p in alternatives
        ],
    }


# ---- data --------------------------------------------------------------------------------------


def test_a_dataset_dropped_on_the_window_is_set(opened, drop, dataset, heard):
    panel = panel_of(opened)
    assert "No dataset." in panel.data.name.text()
    drop(opened, dataset)
    assert opened.session.measured.data == DataSetting(path=str(dataset))
    assert panel.data.name.text() == "own.yaml"
    assert opened.session.plan.criterion == "fisher"
    assert opened.session.undo_stack.undoText() == "Rank channels by Fisher"
    assert len(heard()) == 1
    assert opened.isWindowModified()
    assert opened.session.model is not None  # it was not taken for a network


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("train: none\nval: none\nnames: [a]", "1 class and the model 5"),
        (
            f"train: none\nval: none\nnc: 5\nnames: {json.dumps(['x'] * 5)}",
            "none of the classes of the model",
        ),
        ("val: none\nnc: 5\nnames: [", "not a dataset YAML"),
    ],
)
def test_bad_data_is_said_once_and_not_set(opened, tmp_path, heard, content, words):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    opened.features[DataFeature].controller.set_data(str(path))
    assert opened.session.measured.data is None
    assert words in heard()[-1]
    assert len(heard()) == 1
    assert opened.pane.messages.rows[-1].message.kind == "error"


def test_what_is_looked_at_can_be_changed_and_dropped(opened, dataset, qtbot):
    opened.features[DataFeature].controller.set_data(str(dataset))
    panel = panel_of(opened).data
    panel.images.setValue(24)
    panel.seed.setValue(3)
    panel.image_size.setCurrentIndex(panel.image_size.findData(640))
    panel.image_size.activated.emit(panel.image_size.currentIndex())
    data = opened.session.measured.data
    assert (data.images, data.seed, data.image_size) == (24, 3, 640)
    opened.workspace.go_to("choose")
    qtbot.mouseClick(panel.forget, LEFT)
    assert opened.session.measured.data is None


# ---- ranking -----------------------------------------------------------------------------------


def test_images_are_ranked_only_when_asked(opened, fake, dataset, choose, qtbot, tmp_path):
    session, panel = opened.session, panel_of(opened)
    opened.features[DataFeature].controller.set_data(str(dataset))
    choose(opened, 5)
    for criterion in ("taylor", "separability", "fisher"):
        session.edit(plan_edits.set_criterion(session.plan, criterion))
    assert "scores" not in [request.task for request in fake.requests]
    assert "Not ranked by Fisher yet: L2 norm is shown" in panel.ranking.note.text()
    inspector = opened.workspace["inspector"].widget()
    assert "not ranked by Fisher yet" in inspector._ranking.text()
    opened.workspace.go_to("choose")
    qtbot.mouseClick(inspector.rank, LEFT)
    asked = fake.last("scores").args
    assert asked["criterion"] == "fisher"
    assert asked["data"] == {
        "path": str(dataset), "images": 96, "image_size": 320, "split": "train",
        "device": "", "seed": 0, "same_classes": False,
    }  # fmt: skip
    assert panel.progress.isVisibleTo(panel)
    scores = np.arange(session.table.atom_count, dtype=float)[::-1]
    np.save(tmp_path / "s.npy", scores)
    with qtbot.waitSignal(session.scoresChanged, timeout=QUICK_MS):
        fake.done("scores", {"scores": str(tmp_path / "s.npy"), "skipped": 0})
    session.flush()
    assert session.ranked
    assert np.array_equal(session.scores, scores)
    assert not panel.ranking.note.isVisibleTo(panel)
    opened.workspace.go_to("inspector")  # it rests behind the other tab
    assert inspector._ranking.text().endswith("ranked by Fisher")
    assert not inspector.rank.isVisibleTo(inspector)
    # Other images are another ranking.
    opened.features[DataFeature].controller.change_data(seed=1)
    assert not session.ranked


def test_separability_asks_which_of_similar_channels_stays(opened):
    session, panel = opened.session, panel_of(opened)
    assert not panel.ranking.representative.isVisibleTo(panel.ranking)
    session.edit(plan_edits.set_criterion(session.plan, "separability"))
    assert panel.ranking.representative.isVisibleTo(panel.ranking)
    session.edit(plan_edits.set_representative(session.plan, "gamma"))
    assert panel.ranking.representative.currentData() == "gamma"
    assert session.undo_stack.undoText() == "Of similar channels, keep largest gamma"


def test_the_words_of_criteria_come_without_torch():
    code = (
        "import json, sys; from core.plan.criteria import CRITERIA;"
        "print(json.dumps([[c.title, c.tip] for c in CRITERIA.values()]), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    words, torch = done.stdout.rsplit(maxsplit=1)
    assert torch == "False"
    assert len(json.loads(words)) == len(CRITERIA)
    assert all(title and tip for title, tip in json.loads(words))


# ---- suggestions -------------------------------------------------------------------------------


def test_a_suggestion_is_one_step_of_undo(opened, fake, dataset, choose, qtbot, tmp_path):
    session, panel = opened.session, panel_of(opened)
    opened.features[DataFeature].controller.set_data(str(dataset))
    choose(opened, 6)
    before, steps = session.plan, session.undo_stack.count()
    opened.workspace.go_to("choose")
    panel.goal.percent.setValue(60)
    assert session.measured.goal == Target(macs=0.6)
    assert "60% of the GFLOPs are kept" in panel._wish.text()
    qtbot.mouseClick(panel.suggest, LEFT)
    asked = fake.last("suggest").args
    assert asked["plan"]["target"]["macs"] == 0.6
    assert asked["plan"]["criterion"] == "fisher"
    assert asked["plan"]["selection"] == []  # every block may give, whatever was planned by hand
    assert asked["data"]["path"] == str(dataset)
    assert not panel.suggest.isVisibleTo(panel)
    plan = exact(*range(64))
    with qtbot.waitSignal(opened.features[ChooseFeature].controller.suggested, timeout=QUICK_MS):
        fake.done("suggest", answer(opened, tmp_path, plan, (0.5, plan), (0.8, exact(1, 2))))
    session.flush()
    assert session.undo_stack.count() == steps + 1
    assert session.undo_stack.undoText() == "Suggest 60% of the GFLOPs (Fisher)"
    assert session.plan.selection == plan.selection
    assert session.plan.target is None
    assert session.prediction.block_out[5] == 64
    assert session.ranked
    assert not opened.engine.running("suggest", "scores")
    assert [r.name for r in opened.workspace["plan"].widget().model.rows] == ["Block 5"]
    session.undo_stack.undo()
    assert session.plan == before
    assert session.measured.goal == Target(macs=0.6)


def test_another_alternative_is_taken_by_click_and_key(opened, fake, qtbot, tmp_path):
    session, panel = opened.session, panel_of(opened)
    opened.workspace.go_to("choose")
    opened.features[ChooseFeature].controller.suggest()
    low, middle, high = exact(*range(64)), exact(*range(32)), exact(0, 1)
    fake.done(
        "suggest",
        answer(opened, tmp_path, middle, (0.9, high), (0.5, low), (0.7, middle)),
    )
    session.flush()
    chart = panel.front._chart
    assert panel.folds["front"].isVisibleTo(panel)
    assert [a.macs for a in session.measured.front] == [0.5, 0.7, 0.9]
    assert session.measured.alternative_of(session.plan) == 1
    assert "has 70% of the GFLOPs" in chart.accessibleDescription()
    chart._points.sigClicked.emit(chart._points, [chart._points.points()[2]], None)
    assert session.plan.selection == high.selection
    assert session.undo_stack.undoText() == "Use the alternative with 90% of the GFLOPs"
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert session.plan.selection == middle.selection
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert session.plan.selection == low.selection
    session.undo_stack.setIndex(0)
    assert session.plan.selection == ()
    assert session.measured.alternative_of(session.plan) is None


def test_only_the_selected_blocks_give(opened, fake):
    panel = panel_of(opened)
    assert not panel.goal.only.isEnabled()
    opened.session.select({2, 4})
    panel.goal.only.setChecked(True)
    panel.suggestRequested.emit(panel.goal.blocks())
    assert [e["block"] for e in fake.last("suggest").args["plan"]["selection"]] == [2, 4]


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_suggestion_that_does_not_come_changes_nothing(opened, fake, heard, end):
    plan, panel = opened.session.plan, panel_of(opened)
    opened.features[ChooseFeature].controller.suggest()
    if end == "cancelled":
        panel.progress.cancel.click()
        assert "cancelled; the plan is unchanged" in heard()[-1]
    else:
        fake.failed("suggest", Failure("The target of 10% cannot be reached.", "Try 31%."))
        assert "cannot be reached" in heard()[-1]
    assert len(heard()) == 1
    assert opened.session.plan == plan
    assert opened.session.undo_stack.count() == 0
    assert panel.suggest.isEnabled()


def test_a_criterion_that_needs_images_says_so(opened, fake, heard):
    opened.session.edit(plan_edits.set_criterion(opened.session.plan, "fisher"))
    assert "choose a dataset" in panel_of(opened).ranking.note.text()
    opened.features[ChooseFeature].controller.suggest()
    assert not [r for r in fake.requests if r.task == "suggest"]
    assert "needs images, and no dataset was given" in heard()[-1]


def test_unreadable_images_are_counted(opened, fake, heard, tmp_path):
    opened.features[ChooseFeature].controller.suggest()
    fake.done("suggest", answer(opened, tmp_path, exact(0), skipped=3))
    assert "3 images could not be read" in heard()[-1]


def test_a_deep_cut_says_what_may_keep_more_until_it_is_tried(opened, fake, heard, tmp_path):
    raised, withdrawn = [], []
    opened.session.messageRaised.connect(raised.append)
    opened.session.messageWithdrawn.connect(withdrawn.append)
    result = answer(opened, tmp_path, exact(0))
    opened.features[ChooseFeature].controller.suggest()
    fake.done("suggest", {**result, "hint": "Scales may go as well."})
    assert "Scales may go as well." in heard()[-1]
    assert "deeper" not in withdrawn
    ((_, try_it),) = raised[-1].actions
    try_it()
    assert opened.session.plan.depth
    assert "Choosing units needs images" in raised[-1].text, "there is no dataset"
    opened.session.edit(plan_edits.set_depth(opened.session.plan, False))
    opened.features[ChooseFeature].controller.suggest()
    fake.done("suggest", {**result, "hint": ""})
    assert "deeper" in withdrawn


def test_a_ratio_by_hand_replaces_what_was_suggested_for_the_block(opened, fake, tmp_path, choose):
    opened.features[ChooseFeature].controller.suggest()
    fake.done("suggest", answer(opened, tmp_path, exact(*range(64))))
    choose(opened, 5, ratio=0.25)
    (entry,) = opened.session.plan.selection
    assert (entry.block, entry.ratio) == (5, 0.25)


# ---- the project -------------------------------------------------------------------------------


def test_data_and_goal_are_part_of_the_project(opened, answers, dataset, tmp_path, drop, qtbot):
    path = tmp_path / "mine.secateur"
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.features[DataFeature].controller.change_data(images=12)
    opened.session.measured.set_goal(Target(params=0.5))
    answers["save"].append(str(path))
    opened.actions_table.by_id["save"].trigger()
    assert not opened.isWindowModified()
    assert read_project(path).data == DataSetting(path="data/own.yaml", images=12)
    opened.features[FilesFeature].documents.close_model()
    assert opened.session.measured.data is None
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        drop(opened, path)
    measured = opened.session.measured
    assert measured.data == DataSetting(path=str(dataset), images=12)
    assert measured.goal == Target(params=0.5)
    assert opened.session.plan.criterion == "fisher"
    assert opened.session.ranked_by == "l2"  # images are used only when asked
    assert not opened.session.dirty


def test_a_project_whose_data_is_gone_says_so_and_opens(
    opened, answers, dataset, tmp_path, drop, qtbot, heard
):
    path = tmp_path / "mine.secateur"
    opened.features[DataFeature].controller.set_data(str(dataset))
    answers["save"].append(str(path))
    opened.actions_table.by_id["save"].trigger()
    opened.features[FilesFeature].documents.close_model()
    dataset.rename(dataset.with_name("elsewhere.yaml"))
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        drop(opened, path)
    assert "The dataset of the project is not at" in heard()[-1]
    answers["open"].append(str(dataset.with_name("elsewhere.yaml")))
    opened.pane.messages.rows[-1].buttons[0].click()
    assert opened.session.measured.data.path.endswith("elsewhere.yaml")


# ---- time as a goal ----------------------------------------------------------------------------


class Clock:
    """Every channel costs 0.01 ms."""

    latency = SimpleNamespace(about={"threads": 1, "runtime": "onnx", "image_size": 320})

    def ms(self, removed):
        return 0.01 * float((~removed).sum())


def test_time_is_a_goal_and_said_before_and_after(opened, fake, choose, qtbot, monkeypatch):
    session, panel = opened.session, panel_of(opened).goal
    assert not panel._time_row.isVisibleTo(panel)
    panel.kind.setCurrentIndex(panel.kind.findData("latency_ms"))
    panel.kind.activated.emit(panel.kind.currentIndex())
    assert session.measured.goal == Target(latency_ms=10.0)
    assert panel.millis.isVisibleTo(panel)
    assert not panel.percent.isVisibleTo(panel)
    assert "No latency table on this computer yet" in panel.time.text()
    panel.measure.click()
    assert fake.last("latency_table").args["sha256"] == session.model.facts.sha256
    monkeypatch.setattr("app.state.session.known_clock", lambda *_: Clock())
    with qtbot.waitSignal(session.measured.clockChanged, timeout=QUICK_MS):
        fake.done("latency_table", {"table": "anywhere"})
    before = 0.01 * session.table.atom_count
    assert f"Time per image on this computer: {before:.1f} ms" in panel.time.text()
    choose(opened, 5)
    assert f"{before:.1f} → {before - 0.64:.1f} ms" in panel.time.text()
    panel.millis.setValue(7.5)
    assert session.measured.goal == Target(latency_ms=7.5)
    opened.features[ChooseFeature].controller.suggest()
    assert fake.last("suggest").args["plan"]["target"]["latency_ms"] == 7.5
    assert plan_edits.wish(session.measured.aim) == "7.5 ms"


# ---- other quantities --------------------------------------------------------------------------


def test_every_target_of_the_engine_is_offered_and_phrased(opened):
    goal = panel_of(opened).goal
    offered = {goal.kind.itemData(number) for number in range(goal.kind.count())}
    assert offered == set(Target.model_fields)
    for kind in offered:
        target = plan_edits.goal_of(kind, 12.0)
        assert plan_edits.goal_parts(target) == (kind, 12.0)
        assert "12" in plan_edits.wish(target)
        assert plan_edits.wish(target) in plan_edits.so_that(target)


def pick(goal, kind):
    goal.kind.setCurrentIndex(goal.kind.findData(kind))
    goal.kind.activated.emit(goal.kind.currentIndex())


def test_a_file_size_is_a_goal(opened, fake):
    session, panel = opened.session, panel_of(opened)
    goal = panel.goal
    pick(goal, "file_bytes")
    box = goal.amounts[" MB"]
    assert box.isVisibleTo(goal)
    assert not goal.percent.isVisibleTo(goal)
    assert not goal._of.isVisibleTo(goal)
    whole = 1e-6 * session.model.file_size
    assert 0.6 * whole < box.value() < 0.8 * whole
    box.setValue(4.2)
    assert session.measured.goal == Target(file_bytes=4_200_000)
    assert "a file of 4.2 MB is enough" in panel._wish.text()
    panel.suggestRequested.emit(frozenset())
    assert fake.last("suggest").args["plan"]["target"]["file_bytes"] == 4_200_000


def test_a_share_of_the_time_is_a_goal(opened, fake):
    session, panel = opened.session, panel_of(opened)
    goal = panel.goal
    pick(goal, "latency")
    assert session.measured.goal == Target(latency=0.7)
    assert goal.percent.isVisibleTo(goal)
    assert "No latency table on this computer yet" in goal.time.text()
    assert goal._time_row.isVisibleTo(goal)
    goal.percent.setValue(60)
    assert session.measured.goal == Target(latency=0.6)
    assert "60% of the time per image is left" in panel._wish.text()
    panel.suggestRequested.emit(frozenset())
    assert fake.last("suggest").args["plan"]["target"]["latency"] == 0.6


@pytest.mark.parametrize("target", [{"latency": 0.8}, {"file_bytes": 3_000_000}])
def test_a_plan_file_with_such_a_target_sets_the_goal(opened, drop, tmp_path, target):
    path = tmp_path / "goal.json"
    path.write_text(json.dumps({"version": 1, "target": target}))
    drop(opened, path)
    assert opened.session.measured.goal == Target(**target)


# ---- units ---------------------------------------------------------------------------------------


def test_units_may_be_asked_for_and_need_images(opened, fake, dataset, heard, qtbot):
    session, panel = opened.session, panel_of(opened)
    opened.workspace.go_to("choose")
    qtbot.mouseClick(panel.goal.units, LEFT)
    assert session.plan.depth
    panel.suggestRequested.emit(panel.goal.blocks())
    assert "Choosing units needs images" in heard()[-1]
    opened.features[DataFeature].controller.set_data(str(dataset))
    panel.suggestRequested.emit(panel.goal.blocks())
    assert fake.last("suggest").args["plan"]["depth"] is True
    session.undo_stack.setIndex(0)
    assert not panel.goal.units.isChecked()


def test_several_rankings_are_asked_for_by_images_alone(opened, fake, dataset, qtbot):
    session, panel = opened.session, panel_of(opened)
    opened.features[DataFeature].controller.set_data(str(dataset))
    box = panel.ranking.rankings
    assert session.plan.criterion == "fisher" and box.value() == 1
    box.setValue(4)
    assert session.plan.rankings == 4 and "Try 4 rankings" in session.undo_stack.undoText()
    panel.suggestRequested.emit(panel.goal.blocks())
    assert fake.last("suggest").args["plan"]["rankings"] == 4
    session.edit(plan_edits.set_criterion(session.plan, "l2"))
    assert session.plan.rankings == 1 and not box.isVisibleTo(panel)
    session.undo_stack.undo()
    assert box.value() == 4 and box.isVisibleTo(panel)


def test_the_ranking_that_was_kept_is_said_and_the_wish_stays(opened, fake, heard, tmp_path):
    session = opened.session
    session.edit(plan_edits.set_rankings(session.plan, 3))
    opened.features[ChooseFeature].controller.suggest()
    tried = [
        {"images": 96, "seed": 0, "gap": 0.39, "kept": False},
        {"images": 48, "seed": 1, "gap": 0.23, "kept": True},
        {"images": 24, "seed": 2, "gap": 0.33, "kept": False},
    ]
    fake.done("suggest", {**answer(opened, tmp_path, exact(0, 1)), "rankings": tried})
    assert "Kept the best of 3 rankings: that on 48 images." in heard()[-1]
    assert "0.23, the others 0.33 to 0.39" in heard()[-1]
    assert session.plan.rankings == 3


def test_what_a_suggestion_took_when_measured_is_said(opened, fake, heard, tmp_path):
    opened.features[ChooseFeature].controller.suggest()
    result = answer(opened, tmp_path, exact(0, 1))
    fake.done("suggest", {**result, "times": {"before_ms": 20.0, "after_ms": 14.0}})
    assert "20.0 → 14.0 ms" in heard()[-1]


def test_units_that_were_suggested_are_in_the_plan_and_the_wish_stays(opened, fake, tmp_path):
    session = opened.session
    session.edit(plan_edits.set_depth(session.plan, True))
    session.measured.set_data(None)
    plan = exact(0, 1).model_copy(update={"structure": (Removal(branch="model.22.cv3.0.1"),)})
    controller = opened.features[ChooseFeature].controller
    controller._take(answer(opened, tmp_path, plan), session.plan, Target(macs=0.7))
    assert [entry.branch for entry in session.plan.structure] == ["model.22.cv3.0.1"]
    assert session.plan.depth
