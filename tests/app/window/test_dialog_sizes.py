"""Every dialog: within the screen, nothing cut off or hidden, light and dark."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTime
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMessageBox, QWidget

import app
from app.choose.measure_dialog import MeasureDialog
from app.faults.reporter import BugDialog
from app.files.outside_dialog import outside_dialog
from app.jobs.log_dialog import JobLogDialog
from app.kit.dialogs import FRAME, show_dialog
from app.kit.save_dialog import SaveDialog
from app.latency.add_dialog import AddDialog
from app.latency.devices_dialog import DevicesDialog
from app.latency.kit_dialog import KitDialog
from app.pictures.dialog import PictureDialog
from app.pictures.drawing import Pens
from app.pictures.panes import Page
from app.pruning.result_dialog import ResultDialog
from app.state.open_model import Message
from app.trust.list_dialog import ListDialog
from app.trust.review_dialog import ReviewDialog
from app.tune.arguments_dialog import ArgumentsDialog
from app.welcome.demo_dialog import DemoDialog
from core.demo import HEAD, STEPS
from core.plan.latency.devices import Device
from core.runs.tail import RunEntry
from core.tune.arguments import Argument
from tests.app.window.layout_faults import find_faults
from tests.app.window.test_sizes import LOOKS, SIZES, photograph, report, settle

LONG = "/home/somebody/" + "a-long-folder-name/" * 8
EDGE = 4
"""Pixels of the frame that the offscreen platform gives to windows."""
SKIPPED = {"quit", "demo", "run_demo", "log", "full_screen", "graph_alone", "close", "tour"}
"""What opens no dialog, and is not to be done here."""


def show_result(window) -> None:
    layers = [
        {"name": f"model.{n}.conv", "type": "Conv2d", "inputs_before": 64, "inputs_after": 32,
         "outputs_before": 128, "outputs_after": 64} for n in range(40)
    ]  # fmt: skip
    step = {"step": "refit", "kept": True, "seconds": 1.2, "note": "a note about this step"}
    result = {
        "output": f"{LONG}small.pt", "output_size": 11_600_000, "seconds": 12.3, "layers": layers,
        "verification": {"relative_error": 1e-7, "tolerance": 1e-5, "inputs": 4},
        "before": {"parameters": 3_010_000, "macs": 255e6},
        "after": {"parameters": 2_860_000, "macs": 240e6}, "repair": [step] * 4,
    }  # fmt: skip
    show_dialog(ResultDialog(result, 6_200_000, window, "16 → 32-bit weights"))


def show_demo(window) -> None:
    dialog = DemoDialog(window)
    for step in STEPS[:4]:
        words = f"{step.title}: a line about its result that says what came of it"
        dialog.step_done({"step": step.name, "title": step.title, "text": words, "seconds": 3})
    dialog.set_progress(0.4, "3 of 10, Suggest")
    show_dialog(dialog)


def show_demo_done(window) -> None:
    picture = QPixmap(992, 900)
    picture.fill(Qt.GlobalColor.darkCyan)
    picture.save("picture.png")
    dialog = DemoDialog(window)
    row = ("original", "3.01 M", "0.51 GFLOPs", "12.3 ms ± 0.2", "0.8123", "0.7431", "demo.pt")
    dialog.finish({
        "folder": LONG, "project": LONG, "report": LONG, "pictures": ["picture.png"], "missing": [],
        "seconds": 61.0, "head": HEAD, "rows": [row] * 3, "comparison": None,
        "verification": {"relative_error": 1e-7, "tolerance": 1e-5},
    })  # fmt: skip
    show_dialog(dialog)


def show_arguments(window) -> None:
    rows = [Argument(f"argument_{n}", "number", 0.5, "What it does.", "Train") for n in range(60)]
    show_dialog(ArgumentsDialog(rows, "recover_quickly", {}, print, window))


def show_log(window) -> None:
    show_dialog(
        JobLogDialog(
            RunEntry(LONG, "finetune", "2026-01-01", "failed", "run", {"model": "a.pt"}), window
        )
    )


def show_pictures(window) -> None:
    dialog = PictureDialog(window.context.pictures, "Images", Pens(["apple"]), window)
    dialog.set_pages(
        [Page(f"{LONG}{n}.png", f"{n}.png", f"train, apple: {LONG}") for n in range(3)]
    )
    show_dialog(dialog)


def show_fault(window) -> None:
    show_dialog(BugDialog("ValueError: " + "a long message " * 20, "Traceback\n" * 60, window))


def show_outside(window) -> None:
    show_dialog(outside_dialog(f"{LONG}x.secateur", [f"{LONG}{n}.jpg" for n in range(40)], window))


def show_measure(window) -> None:
    show_dialog(MeasureDialog(2000, ("bn", "refit"), window))


def show_review(window) -> None:
    text = "".join(f"value_{n} = {n}  # {'a long remark ' * 12}\n" for n in range(400))
    found = {"file": f"{LONG}blocks.py", "name": "ultralytics.nn.modules.block", "state": "changed",
             "sha256": "0" * 64, "classes": ["CoordAtt"] * 20, "text": text}  # fmt: skip
    show_dialog(ReviewDialog(found, window))


def show_trusted(window) -> None:
    row = {"name": "ultralytics.nn.modules.block", "file": f"{LONG}blocks.py", "sha256": "0" * 64}
    show_dialog(ListDialog([{**row, "state": state} for state in ("trusted", "gone")], window))


def show_devices(window) -> None:
    libraries = {"onnxruntime": "1.30.0", "openvino": "2026.1.0-12345-abcdef", "ncnn": "1.0.2026"}
    told = {"processor": "Raspberry Pi 5 Model B Rev 1.0 " * 3, "cores": 64, "libraries": libraries}
    window.session.devices.known = tuple(
        Device(name=f"{n} {'name ' * 11}x", address=f"ssh://{LONG[1:30]}{n}.local:22022", **told)
        for n in range(20)
    )
    show_dialog(DevicesDialog(window.session.devices, "", True, window))
    window.session.devices.known = ()


def show_add(window) -> None:
    dialog = AddDialog("not an address " * 8, "name", window)
    show_dialog(dialog)
    dialog.go.click()


def show_kit(window) -> None:
    show_dialog(KitDialog(Path(f"{LONG}kit.zip"), "name " * 12, window))


OTHERS = (
    show_devices,
    show_add,
    show_kit,
    show_review,
    show_trusted,
    show_outside,
    show_measure,
    show_result,
    show_demo,
    show_demo_done,
    show_arguments,
    show_log,
    show_pictures,
    show_fault,
)
"""Dialogs that no action opens, filled with the longest that they may have to show."""


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Nobody chooses a file; a question is shown as a dialog is, and gets no answer."""
    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *a, **k: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: "")


