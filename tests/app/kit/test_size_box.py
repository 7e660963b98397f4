"""The box of image sizes: one is chosen, or written as height and width."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QToolTip, QVBoxLayout, QWidget

from app.kit.controls import SIZES, SizeBox
from core.system.size import ImageSize


@pytest.fixture
def box(qtbot) -> SizeBox:
    made = SizeBox({None: ("as trained", "")})
    qtbot.addWidget(made)
    made.show()
    return made


def write(qtbot, box: SizeBox, text: str) -> None:
    line = box.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("text", "wanted", "shown"),
    [
        ("384x640", [384, 640], "384 × 640 px"), ("384 640", [384, 640], "384 × 640 px"),
        ("96 × 96 px", 96, "96 px"), ("640", 640, "640 px"), ("as trained", None, "as trained"),
        ("1000px", 1000, "1000 px"),
    ],
)  # fmt: skip
def test_a_size_can_be_written(qtbot, box, text, wanted, shown) -> None:
    box.setCurrentIndex(3)
    with qtbot.waitSignal(box.activated):
        write(qtbot, box, text)
    assert box.currentData() == wanted and box.currentText() == shown
    count = box.count()
    write(qtbot, box, text)  # it is in the list now
    assert box.count() == count and box.currentData() == wanted


@pytest.mark.parametrize("text", ["", "x", "16", "384x640x3", "-5", "0", "640 16", "abc"])
def test_what_is_no_size_is_put_back(qtbot, box, text) -> None:
    box.show_size(320)
    with qtbot.assertNotEmitted(box.activated):
        write(qtbot, box, text or "\b")
    assert box.currentData() == 320 and box.currentText() == "320 px"


@pytest.mark.parametrize("leave", [Qt.Key.Key_Return, Qt.Key.Key_Tab])
def test_why_it_is_none_is_said_wherever_the_focus_goes(qtbot, leave) -> None:
    window = QWidget()
    box, other = SizeBox(), QLineEdit()
    layout = QVBoxLayout(window)
    layout.addWidget(box)
    layout.addWidget(other)
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "20x3")
    qtbot.keyClick(box.lineEdit(), leave)
    qtbot.waitUntil(lambda: QToolTip.isVisible() and "too small" in QToolTip.text())
    QToolTip.hideText()


def test_sizes_are_shown_and_added_once(box) -> None:
    assert box.count() == 1 + len(SIZES)
    for size in (640, [384, 640], ImageSize(384, 640), (384, 640), ImageSize(640, 640)):
        box.show_size(size)
        assert ImageSize.of(box.currentData()) == ImageSize.of(size)
    assert box.count() == 2 + len(SIZES)
