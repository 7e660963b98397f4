import json
import subprocess
import sys

import pytest
from PySide6.QtCore import Qt

from tests.app.conftest import ENGINE_MS, QUICK_MS, ROOT


def test_the_window_never_imports_torch():
    code = (
        "import sys, os; os.environ['QT_QPA_PLATFORM']='offscreen';"
        "from PySide6.QtWidgets import QApplication; a=QApplication([]);"
        "from app.window.main_window import MainWindow; w=MainWindow(); w.show();"
        "import app.files.cached_model, app.files.documents, app.plan.ranking_chart;"
        "import app.plan.why_dialog, app.graph_view.view, core.engine.server;"
        "import core.plan.why.conflicts, core.plan.why.why, core.project, core.pipeline;"
        "bad=[m for m in ('torch','ultralytics','torchvision') if m in sys.modules];"
        "w.close(); w.deleteLater(); a.processEvents(); print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_empty_window_invites_and_can_do_nothing_yet(window):
    assert window.pane.stack.currentWidget() is window.pane.start_page
    able = {n for n, a in window.actions_table.by_id.items() if a.isEnabled()}
    assert {"open", "demo", "quit", "palette"} <= able
    assert not able & {"save", "prune", "fit", "why", "undo", "lock"}


def test_a_dropped_model_is_drawn_and_described(opened, trained):
    session = opened.session
    assert session.model.facts.family == "yolov8n"
    assert opened.pane.stack.currentWidget() is opened.host.view
    assert opened.host.view.table is session.table
    assert "3.01 M" in opened.scorecard.parameters.value.text()
    assert opened.workspace["blocks"].widget().model.rowCount() == 23
    assert opened.windowTitle().startswith(trained.name)
    assert opened.context.settings.recent()[0].endswith(trained.name)


def test_a_known_model_needs_no_engine(opened):
    """The fixture may have used the engine; a second window on the same cache does not."""
    assert opened.session.scores is not None
    from app.files.cached_model import find_known

    known = find_known(opened.session.model.path, "l2", 0)
    assert known is not None
    assert known.scores is not None


def test_a_model_that_was_never_open_imports_nothing_that_it_does_not_take(tmp_path):
    """All of it would be waited for by whoever dropped the model."""
    (tmp_path / "model.pt").write_bytes(b"never open")
    code = (
        "import sys; from app.files.cached_model import find_known; "
        f"assert find_known({str(tmp_path / 'model.pt')!r}, 'l2', 0) is None; "
        "sys.exit(bool({'core.pipeline', 'core.demo', 'PIL', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_description_opens_through_the_engine(window, qtbot):
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        window.open_paths(["yolov8n.yaml"])
    assert window.session.model.path == "yolov8n.yaml"
    assert len(window.session.table.blocks) == 23


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("web.pt", b"<!DOCTYPE html><html></html>", "web"),
        ("lfs.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "LFS"),
        ("plan.txt", b"hello", "plan.txt"),
    ],
)
def test_files_that_are_no_models_are_refused_kindly(
    window, qtbot, tmp_path, drop, heard, name, content, words
):
    (tmp_path / name).write_bytes(content)
    with qtbot.waitSignal(window.session.messageRaised, timeout=ENGINE_MS) as raised:
        drop(window, tmp_path / name)
    assert words in f"{raised.args[0].text} {raised.args[0].hint}"
    assert raised.args[0].kind == "error"
    assert window.session.model is None
    assert len(heard()) == 1


def test_two_files_at_once_are_a_question(window, qtbot, trained, tmp_path, drop):
    other = tmp_path / "other.pt"
    other.write_bytes(trained.read_bytes())
    drop(window, other, trained)
    assert window.session.model is None
    (row,) = window.pane.messages.rows
    assert "2 files" in row.message.text
    with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
        qtbot.mouseClick(row.buttons[1], Qt.MouseButton.LeftButton)
    assert window.session.model.path == str(trained)
    assert not window.pane.messages.rows


def test_a_second_start_hands_its_file_over(window, qtbot, trained, own_settings):
    from app.startup.single_instance import InstanceServer

    server = InstanceServer(window)
    server.received.connect(window.open_paths)
    assert server.listen()
    second = subprocess.Popen([sys.executable, "-m", "app", str(trained)], cwd=ROOT)
    try:
        with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
            pass
        assert second.wait(10) == 0
    finally:
        second.kill()
    assert window.session.model.path == str(trained)
    server.close()


def test_plan_files_can_be_dropped_and_exported(opened, qtbot, tmp_path, drop, answers):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}))
    with qtbot.waitSignal(opened.session.predictionChanged, timeout=QUICK_MS):
        drop(opened, plan)
    assert opened.session.prediction.roles[5] == "selected"
    answers["save"].append(str(tmp_path / "out.json"))
    opened.actions_table.by_id["export_plan"].trigger()
    assert json.loads((tmp_path / "out.json").read_text())["selection"][0]["block"] == 5