def dialogs_of(window):
    """Open one dialog after the other, by every action that opens one and by the makers."""
    for name, action in window.actions_table.by_id.items():
        if name not in SKIPPED and action.isEnabled() and not name.startswith("look_"):
            before = set(opened_dialogs(window))
            action.trigger()
            yield from ((name, one) for one in opened_dialogs(window) if one not in before)
            window.session.undo_stack.setIndex(window.full_plan)
            window.session.select({5, 12})
    for make in OTHERS:
        before = set(opened_dialogs(window))
        make(window)
        yield from ((make.__name__, one) for one in opened_dialogs(window) if one not in before)


def opened_dialogs(window) -> list[QWidget]:
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    return [one for one in shown if one is not window and not isinstance(one, QLabel)]


def dialog_faults(dialog: QWidget, size: tuple[int, int], where: str) -> list[str]:
    least = dialog.minimumSizeHint().expandedTo(dialog.minimumSize())
    room = (size[0], size[1] - FRAME)
    faults = []
    if least.width() > room[0] or least.height() > room[1]:
        faults.append(f"{type(dialog).__name__} needs {least.width()}×{least.height()}")
    settle(dialog, (min(dialog.width(), room[0]), min(dialog.height(), room[1])))
    faults += find_faults(dialog)
    photograph(dialog, "dialog", *where.split())
    return [f"{type(dialog).__name__}: {fault}  [{where}]" for fault in faults]


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_dialogs_are_whole_and_fit_the_screen(demo, size, files, monkeypatch):
    faults, seen = set(), set()
    screen = demo.screen().availableGeometry().adjusted(-EDGE, -EDGE, EDGE, EDGE)
    demo.full_plan = demo.session.undo_stack.index()
    demo.pane.messages.log.append((QTime(12, 0), Message("What happened. " * 9, "A hint. " * 9)))
    settle(demo, size)
    for look in LOOKS:
        demo.context.theme.set_appearance(look)
        for name, dialog in dialogs_of(demo):
            if not screen.contains(dialog.geometry()):
                faults.add(f"{type(dialog).__name__} is off the screen  [{name}]")
            where = f"{size[0]}x{size[1]} {look} {name}"
            faults.update(dialog_faults(dialog, size, where))
            seen.add(type(dialog))
            dialog.close()
            QApplication.processEvents()
    assert not faults, report(faults)
    assert dialog_classes() - seen == {SaveDialog}, "it is not shown by this test"


def dialog_classes() -> set[type[QDialog]]:
    """Return every class of dialogs that the window has."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[QDialog]] = set()
    waiting = [QDialog]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__.startswith("app."):
                found.add(kind)
                waiting.append(kind)
    return found


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_question_stands_in_the_middle_of_the_window(window, size, monkeypatch):
    from app.kit.dialogs import ask

    window.setGeometry(20, 50, min(size[0], 780), min(size[1], 700))
    box = QMessageBox(window)
    box.setText("The plan has unsaved changes.")
    seen = []

    def answer(self) -> int:
        self.show()
        QApplication.processEvents()
        seen.append(self.geometry())
        self.hide()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    ask(box)
    away = seen[0].center() - window.geometry().center()
    assert abs(away.x()) <= 3 and abs(away.y()) <= FRAME
