"""The help's window: headings at the left, the page next to them."""

from __future__ import annotations

from dataclasses import asdict

from PySide6.QtCore import QByteArray, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QKeySequence, QPainter, QShortcut, QTextDocument
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.help.page import page, sections
from app.help.pictures import PICTURES, picture
from app.kit import theme

SIZE = (940, 720)
ABOVE = 14
"""Pixels shown above a heading that was gone to."""
SCHEME = "picture"


class HelpWindow(QWidget):
    """Shows the help next to the window.

    Parameters
    ----------
    shown : app.kit.theme.Theme
        Reports when the colours change.
    """

    def __init__(self, shown: theme.Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle("What is pruning? – Secateur")
        self.resize(*SIZE)
        self.list = QListWidget()
        self.list.setAccessibleName("Sections")
        self.list.setFixedWidth(170)
        self.list.setWordWrap(True)
        self.list.setSpacing(3)
        for anchor, title in sections():
            self.list.addItem(title)
            self.list.item(self.list.count() - 1).setData(Qt.ItemDataRole.UserRole, anchor)
        self.field = QLineEdit(placeholderText="Search (Enter: next)")
        self.field.setAccessibleName("Search")
        self.field.setClearButtonEnabled(True)
        self.field.setProperty("field", "true")
        self.browser = _Browser()
        self.browser.setAccessibleName("Help")
        left = QVBoxLayout()
        left.addWidget(self.field)
        left.addWidget(self.list, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.addLayout(left)
        layout.addWidget(self.browser, 1)
        self.list.currentRowChanged.connect(self._go_to)
        self.list.itemActivated.connect(lambda item: self._go_to(self.list.row(item)))
        self.field.returnPressed.connect(self._find)
        for keys, act in ((QKeySequence.StandardKey.Find, self.field.setFocus),):
            QShortcut(keys, self).activated.connect(act)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.close)
        shown.changed.connect(self._fill)
        self._fill()
        self.list.setFocus()

    def _fill(self) -> None:
        """Write the page in the colours that show now, and stay where the reader is."""
        bar = self.browser.verticalScrollBar()
        place = bar.value()
        colours = asdict(theme.colours())
        document = self.browser.document()
        document.setDefaultStyleSheet(
            "h2 { font-size: 15pt; font-weight: 600; margin-top: 18px; }"
            f"p, td {{ line-height: 135%; }} td {{ border-bottom: 1px solid {colours['border']}; }}"
            f"code {{ color: {colours['accent']}; }}"
        )
        document.setDocumentMargin(10)
        self.browser.setHtml(page(colours))
        bar.setValue(place)

    def _go_to(self, row: int) -> None:
        if row >= 0:
            self.browser.scrollToAnchor(self.list.item(row).data(Qt.ItemDataRole.UserRole))
            bar = self.browser.verticalScrollBar()
            bar.setValue(bar.value() - ABOVE)

    def _find(self) -> None:
        """Go to the next place; from the end, begin again."""
        text = self.field.text()
        if text and not self.browser.find(text):
            cursor = self.browser.textCursor()
            cursor.movePosition(cursor.MoveOperation.Start)
            self.browser.setTextCursor(cursor)
            self.browser.find(text)


class _Browser(QTextBrowser):
    """Draws the help's own pictures, and opens no address automatically."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.anchorClicked.connect(_follow)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Draw a picture in the colours that show now."""
        place = QUrl(name)
        if kind == QTextDocument.ResourceType.ImageResource.value and place.scheme() == SCHEME:
            return _drawn(place.path(), self.devicePixelRatioF())
        return None


def _drawn(name: str, ratio: float) -> QImage:
    from PySide6.QtSvg import QSvgRenderer

    width, height = PICTURES[name][:2]
    image = QImage(
        round(width * ratio), round(height * ratio), QImage.Format.Format_ARGB32_Premultiplied
    )
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(picture(name, asdict(theme.colours())).encode())).render(painter)
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


def _follow(url: QUrl) -> None:
    if url.scheme() in ("https", "http"):
        QDesktopServices.openUrl(url)
