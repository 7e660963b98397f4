import os
import shutil
import signal
import sys

from PySide6.QtCore import Qt

from app.engine.protocol import Failure
from app.faults.feature import FaultsFeature
from app.files.feature import FilesFeature
from app.pruning.feature import PruningFeature
from tests.app.conftest import ENGINE_MS, QUICK_MS


def ready(window, qtbot):
    if window.engine.state.phase != "ready":
        with qtbot.waitSignal(
            window.engine.engine_changed,
            timeout=ENGINE_MS,
            check_params_cb=lambda state: state.phase == "ready",
        ):
            window.engine.start_engine()
    return window.engine.state.facts["process"]


def test_an_engine_killed_while_idle_comes_back(opened, qtbot, heard):
    process = ready(opened, qtbot)
    with qtbot.waitSignal(
        opened.engine.engine_changed,
        timeout=ENGINE_MS,
        check_params_cb=lambda state: state.phase == "ready",
    ):
        os.kill(process, signal.SIGKILL)
    assert opened.engine.state.facts["process"] != process
    assert len(heard()) == 1
    assert "Your work is not lost" in heard()[0]
    assert opened.session.model is not None


def test_an_engine_killed_while_loading_fails_the_job_once(window, qtbot, tmp_path, heard):
    ends = []
    window.engine.finished.connect(lambda number, state: ends.append(state))
    (tmp_path / "own.yaml").write_text("nc: 3\n")
    with qtbot.waitSignal(
        window.engine.engine_changed,
        timeout=ENGINE_MS,
        check_params_cb=lambda state: "process" in state.facts,
    ):
        window.open_paths([str(tmp_path / "own.yaml")])
    with qtbot.waitSignal(window.engine.finished, timeout=QUICK_MS):
        os.kill(window.engine.state.facts["process"], signal.SIGKILL)
    assert ends == ["failed"]
    assert len(heard()) == 1
    assert "signal 9" in heard()[0]


def test_an_engine_killed_while_pruning_loses_nothing(
    opened, qtbot, tmp_path, answers, choose, heard
):
    process = ready(opened, qtbot)
    ends = []
    opened.engine.finished.connect(lambda number, state: ends.append(state))
    choose(opened, *range(10))
    plan = opened.session.plan
    answers["save"].append(str(tmp_path / "out.pt"))
    opened.features[PruningFeature].controller.prune()
    (job,) = opened.engine.running("prune")
    qtbot.waitUntil(lambda: job.fraction > 0, timeout=ENGINE_MS)
    with qtbot.waitSignal(opened.engine.finished, timeout=QUICK_MS):
        os.kill(process, signal.SIGKILL)
    assert ends == ["failed"]
    assert opened.session.plan == plan
    assert not list(tmp_path.glob("*.pt"))
    assert len(heard()) == 1
    # It was started again, and prunes.
    answers["save"].append(str(tmp_path / "out.pt"))
    with qtbot.waitSignal(opened.session.requests.pruned, timeout=ENGINE_MS):
        opened.features[PruningFeature].controller.prune()
    assert (tmp_path / "out.pt").is_file()
    from app.pruning.result_dialog import ResultDialog

    opened.findChild(ResultDialog).accept()


def test_a_model_deleted_while_open_is_said_and_found_again(
    window, qtbot, trained, tmp_path, drop, answers, choose, heard
):
    own = tmp_path / "own.pt"
    shutil.copy(trained, own)
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, own)
    choose(window, 5)
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS):
        own.rename(tmp_path / "moved.pt")
    assert "moved or deleted" in heard()[-1]
    answers["open"].append(str(tmp_path / "moved.pt"))
    (row,) = window.pane.messages.rows
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS):
        qtbot.mouseClick(row.buttons[0], Qt.MouseButton.LeftButton)
    assert "Found: " in heard()[-1]
    assert window.session.plan.selection[0].block == 5
    assert window.session.model.path.endswith("moved.pt")


def test_a_model_replaced_while_open_is_said_and_not_pruned(
    window, qtbot, trained, tmp_path, drop, answers, choose, heard
):
    own = tmp_path / "own.pt"
    shutil.copy(trained, own)
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, own)
    choose(window, 5)
    answers["save"].append(str(tmp_path / "out.pt"))
    dialog = prune_to_other(window, qtbot, tmp_path)
    dialog.accept()
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS):
        shutil.copy(tmp_path / "out.pt", own)
    assert "was replaced" in heard()[-1]
    answers["save"].append(str(tmp_path / "again.pt"))
    with qtbot.waitSignal(window.session.messageRaised, timeout=ENGINE_MS):
        window.features[PruningFeature].controller.prune()
    assert "was replaced" in heard()[-1]
    assert not (tmp_path / "again.pt").exists()


