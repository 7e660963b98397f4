"""Which texts fit a box at a zoom: never smaller on the screen than can be read, rather fewer."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter

from app.graph_view.drawing.ink import SIZES, Ink

LEADING = 1.28
"""Height of a line of text, in sizes of its font."""
LEFT, RIGHT = 15.0, 8.0
"""Room next to a text: the gauge is at the left."""
KEEP = 0.55
"""A name is cut down to this part of itself, and no further."""


class Text(NamedTuple):
    """A text and where it is."""

    font: QFont
    colour: str
    at: QPointF
    text: str


class Words(NamedTuple):
    """What a box would say if it had the room.

    ``short`` represents the title where that does not fit, and where ``rather`` is true also where
    the share does not fit next to the title.
    """

    title: str
    short: str
    share: str
    widths: str
    rather: bool = False


def paint_texts(painter: QPainter, texts: list[Text], ink: Ink) -> None:
    """Paint texts in order."""
    for font, colour, at, text in texts:
        painter.setFont(font)
        painter.setPen(ink.pen(colour))
        painter.drawText(at, text)


def box_texts(words: Words, room: QRectF, least: int, dim: str, ink: Ink) -> list[Text]:
    """Return the texts of a box: name and share, below them the widths; fewer where it is small.

    Parameters
    ----------
    words : Words
    room : QRectF
        The box, in the drawing's units.
    least : int
        Smallest size of a text, in the drawing's units.
    dim : str
        Colour of what matters less.
    ink : Ink
    """
    high, low = max(SIZES["bold"], least), max(SIZES["plain"], least)
    inner = room.adjusted(LEFT, 0, -RIGHT, 0)
    name = fitting(ink, "bold", high, words.title, inner.width()) or words.short
    if ink.width("bold", high, name) > inner.width() + LEFT / 2 or high > room.height():
        return []
    widths = _widths(ink, low, words.widths, inner.width())
    two = bool(widths) and LEADING * (high + low) <= room.height()
    top = room.top() + (room.height() - LEADING * (high + (low if two else 0))) / 2
    colour = ink.palette.text
    small = max(SIZES["small"], least)
    left = inner.right() - ink.width("small", small, words.share)

    def beside(title: str) -> bool:
        return left > inner.left() + ink.width("bold", high, title) + 8

    if two and words.rather and words.share and not beside(name) and beside(words.short):
        name = words.short
    texts = [_text(ink, "bold", high, colour, inner.left(), top, name)]
    if two and words.share and beside(name):
        at = top + (high - small) * 0.5
        texts.append(_text(ink, "small", small, dim, left, at, words.share))
    if two:
        texts.append(_text(ink, "plain", low, colour, inner.left(), top + LEADING * high, widths))
    return texts


def centred(
    ink: Ink, kind: str, least: int, colour: str, room: QRectF, choices: tuple[str, ...]
) -> list[Text]:
    """Return the first of some texts that fits into the middle of a box, or none."""
    pixels = max(SIZES[kind], least)
    if pixels * 1.05 > room.height():
        return []
    for text in choices:
        width = ink.width(kind, pixels, text)
        if width <= room.width() - 4:
            left = room.center().x() - width / 2
            top = room.center().y() - LEADING * pixels / 2
            return [_text(ink, kind, pixels, colour, left, top, text)]
    return []


def fitting(ink: Ink, kind: str, pixels: int, text: str, room: float) -> str:
    """Return a text, cut if it must be, or nothing if too little would be left of it."""
    width = ink.width(kind, pixels, text)
    if width <= room:
        return text
    if room < KEEP * width:
        return ""
    return ink.metrics(kind, pixels).elidedText(text, Qt.TextElideMode.ElideRight, room)


def _widths(ink: Ink, pixels: int, text: str, room: float) -> str:
    """Return what fits of a text like ``64 → 128``: all, what comes out, or what goes in."""
    for choice in (text, text.split(" → ")[-1], text.split(" → ")[0]):
        if ink.width("plain", pixels, choice) <= room:
            return choice
    return ""


def _text(
    ink: Ink, kind: str, pixels: int, colour: str, left: float, top: float, text: str
) -> Text:
    metrics = ink.metrics(kind, pixels)
    rest = LEADING * pixels - metrics.ascent() - metrics.descent()
    return Text(
        ink.font(kind, pixels), colour, QPointF(left, top + rest / 2 + metrics.ascent()), text
    )
