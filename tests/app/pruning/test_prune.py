from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from app.pruning.feature import PruningFeature
from app.pruning.prune_dialog import PruneDialog
from app.pruning.result_dialog import ResultDialog
from tests.app.conftest import ENGINE_MS, QUICK_MS


def prune(window, qtbot, answers, output):
    answers["save"].append(str(output))
    button = window.workspace["plan"].widget().prune
    assert button.isEnabled()
    with qtbot.waitSignal(window.session.requests.pruned, timeout=ENGINE_MS):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    return window.findChildren(ResultDialog)[-1]


def test_a_checkpoint_is_pruned_saved_and_proven(
    opened, qtbot, trained, tmp_path, answers, choose, heard
):
    import core

    output = tmp_path / "small.pt"
    choose(opened, 5, 15)
    after = opened.session.prediction.after.parameters
    dialog = prune(opened, qtbot, answers, output)
    assert "relative error" in dialog.proof.text()
    assert dialog.model.rowCount() > 3
    dialog.accept()
    assert opened.session.lineage.results[0].parameters_after == after
    assert opened.isWindowModified()
    loaded = core.load(output)
    assert sum(p.numel() for p in loaded.model.parameters()) == after
    assert core.verify(core.load(trained), loaded).passed
    with qtbot.waitSignal(opened.session.messageRaised, timeout=ENGINE_MS):
        opened.features[PruningFeature].controller.verify(str(output))
    assert "equals the masked original" in heard()[-1]


def test_the_result_opens_and_can_be_pruned_again(opened, qtbot, tmp_path, answers, choose):
    choose(opened, 5)
    dialog = prune(opened, qtbot, answers, tmp_path / "once.pt")
    answers["ask"].append(dialog_discard())
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        opener = [
            b
            for b in dialog.findChildren(type(opened.workspace["plan"].widget().prune))
            if b.text().replace("&", "").startswith("Open")
        ]
        qtbot.mouseClick(opener[0], Qt.MouseButton.LeftButton)
    assert Path(opened.session.model.path).name == "once.pt"
    assert opened.session.table.blocks[5].out_channels == 64
    assert len(opened.session.model.facts.history) == 1


@pytest.mark.parametrize(("step", "mode"), [("Fine-tune", "tune"), ("Compare", "compare")])
def test_the_next_step_is_offered_with_the_result(
    opened, qtbot, tmp_path, answers, choose, step, mode
):
    choose(opened, 5)
    output = tmp_path / "once.pt"
    dialog = prune(opened, qtbot, answers, output)
    (button,) = [b for b in dialog.findChildren(QPushButton) if step in b.text().replace("&", "")]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    assert opened.workspace.mode.id == mode
    if mode == "tune":
        assert opened.workspace["tuning"].widget().form.network_path == str(output)
    else:
        running = opened.engine.running("compare")
        assert running
        opened.engine.cancel(running[0].number)
        qtbot.waitUntil(lambda: not opened.engine.running("compare"), timeout=ENGINE_MS)


def dialog_discard():
    from PySide6.QtWidgets import QMessageBox

    return QMessageBox.StandardButton.Discard


def test_a_description_is_pruned_and_saved(window, qtbot, tmp_path, answers, choose):
    import core

    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        window.open_paths(["yolov8n.yaml"])
    choose(window, 9, ratio=0.5)
    output = tmp_path / "from-yaml.pt"
    prune(window, qtbot, answers, output).accept()
    assert core.verify(core.load("yolov8n.yaml"), core.load(output)).passed


def test_every_family_is_opened_pruned_and_saved(window, qtbot, tmp_path, answers, choose):
    """One window after the other model, as the user would."""
    import core

    for name in FAMILIES:
        with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
            window.open_paths([name])
        session = window.session
        assert session.model.path == name
        able = sorted(session.model.predictor.prunable)
        choose(window, *able[:4], ratio=0.5)
        assert session.prediction.changes, name
        output = tmp_path / f"{name}.pt"
        prune(window, qtbot, answers, output).close()
        loaded = core.load(output)
        parameters = sum(p.numel() for p in loaded.model.parameters())
        assert parameters == session.prediction.after.parameters, name
        assert core.verify(core.load(name), loaded).passed, name
        session.undo_stack.setClean()
        session._extra_unsaved = False


FAMILIES = ("yolov8s.yaml", "yolo11n.yaml", "yolov8n-seg.yaml", "yolov8x.yaml", "rtdetr-l.yaml")


@pytest.mark.parametrize("phase", ["waiting", "running"])
def test_cancel_ends_pruning_within_a_second(
    opened, qtbot, tmp_path, answers, choose, heard, phase
):
    output = tmp_path / "never.pt"
    if phase == "running":
        with qtbot.waitSignal(
            opened.engine.engine_changed,
            timeout=ENGINE_MS,
            check_params_cb=lambda s: s.phase == "ready",
        ):
            opened.engine.start_engine()
    choose(opened, *range(10))
    answers["save"].append(str(output))
    with qtbot.waitSignal(opened.engine.changed, timeout=QUICK_MS):
        opened.features[PruningFeature].controller.prune()
    (job,) = opened.engine.running("prune")
    if phase == "running":
        qtbot.waitUntil(lambda: job.fraction > 0, timeout=ENGINE_MS)
    with qtbot.waitSignal(opened.engine.finished, timeout=1500) as end:
        opened.actions_table.by_id["cancel"].trigger()
    assert end.args == [job.number, "cancelled"]
    assert "cancelled" in heard()[-1]
    assert not list(tmp_path.glob("*.pt*"))
    assert not list(tmp_path.glob(".never*"))


def test_a_read_only_folder_is_said_and_nothing_is_lost(
    opened, qtbot, tmp_path, answers, choose, heard
):
    # Root may write anywhere; a folder that is a file is refused to everybody.
    (tmp_path / "taken").write_text("a file")
    choose(opened, 5)
    answers["save"].append(str(tmp_path / "taken" / "out.pt"))
    with qtbot.waitSignal(opened.session.messageRaised, timeout=ENGINE_MS):
        opened.features[PruningFeature].controller.prune()
    assert opened.pane.messages.rows[-1].message.kind == "error"
    assert len(heard()) == 1
    assert opened.session.plan.selection[0].block == 5


def test_enter_in_the_field_prunes_instead_of_browsing(opened, tmp_path, qtbot):
    dialog = PruneDialog(tmp_path / "small.pt", opened)
    dialog.open()
    with qtbot.waitSignal(dialog.chosen, timeout=QUICK_MS) as chosen:
        qtbot.keyClick(dialog.path, Qt.Key.Key_Return)
    assert chosen.args[0] == tmp_path / "small.pt"
    dialog.deleteLater()


def test_the_name_offered_is_that_of_the_model(opened, trained, choose, monkeypatch):
    from PySide6.QtWidgets import QFileDialog

    offered = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args, **more: (offered.append(args[2]), ("", ""))[1]
    )
    choose(opened, 5)
    opened.features[PruningFeature].controller.prune()
    assert offered == [str(trained.with_name(f"{trained.stem}-pruned.pt"))]


def test_the_name_offered_is_free(tmp_path):
    from app.pruning.controller import free_name

    path = tmp_path / "a-pruned.pt"
    for name in ("a-pruned.pt", "a-pruned-2.pt", "a-pruned-3.pt"):
        assert free_name(path).name == name
        (tmp_path / name).touch()