def prune_to_other(window, qtbot, tmp_path):
    from app.pruning.result_dialog import ResultDialog

    with qtbot.waitSignal(window.session.requests.pruned, timeout=ENGINE_MS):
        window.features[PruningFeature].controller.prune()
    return window.findChild(ResultDialog)


def test_what_failed_is_withdrawn_once_it_succeeds(opened, fake):
    raised, withdrawn = [], []
    opened.session.messageRaised.connect(raised.append)
    opened.session.messageWithdrawn.connect(withdrawn.append)
    fake.engine.submit("evaluate", "Evaluate", {})
    fake.failed("evaluate", Failure("The images cannot be read.", "Check the folder."))
    assert (raised[-1].text, raised[-1].key) == ("The images cannot be read.", "failed evaluate")
    fake.engine.submit("scores", "Rank", {})
    fake.done("scores", {})
    assert "failed evaluate" not in withdrawn
    fake.engine.submit("evaluate", "Evaluate", {})
    fake.done("evaluate", {})
    assert "failed evaluate" in withdrawn


def test_a_drop_while_a_job_runs_is_put_off(
    opened, qtbot, trained, tmp_path, drop, answers, choose
):
    choose(opened, 5)
    answers["save"].append(str(tmp_path / "out.pt"))
    opened.features[PruningFeature].controller.prune()
    drop(opened, trained)
    (row,) = opened.pane.messages.rows
    assert "is still running" in row.message.text
    with qtbot.waitSignal(opened.engine.finished, timeout=QUICK_MS) as end:
        qtbot.mouseClick(row.buttons[0], Qt.MouseButton.LeftButton)
    assert end.args[1] == "cancelled"
    assert opened.session.model.path == str(trained)


def test_a_fault_of_secateur_is_reported_with_its_trace(opened):
    from app.faults.reporter import BugDialog
    from core.system.logs import append, fault_log

    opened.features[FaultsFeature].reporter.failed(
        Failure("KeyError: 'x'", bug=True, trace="Traceback: here")
    )
    opened.features[FaultsFeature].reporter.failed(
        Failure("KeyError: 'y'", bug=True, trace="Traceback: again")
    )
    (dialog,) = opened.findChildren(BugDialog)
    assert dialog.details.toPlainText() == "Traceback: here"
    dialog.accept()
    append("once")
    assert "once" in fault_log().read_text()


def test_exceptions_nothing_caught_are_logged_and_shown(opened, qtbot):
    from app.faults.reporter import BugDialog
    from core.system.logs import fault_log

    error = ValueError("unheard of")
    opened.features[FaultsFeature].reporter._on_exception(ValueError, error, None)
    assert "unheard of" in fault_log().read_text()
    qtbot.waitUntil(lambda: opened.findChild(BugDialog) is not None, timeout=QUICK_MS)
    opened.findChild(BugDialog).accept()


def test_a_fault_in_a_table_is_reported_once_and_the_other_cells_show(opened, qtbot, monkeypatch):
    from app.faults.reporter import BugDialog
    from app.kit.table_model import Column, TableModel
    from app.kit.widgets import table_view
    from core.system.logs import fault_log

    monkeypatch.setattr(sys, "excepthook", opened.features[FaultsFeature].reporter._on_exception)
    asked = []

    def breaks(row):
        asked.append(row)
        return f"{row['gone']}"

    model = TableModel([Column("Right", lambda r: r["name"]), Column("Wrong", breaks)])
    view = table_view(model, "A table with a fault")
    qtbot.addWidget(view)
    with qtbot.waitExposed(view):
        view.show()
    model.set_rows([{"name": "one"}, {"name": "two"}])
    view.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: opened.findChild(BugDialog) is not None, timeout=QUICK_MS)
    assert view.viewport().grab().width() > 0
    assert len(asked) > 2
    assert model.data(model.index(1, 0)) == "two"
    assert model.data(model.index(1, 1)) is None
    assert fault_log().read_text().count("KeyError: 'gone'") == 1
    assert "breaks" in opened.findChild(BugDialog).details.toPlainText()
    opened.findChild(BugDialog).accept()


def test_opening_and_closing_leaves_no_threads_or_widgets(opened, qtbot, trained, answers):
    from PySide6.QtWidgets import QApplication

    counts = []
    for _ in range(3):
        opened.features[FilesFeature].documents.close_model()
        assert opened.session.model is None
        with qtbot.waitSignal(opened.session.scoresChanged, timeout=QUICK_MS):
            opened.open_paths([str(trained)])
        QApplication.sendPostedEvents(None, 52)
        counts.append(len(opened.findChildren(object)))
    assert counts[0] == counts[-1]
