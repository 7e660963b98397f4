"""One box of a block, ready to paint: body, ghost, gauge, texts, badge.

An ordinary block has one, a head one for each scale, a Concat one for each piece of its bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QPainter

from app.graph_view.drawing.colours import mix
from app.graph_view.drawing.ink import SIZES, Ink
from app.graph_view.drawing.looks import BlockLook, PartLook
from app.graph_view.drawing.signs import (
    RADIUS,
    draw_badge,
    draw_box,
    draw_ghost,
    draw_gone,
    hatch_lines,
)
from app.graph_view.drawing.texts import LEFT, RIGHT, Text, Words, box_texts, centred, paint_texts
from core.drawing.layout import HEADER
from core.drawing.places import BoxPlace, PartPlace
from core.drawing.shapes import box_width

LEAST_GHOST = 7.0
"""Width of the hatch of a block that is pruned inside only, or by very little."""
LARGEST_BADGE = 22
"""Size of a badge's text from which it would cover more than it says."""


@dataclass
class Frame:
    """A box and everything on it, in the item's own units."""

    rect: QRectF
    body: QRectF
    radius: float
    role: str
    line: str
    fill: str
    ghost: QRectF = field(default_factory=QRectF)
    hatch: list[QLineF] = field(default_factory=list)
    gauge: QRectF = field(default_factory=QRectF)
    level: QRectF = field(default_factory=QRectF)
    track: str = ""
    plate: QRectF = field(default_factory=QRectF)
    texts: list[Text] = field(default_factory=list)
    badge: str = ""
    gone: bool = False

    def paint(self, painter: QPainter, ink: Ink, heavy: float) -> None:
        """Paint the box without what is written on it."""
        if self.gone:
            draw_gone(painter, self.body, self.radius, ink, heavy)
            return
        draw_box(painter, self.body, self.radius, self.role, self.line, self.fill, ink, heavy)
        if self.hatch:
            draw_ghost(painter, self.ghost, self.hatch, self.role, self.line, ink)
        if self.track:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.brush(self.track))
            painter.drawRoundedRect(self.gauge, 2, 2)
            painter.setBrush(ink.brush(self.line))
            painter.drawRoundedRect(self.level, 2, 2)

    def paint_words(self, painter: QPainter, ink: Ink, least: int) -> None:
        """Paint texts and the badge."""
        if self.texts and not self.plate.isEmpty():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.brush(self.fill))
            painter.drawRoundedRect(self.plate, 6, 6)
        paint_texts(painter, self.texts, ink)
        if not self.badge:
            return
        if least <= LARGEST_BADGE:
            wide = ink.width("tag", least, self.badge) > 0.45 * self.rect.width()
            # On a narrow box it stands above the name instead of on its corner.
            right, middle = (
                self.rect.right() + 10,
                self.rect.top() - (0.75 if wide else 0.55) * least,
            )
            draw_badge(painter, right, middle, self.badge, self.role, least, ink)
        elif self.role == "selected":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.brush(ink.palette.roles[self.role].tag))
            side = min(34.0, 0.75 * least)
            spot = QRectF(self.rect.right() - side / 2, self.rect.top() - side / 2, side, side)
            painter.drawEllipse(spot)


def make_frames(place: BoxPlace, look: BlockLook, index: int, least: int, ink: Ink) -> list[Frame]:
    """Return the boxes of a block.

    Parameters
    ----------
    place : BoxPlace
    look : BlockLook
    index : int
        The block's.
    least : int
        Smallest size of a text, in the drawing's units.
    ink : Ink
    """
    frames = _frames(place, look, index, least, ink)
    if look.gone:
        for frame in frames:
            frame.gone = True
    return frames


def _frames(place: BoxPlace, look: BlockLook, index: int, least: int, ink: Ink) -> list[Frame]:
    if place.parts and len(place.parts) == len(look.parts):
        if place.small:
            pairs = zip(place.parts, look.parts, strict=True)
            return [_piece(part, piece, least, ink) for part, piece in pairs]
        shown = {part.source: part for part in look.parts}
        return [
            _scale(part, shown[part.source], look, number, least, ink)
            for number, part in enumerate(place.parts)
        ]
    if place.small:
        return [_pill(place, look, index, least, ink)]
    return [_block(place, look, index, least, ink)]


def _pill(place: BoxPlace, look: BlockLook, index: int, least: int, ink: Ink) -> Frame:
    rect = QRectF(0, 0, place.width, place.height)
    frame = Frame(rect, rect, place.height / 2, look.role, look.line, look.fill, badge="")
    choices = (look.title, f"{index}")
    colour = ink.palette.text_dim if look.gone else ink.palette.text
    frame.texts = centred(ink, "small", least, colour, rect, choices)
    return frame


