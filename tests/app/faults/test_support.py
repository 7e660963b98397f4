"""Help → Report a problem: saved with what the window knows, refused kindly."""

import json
import zipfile

from app.engine.protocol import Failure
from app.faults.feature import FaultsFeature
from app.faults.reporter import BugDialog
from tests.app.conftest import QUICK_MS


def test_a_report_holds_what_the_window_knows(opened, qtbot, choose, answers, tmp_path):
    choose(opened, 5)
    answers["save"].append(str(tmp_path / "found"))
    with qtbot.waitSignal(opened.session.messageRaised, timeout=QUICK_MS) as said:
        opened.actions_table.by_id["report_problem"].trigger()
    assert said.args[0].kind == "success"
    with zipfile.ZipFile(tmp_path / "found.zip") as archive:
        about = json.loads(archive.read("about.json"))
        names = archive.namelist()
    assert about["model"]["family"] == "yolov8n"
    assert about["plan"]["selection"] == [{"block": 5, "ratio": 0.5}]
    assert about["libraries"]["PySide6-Essentials"]
    assert not any(name.endswith((".pt", ".jpg", ".png")) for name in names)


def test_an_empty_window_can_report_too(window, qtbot, answers, tmp_path):
    answers["save"].append(str(tmp_path / "p.zip"))
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS):
        window.actions_table.by_id["report_problem"].trigger()
    assert (tmp_path / "p.zip").is_file()


def test_a_place_that_cannot_be_written_is_said(window, qtbot, answers, tmp_path):
    answers["save"].append(str(tmp_path / "nowhere" / "p.zip"))
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS) as said:
        window.actions_table.by_id["report_problem"].trigger()
    assert said.args[0].kind == "error"
    assert "does not exist" in said.args[0].text


def test_a_fault_offers_it(window, qtbot, answers, tmp_path):
    window.features[FaultsFeature].reporter.failed(
        Failure("KeyError: 'x'", bug=True, trace="Traceback: here")
    )
    dialog = window.findChild(BugDialog)
    answers["save"].append(str(tmp_path / "p.zip"))
    with qtbot.waitSignal(window.session.messageRaised, timeout=QUICK_MS):
        dialog.reportWanted.emit()
    assert (tmp_path / "p.zip").is_file()
    dialog.accept()
