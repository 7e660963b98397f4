"""Light and dark: one table of colours each, the palette made of them, and the icons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from string import Template

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QAbstractButton, QApplication, QStyleFactory


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour the window uses."""

    window: str
    base: str
    raised: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    selected: str
    cascade: str
    coupled: str
    blocked: str
    success: str
    warning: str
    backbone: str
    neck: str
    head: str


# The roles and the accent are those of the graph (app/graph_view/drawing/colours.py).
LIGHT = Colours(
    window="#f1f3f6",
    base="#ffffff",
    raised="#f8f9fb",
    text="#1b2430",
    muted="#566273",
    border="#d0d6df",
    accent="#1f5fd1",
    on_accent="#ffffff",
    selected="#b3211a",
    cascade="#8f5500",
    coupled="#8e24aa",
    blocked="#b92722",
    success="#1d7a43",
    warning="#9a5b00",
    backbone="#5b8fd6",
    neck="#9a78cf",
    head="#4fa874",
)
DARK = Colours(
    window="#20252c",
    base="#16191e",
    raised="#2a303a",
    text="#eef1f5",
    muted="#a9b4c2",
    border="#434d5b",
    accent="#6ea3ff",
    on_accent="#0e1622",
    selected="#ff8f87",
    cascade="#f0b45c",
    coupled="#e3a3f5",
    blocked="#f78e88",
    success="#5fd08f",
    warning="#f0b45c",
    backbone="#5b8fd6",
    neck="#9a78cf",
    head="#4fa874",
)
KINDS = {"light": LIGHT, "dark": DARK}
ROLE_NAMES = {
    "selected": "chosen",
    "cascade": "follows",
    "coupled": "shares channels",
    "blocked": "cannot be pruned",
    "": "",
}
ICON_NAME, ICON_ROLE = "secateurIcon", "secateurIconRole"
"""Properties of buttons by which a change of theme finds their icons again."""
FUSION = "secateurFusion"
"""Property of the application once it has the style; under a style sheet, that has no name."""
ICON_SIZES = (16, 20, 24, 32, 48)


class Theme(QObject):
    """Applies an appearance to the application and follows the system's.

    Parameters
    ----------
    appearance : str
        ``system``, ``light`` or ``dark``.
    """

    changed = Signal(str)

    def __init__(self, appearance: str = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._appearance = appearance
        QApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.apply()

    @property
    def kind(self) -> str:
        """``light`` or ``dark``, whichever shows now."""
        if self._appearance in KINDS:
            return self._appearance
        dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def set_appearance(self, appearance: str) -> None:
        """Follow the system, or stay light or dark."""
        self._appearance = appearance
        self.apply()

    def apply(self) -> None:
        """Put palette and style sheet in place."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        colours = KINDS[self.kind]
        global _current
        _current = colours
        sheet = style_sheet(colours)
        if application.styleSheet() != sheet:  # setting it polishes every widget again
            if not application.property(FUSION):
                application.setStyle(QStyleFactory.create("Fusion"))
                application.setProperty(FUSION, True)
            application.setPalette(palette(colours))
            application.setStyleSheet(sheet)
        for widget in application.allWidgets():
            if isinstance(widget, QAbstractButton) and widget.property(ICON_NAME):
                widget.setIcon(icon(widget.property(ICON_NAME), widget.property(ICON_ROLE)))
        self.changed.emit(self.kind)

    def _system_changed(self) -> None:
        if self._appearance == "system":
            self.apply()


_current = LIGHT


def colours() -> Colours:
    """Return the colours that show now."""
    return _current


@contextmanager
def shown(other: Colours) -> Iterator[None]:
    """Have other colours show, for what is drawn meanwhile: a picture on paper."""
    global _current
    before, _current = _current, other
    try:
        yield
    finally:
        _current = before


def colour(name: str) -> QColor:
    """Return one of them by its name."""
    return QColor(getattr(_current, name))


def palette(c: Colours) -> QPalette:
    """Make Qt's palette of the colours."""
    role = QPalette.ColorRole
    result = QPalette(QColor(c.window))
    for where, what in {
        role.Window: c.window,
        role.WindowText: c.text,
        role.Base: c.base,
        role.AlternateBase: c.raised,
        role.Text: c.text,
        role.Button: c.raised,
        role.ButtonText: c.text,
        role.ToolTipBase: c.raised,
        role.ToolTipText: c.text,
        role.PlaceholderText: c.muted,
        role.Highlight: c.accent,
        role.HighlightedText: c.on_accent,
        role.Link: c.accent,
        role.Accent: c.accent,
        role.Mid: c.border,
        role.Midlight: c.raised,
        role.Light: c.raised,
        role.Dark: c.border,
    }.items():
        result.setColor(where, QColor(what))
    for where in (role.WindowText, role.Text, role.ButtonText):
        faint = QColor(c.muted)
        faint.setAlphaF(0.7)
        result.setColor(QPalette.ColorGroup.Disabled, where, faint)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(c.border))
    return result


def style_sheet(c: Colours) -> str:
    """Make the few rules that a palette cannot say."""
    text = (files("resources") / "style.qss").read_text(encoding="utf-8")
    return Template(text).substitute(asdict(c), tick=_tick(c))


def _tick(c: Colours) -> str:
    """Return the file of a tick that can be seen on the accent."""
    name = "tick-light.svg" if c is LIGHT else "tick-dark.svg"
    return Path(str(files("resources") / "icons" / name)).as_posix()


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    return (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def render(name: str, size: int, colour_name: str, ratio: float = 1.0) -> QPixmap:
    """Draw an icon in one colour."""
    from PySide6.QtSvg import QSvgRenderer

    text = _source(name).replace("currentColor", colour_name)
    renderer = QSvgRenderer(QByteArray(text.encode()))
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@lru_cache(maxsize=256)
def _icon(name: str, colour_name: str, faint: str) -> QIcon:
    result = QIcon()
    for size in ICON_SIZES:
        result.addPixmap(render(name, size, colour_name), QIcon.Mode.Normal)
        result.addPixmap(render(name, size, faint), QIcon.Mode.Disabled)
    return result


def icon(name: str, role: str = "text") -> QIcon:
    """Return one of the window's own icons in a colour of the current theme."""
    return _icon(name, getattr(_current, role), _current.border)


def set_icon(button: QAbstractButton, name: str, role: str = "text") -> None:
    """Give a button an icon that follows the theme."""
    button.setProperty(ICON_NAME, name)
    button.setProperty(ICON_ROLE, role)
    button.setIcon(icon(name, role))
