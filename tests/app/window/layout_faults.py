"""What is wrong with the layout of a window, by properties of its widgets, not by their names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QFontInfo, QHelpEvent, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QMenuBar,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QTableView,
    QTextEdit,
    QToolTip,
    QTreeView,
    QWidget,
)

LEAST_TEXT = 11
"""Pixels on the screen, for any text."""
LEAST_SHOWN = 4
"""Characters that must be left of a text that ends in …"""
WHOLE = (QAbstractSpinBox, QComboBox, QLineEdit, QTabBar, QHeaderView, QMenuBar)
"""Their parts are their own."""
CONTROLS = (*WHOLE, QAbstractButton, QLabel, QSlider, QProgressBar)
SLACK = 1
"""Pixels that rounding may take."""


def find_faults(top: QWidget) -> list[str]:
    """Return what is wrong with the visible widgets of a window or a dialog."""
    found = list(controls(top))
    faults = [f"{name(one)}: {fault}" for one in found for fault in own_faults(one, top)]
    faults += [
        f"{name(view)}: {fault}"
        for view in top.findChildren(QAbstractItemView)
        if view.isVisible() and not isinstance(view, QHeaderView) and view.window() is top
        for fault in cell_faults(view)
    ]
    faults += [
        f"{name(page)}: scrolls sideways by {page.horizontalScrollBar().maximum()}"
        for page in top.findChildren(QTextEdit)
        if page.isVisible()
        and page.lineWrapMode() != QTextEdit.LineWrapMode.NoWrap
        and page.horizontalScrollBar().maximum()
    ]
    return faults + overlaps(found, top)


def controls(widget: QWidget) -> Iterator[QWidget]:
    """Go through everything visible that a person reads or uses."""
    for child in widget.children():
        if not isinstance(child, QWidget) or not child.isVisible() or child.isWindow():
            continue
        if isinstance(child, CONTROLS) and not is_empty(child):
            yield child
        if not isinstance(child, WHOLE):
            yield from controls(child)


def is_empty(widget: QWidget) -> bool:
    if isinstance(widget, QLabel):
        return not widget.text() and widget.pixmap().isNull() and not widget.accessibleName()
    if isinstance(widget, QHeaderView):
        return not widget.count()
    return isinstance(widget.parent(), QTableView)  # the corner of its headers


def name(widget: QWidget) -> str:
    """Name a widget for whoever has to find it."""
    text = getattr(widget, "text", lambda: "")() or widget.accessibleName() or widget.objectName()
    near = widget.parentWidget()
    while near is not None and not (near.objectName() or near.accessibleName()):
        near = near.parentWidget()
    place = "" if near is None else near.objectName() or near.accessibleName()
    return f"{type(widget).__name__} “{text[:50]}” in {place}"


def own_faults(widget: QWidget, top: QWidget) -> Iterator[str]:
    if fault := cut_off(widget):
        yield fault
    if fault := out_of_reach(widget, top):
        yield fault
    if QFontInfo(widget.font()).pixelSize() < LEAST_TEXT:
        yield f"text of {QFontInfo(widget.font()).pixelSize()} pixels"


# ---- is all of its text there? ----------------------------------------------------------------


def cut_off(widget: QWidget) -> str:
    for kind, check in CHECKS:
        if isinstance(widget, kind):
            return check(widget)
    return ""


def tip_of(widget: QWidget, place: QPoint | None = None) -> str:
    """Return the tip that shows over a widget, as the pointer finds it."""
    QToolTip.hideText()
    place = widget.rect().center() if place is None else place
    event = QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place))
    QApplication.sendEvent(widget, event)
    text = QToolTip.text()
    QToolTip.hideText()
    return plain(text)


def plain(text: str) -> str:
    if "</" not in text and "<br" not in text:
        return text
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


def wide(widget: QWidget, text: str) -> int:
    return widget.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, text).width()


def label_fault(label: QLabel) -> str:
    text, whole = plain(label.text()), label.accessibleName()
    gives_way = label.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored
    if not label.text() and not (whole and gives_way):  # a picture, or none yet
        return ""
    if whole and text != whole and whole.startswith(text.removesuffix("…")):  # it elides
        if len(text) < LEAST_SHOWN:
            return f"only “{text}” of “{whole}”"
        return "" if text.rstrip("…") in tip_of(label) else f"no tip with all of “{whole}”"
    if label.wordWrap():
        words = text.replace("/", "/ ").split()
        longest = max((wide(label, word) for word in words), default=0)
        if longest > label.contentsRect().width() + SLACK:
            return f"a word needs {longest} of {label.contentsRect().width()} pixels"
        needed = label.heightForWidth(label.width())
        return lacking("height", needed, label.height())
    hint = label.sizeHint()
    return lacking("width", hint.width(), label.width()) or lacking(
        "height", hint.height(), label.height()
    )


def lacking(what: str, needed: int, given: int) -> str:
    return f"needs a {what} of {needed}, has {given}" if needed > given + SLACK else ""


def button_fault(button: QAbstractButton) -> str:
    hint = button.minimumSizeHint() if button.minimumSizeHint().isValid() else button.sizeHint()
    return lacking("width", hint.width(), button.width()) or lacking(
        "height", hint.height(), button.height()
    )


def combo_fault(box: QComboBox) -> str:
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    style, control = box.style(), QStyle.ComplexControl.CC_ComboBox
    part = QStyle.SubControl.SC_ComboBoxEditField
    room = style.subControlRect(control, option, part, box).width()
    room -= box.iconSize().width() + 4 if not option.currentIcon.isNull() else 0
    needed = wide(box, box.currentText())
    if needed <= room:
        return lacking("height", box.fontMetrics().height(), box.height())
    shown = box.fontMetrics().elidedText(box.currentText(), Qt.TextElideMode.ElideRight, room)
    if not getattr(box, "elides", False):
        return f"“{box.currentText()}” is cut: needs {needed}, has {room}"
    if len(shown) < LEAST_SHOWN:
        return f"only “{shown}” of “{box.currentText()}”"
    return "" if box.currentText() in tip_of(box) else f"no tip with all of “{box.currentText()}”"


def spin_fault(box: QAbstractSpinBox) -> str:
    field = box.lineEdit()
    return lacking("width", wide(field, field.text()) + 4, field.width()) or lacking(
        "height", field.fontMetrics().height(), field.height()
    )


def field_fault(field: QLineEdit) -> str:
    """What is typed scrolls; what stands there before does not."""
    hint, room = field.placeholderText(), field.width() - 8
    if field.text() or not hint or wide(field, hint) <= room or hint in tip_of(field):
        return lacking("height", field.fontMetrics().height(), field.height())
    return f"“{hint}” needs {wide(field, hint)}, has {room}"


def tabs_fault(bar: QTabBar) -> str:
    for number in range(bar.count()):
        text, room = bar.tabText(number), bar.tabRect(number).width()
        elides = bar.elideMode() != Qt.TextElideMode.ElideNone and text in bar.tabToolTip(number)
        if bar.isTabVisible(number) and wide(bar, text) + 8 > room and not elides:
            return f"the tab “{text}” needs {wide(bar, text) + 8}, has {room}"
    last = bar.tabRect(bar.count() - 1).right() if bar.count() else 0
    if last > bar.width() and not bar.usesScrollButtons():
        return "tabs beyond its end"
    return ""


def header_fault(header: QHeaderView) -> str:
    model, orientation = header.model(), header.orientation()
    for number in range(header.count()):
        title = str(model.headerData(number, orientation, Qt.ItemDataRole.DisplayRole) or "")
        tip = str(model.headerData(number, orientation, Qt.ItemDataRole.ToolTipRole) or "")
        if header.isSectionHidden(number) or not title:
            continue
        if orientation == Qt.Orientation.Vertical:
            continue
        needed, given = header.sectionSizeHint(number), header.sectionSize(number)
        whole = header.textElideMode() != Qt.TextElideMode.ElideNone and title in plain(tip)
        if needed > given + SLACK and not (whole and given >= LEAST_SHOWN * 8):
            return f"the column “{title}” needs {needed}, has {given}"
    return ""


def menu_fault(bar: QMenuBar) -> str:
    for action in bar.actions():
        if action.isVisible() and not bar.rect().contains(bar.actionGeometry(action)):
            return f"the menu “{action.text()}” has no room"
    return ""


def progress_fault(bar: QProgressBar) -> str:
    return lacking("width", 40, bar.width())


CHECKS = (
    (QHeaderView, header_fault),
    (QLabel, label_fault),
    (QAbstractButton, button_fault),
    (QComboBox, combo_fault),
    (QAbstractSpinBox, spin_fault),
    (QLineEdit, field_fault),
    (QTabBar, tabs_fault),
    (QMenuBar, menu_fault),
    (QProgressBar, progress_fault),
)


def cell_faults(view: QAbstractItemView) -> Iterator[str]:
    """Look at the cells in view: what is longer than its cell must be in the tip."""
    model, area = view.model(), view.viewport().rect()
    if model is None or not (isinstance(view, QTableView) or is_plain_list(view)):
        return
    metrics = view.fontMetrics()
    columns = 1 if isinstance(view, QListView) else model.columnCount()
    if area.height() < min(metrics.height(), 2 * metrics.height() * model.rowCount()):
        yield f"room for {area.height()} pixels of rows"
    for row in range(min(model.rowCount(), 12)):
        for column in range(columns):
            index = model.index(row, column)
            box = view.visualRect(index)
            text = str(index.data() or "")
            if (
                not box.intersects(area)
                or not text
                or metrics.horizontalAdvance(text) <= box.width()
            ):
                continue
            tip = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
            if text not in plain(tip) and len(plain(tip)) <= len(text):
                yield f"the cell “{text[:60]}” has {box.width()} pixels and the tip “{tip[:60]}”"
                return


def is_plain_list(view: QAbstractItemView) -> bool:
    return isinstance(view, QListView) and not view.wordWrap() and not isinstance(view, QTreeView)


# ---- can it be seen whole? --------------------------------------------------------------------


def out_of_reach(widget: QWidget, top: QWidget) -> str:
    """Return what hides a part of a widget: scrolling up and down is all that may be needed."""
    rect, child = widget.rect(), widget
    while child is not top:
        parent = child.parentWidget()
        rect = rect.translated(child.pos())
        area = parent.parentWidget()
        if isinstance(area, QScrollArea) and area.widget() is child:
            if child.width() > parent.width() + SLACK:
                return f"scrolls sideways: {child.width()} pixels in {parent.width()}"
            if parent.height() < min(rect.height(), 40):
                return f"scrolls in {parent.height()} pixels"
            rect = parent.rect()
        elif not parent.rect().adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(rect):
            return f"{shown(rect)} is not inside {name(parent)} of {shown(parent.rect())}"
        child = parent
    return ""


def shown(rect: QRect) -> str:
    return f"{rect.width()}×{rect.height()} at {rect.x()}, {rect.y()}"


def visible_rect(widget: QWidget, top: QWidget) -> QRect:
    """Return where a widget is seen now, in pixels of the window."""
    rect, child = widget.rect(), widget
    while child is not top:
        parent = child.parentWidget()
        rect = rect.translated(child.pos()).intersected(parent.rect())
        child = parent
    return rect


def overlaps(found: list[QWidget], top: QWidget) -> list[str]:
    placed = [(one, visible_rect(one, top)) for one in found]
    faults = []
    for (one, first), (other, second) in combinations(placed, 2):
        if not first.intersects(second) or one.isAncestorOf(other) or other.isAncestorOf(one):
            continue
        both = first.intersected(second)
        if both.width() > SLACK and both.height() > SLACK:
            faults.append(f"{name(one)}: {shown(both)} overlap {name(other)}")
    return faults