def _piece(place: PartPlace, look: PartLook, least: int, ink: Ink) -> Frame:
    """Make one piece of a Concat's bar."""
    rect = QRectF(place.x, place.y, place.width, place.height)
    if look.gone:
        return Frame(rect, QRectF(rect), 3.0, "", look.line, look.fill, gone=True)
    role = "cascade" if look.after < look.before else ""
    line = ink.palette.roles[role].line if role else look.line
    frame = Frame(rect, QRectF(rect), 3.0, "", line, look.fill)
    frame.body.setWidth(rect.width() * look.after / max(1, look.before))
    _hatch(frame, rect.width() - frame.body.width())
    colour = ink.palette.roles[role].tag if role else ink.palette.text
    frame.texts = centred(
        ink, "tag" if role else "small", least, colour, frame.body, (look.widths,)
    )
    return frame


def _scale(
    place: PartPlace, look: PartLook, whole: BlockLook, number: int, least: int, ink: Ink
) -> Frame:
    """Make the box of one scale of a head."""
    rect = QRectF(place.x, place.y, place.width, place.height)
    adjusts = any(part.tag for part in whole.parts)
    role = whole.role if whole.role != "cascade" or look.tag or not adjusts else ""
    ghost = box_width(look.before) - box_width(look.after)
    role = "" if look.gone else role
    frame = Frame(rect, QRectF(rect), RADIUS, role, look.line, look.fill, gone=look.gone)
    frame.body.setWidth(rect.width() - ghost)
    _hatch(frame, ghost)
    _gauge(frame, look.level, rect.height(), ink)
    dim = ink.palette.text_dim if whole.dim else ink.palette.text
    title = f"{look.title} {place.name}"
    if ink.width("bold", max(SIZES["bold"], least), title) > frame.body.width() - LEFT - RIGHT:
        title = place.name  # which scale it is says more than half of the type
    words = Words(title, place.name, look.share, look.widths, rather=True)
    frame.texts = box_texts(words, frame.body, least, dim, ink)
    if look.gone:
        frame.texts = _pale(frame.texts, ink)
    if number == 0 and whole.role == "selected":
        frame.badge, frame.role = whole.tag, "selected"
    elif role == "cascade":
        frame.badge = look.tag or (whole.tag if number == 0 else "")
    elif role and number == 0:
        frame.badge = whole.tag
    return frame


def _block(place: BoxPlace, look: BlockLook, index: int, least: int, ink: Ink) -> Frame:
    """Make the box of an ordinary block, or the frame around an opened one."""
    rect = QRectF(0, 0, place.width, place.height)
    ghost = max(0.0, box_width(look.before) - box_width(look.after))
    if look.role == "selected" and look.tag:
        ghost = max(ghost, LEAST_GHOST)
    frame = Frame(rect, QRectF(rect), RADIUS, look.role, look.line, look.fill, badge=look.tag)
    head = QRectF(0, 0, place.width - ghost, HEADER if place.opened else place.height)
    if not place.opened:
        frame.body = QRectF(head)
    _hatch(frame, ghost, head.height())
    _gauge(frame, look.level, head.height(), ink)
    if place.opened and 1.1 * least > HEADER:  # the name covers the diagram
        head = QRectF(0, 0, place.width, min(place.height, 1.5 * least))
        frame.plate = head.adjusted(2, 2, -2, 0)
    dim = ink.palette.text_dim if look.dim else ink.palette.text
    words = Words(f"{index} {look.title}", f"{index}", look.share, look.widths)
    # On a plate the name needs the gauge's room too.
    room = head.adjusted(4 - LEFT, 0, RIGHT - 4, 0) if not frame.plate.isEmpty() else head
    frame.texts = box_texts(words, room, least, dim, ink)
    if look.gone:
        frame.texts = _pale(frame.texts, ink)
    return frame


def _pale(texts: list[Text], ink: Ink) -> list[Text]:
    """Write on what goes more quietly, yet so that it can be read."""
    return [text._replace(colour=ink.palette.text_dim) for text in texts]


def _hatch(frame: Frame, ghost: float, height: float = 0.0) -> None:
    """Put the ghost of what goes at the end of a box."""
    if ghost < 1.0:
        return
    rect, ghost = frame.rect, round(2 * ghost) / 2
    frame.ghost = QRectF(rect.right() - ghost, rect.top(), ghost, height or rect.height())
    frame.hatch = hatch_lines(frame.ghost)


def _gauge(frame: Frame, level: float, height: float, ink: Ink) -> None:
    """Put the gauge of the cost at the beginning of a box."""
    frame.gauge = QRectF(frame.rect.left() + 5, frame.rect.top() + 6, 4, height - 12)
    full = frame.gauge.height()
    filled = max(2.0, full * level) if level > 0 else 0.0
    frame.level = frame.gauge.adjusted(0, full - filled, 0, 0)
    frame.track = mix(frame.fill, ink.palette.text, 0.12)
