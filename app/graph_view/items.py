"""The items of the scene: a block with its inside, and a line between two blocks."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.graph_view.colours import mix
from app.graph_view.ink import (
    DETAIL,
    FAR,
    Ink,
    arrow_head,
    draw_lock,
    draw_tag,
    draw_tick,
    rounded_line,
)
from app.graph_view.inner import InnerPicture
from app.graph_view.looks import BlockLook, EdgeLook
from core.drawing.layout import HEADER
from core.drawing.places import BoxPlace, EdgePlace, InsidePlace

RADIUS = 8.0
HALO = 12.0
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


class BlockItem(QGraphicsItem):
    """One block. Paints what its look says and asks for nothing."""

    def __init__(self, index: int, ink: Ink) -> None:
        super().__init__()
        self.index = index
        self.ink = ink
        self.look: BlockLook | None = None
        self.place: BoxPlace | None = None
        self.inner = InnerPicture(InsidePlace((), (), 0, 0))
        self.body = QRectF()
        self.entries: tuple[tuple[float, str], ...] = ()
        self.repaints = 0
        self.setZValue(2)

    def set_place(
        self,
        place: BoxPlace,
        inside: InsidePlace | None,
        entries: tuple[tuple[float, str], ...] = (),
    ) -> None:
        """Move the block, with the diagram of its inside if it is open.

        Parameters
        ----------
        place : BoxPlace
        inside : InsidePlace or None
        entries : tuple of (float, str)
            Height and name of each line that enters a tall box.
        """
        if entries != self.entries:
            self.entries = entries
            self.update()
        if place != self.place:
            self.prepareGeometryChange()
            self.place = place
            self.body = QRectF(0, 0, place.width, place.height)
            self.setPos(place.x, place.y)
        if inside is not self.inner.place:
            self.inner = InnerPicture(inside or InsidePlace((), (), 0, 0))
            self.update()

    def set_look(self, look: BlockLook) -> bool:
        """Take a new look; returns whether it differs and will be painted."""
        if look == self.look:
            return False
        self.look = look
        self.update()
        return True

    def set_ink(self, ink: Ink) -> None:
        """Change the palette."""
        self.ink = ink
        self.update()

    def layer_at(self, position: QPointF) -> str:
        """Return the name of the layer under a point of the item, or an empty text."""
        if self.place is None or not self.place.opened:
            return ""
        return self.inner.layer_at(position - self._inside_origin())

    def _inside_origin(self) -> QPointF:
        extra = self.body.width() - self.inner.place.width
        return QPointF(max(0.0, extra / 2), HEADER)

    def boundingRect(self) -> QRectF:
        """Return the box with room for its outline and tag."""
        return self.body.adjusted(-HALO, -HALO, HALO, HALO)

    def shape(self) -> QPainterPath:
        """Return the box alone."""
        path = QPainterPath()
        path.addRect(self.body)
        return path

    # ---- painting ------------------------------------------------------------------------------

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the box with as much detail as the zoom can show."""
        look, place = self.look, self.place
        if look is None or place is None:
            return
        self.repaints += 1
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        self._paint_body(painter, look, place, zoom)
        if zoom < FAR:
            return
        if place.small:
            self._paint_small(painter, look, zoom)
        else:
            self._paint_header(painter, look, zoom)
            self._paint_bar(painter, look, place)
        if self.entries and not place.opened and zoom >= DETAIL:
            self._paint_entries(painter, look)
        if place.opened:
            painter.save()
            painter.translate(self._inside_origin())
            self.inner.paint(painter, look, self.ink, zoom, option.exposedRect)
            painter.restore()
        if look.tag and zoom >= DETAIL:
            role = self.ink.palette.roles.get(look.role or "selected")
            if role is not None:
                right = self.body.right() - 10
                draw_tag(painter, right, -3.0, look.tag, role.tag, role.tag_text, self.ink)

    def _paint_body(self, painter: QPainter, look: BlockLook, place: BoxPlace, zoom: float) -> None:
        palette = self.ink.palette
        role = palette.roles.get(look.role)
        if look.focused or look.matched or look.lit:
            self._paint_halo(painter, look)
        fill = look.fill or (role.fill if role else palette.box)
        if place.small and not look.fill and role is None:
            fill = palette.small_box
        line = role.line if role else palette.border
        width = 1.8 if role else 1.0
        if look.selected:
            line, width = palette.roles["selected"].line, 2.4
            if not look.fill and role is None:
                fill = palette.roles["selected"].fill
        painter.setPen(self.ink.pen(line, width))
        painter.setBrush(self.ink.brush(fill))
        if zoom < FAR:
            painter.drawRect(self.body)
            return
        painter.drawRoundedRect(self.body, RADIUS, RADIUS)
        if place.opened:
            inside = QRectF(self.body).adjusted(1.5, 0, -1.5, -1.5)
            inside.setTop(HEADER)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.ink.brush(palette.inner))
            painter.drawRoundedRect(inside, RADIUS - 2, RADIUS - 2)

    def _paint_halo(self, painter: QPainter, look: BlockLook) -> None:
        palette = self.ink.palette
        colour = palette.match if look.matched else palette.focus
        glow = mix(palette.lane, colour, 0.75 if look.matched else 0.4 if look.lit else 0.0)
        around = self.body.adjusted(-4, -4, 4, 4)
        if look.lit or look.matched:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.ink.brush(glow))
            painter.drawRoundedRect(around, RADIUS + 4, RADIUS + 4)
        if look.focused:
            pen = self.ink.pen(palette.focus, 1.5)
            dashed = type(pen)(pen)
            dashed.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(dashed)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(around, RADIUS + 4, RADIUS + 4)

    def _paint_header(self, painter: QPainter, look: BlockLook, zoom: float) -> None:
        """Paint number, type, share of the cost; below them the widths and the marks."""
        ink, palette = self.ink, self.ink.palette
        dim = palette.text if look.fill else palette.text_dim
        width = self.body.width()
        top = QRectF(12, 6, width - 24, 18)
        low = QRectF(12, 24, width - 24, 17)
        if zoom < DETAIL:
            self._paint_strokes(painter, [(top, 0.55), (low, 0.7)])
            return
        painter.setFont(ink.bold)
        painter.setPen(ink.pen(dim))
        number = f"{self.index}"
        painter.drawText(top, LEFT, number)
        shift = painter.fontMetrics().horizontalAdvance(number) + 8
        painter.setPen(ink.pen(palette.text))
        metrics = painter.fontMetrics()
        room = int(top.width() - shift - (4.0 + 7.0 * len(look.share)))
        title = look.title
        if metrics.horizontalAdvance(title) > room:
            title = metrics.elidedText(title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(top.adjusted(shift, 0, 0, 0), LEFT, title)
        painter.setFont(ink.small)
        painter.setPen(ink.pen(dim))
        painter.drawText(top.translated(0, 1), RIGHT, look.share)
        painter.setFont(ink.plain)
        painter.setPen(ink.pen(palette.text))
        painter.drawText(low, LEFT, look.widths)
        self._paint_marks(painter, look, low)

    def _paint_marks(self, painter: QPainter, look: BlockLook, row: QRectF) -> None:
        palette = self.ink.palette
        x = row.right() - 10
        if look.locked or look.fixed:
            quiet = palette.text if look.fill else palette.lock
            colour = palette.roles["selected"].line if look.locked else quiet
            draw_lock(painter, QPointF(x, row.top() + 2), self.ink, colour)
            x -= 16
        if look.eligible:  # a tick in a ring: may go on its own
            colour = palette.text if look.fill else palette.eligible
            draw_tick(painter, QPointF(x - 1, row.top() + 2.5), self.ink, colour)

    def _paint_bar(self, painter: QPainter, look: BlockLook, place: BoxPlace) -> None:
        palette = self.ink.palette
        top = 42.0
        whole = QRectF(12, top, self.body.width() - 24, 3.5)
        role = palette.roles.get(look.role)
        fill = look.fill or (role.fill if role else palette.box)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(mix(fill, palette.text, 0.14)))
        painter.drawRoundedRect(whole, 2, 2)
        kept = QRectF(whole)
        kept.setWidth(whole.width() * min(1.0, max(0.0, look.kept)))
        # A whole bar says nothing new and stays quiet.
        quiet = mix(fill, palette.text, 0.5 if look.kept < 1 else 0.26)
        colour = role.line if role and look.kept < 1 else quiet
        painter.setBrush(self.ink.brush(colour))
        painter.drawRoundedRect(kept, 2, 2)

    def _paint_small(self, painter: QPainter, look: BlockLook, zoom: float) -> None:
        """Paint a block without weights: number, type, width; a Concat's shares as pieces."""
        ink, palette = self.ink, self.ink.palette
        dim = palette.text if look.fill else palette.text_dim
        row = self.body.adjusted(10, 2, -10, -5 if look.pieces else -2)
        if zoom < DETAIL:
            self._paint_strokes(painter, [(row.adjusted(0, 4, 0, -2), 0.7)])
        else:
            painter.setFont(ink.small)
            painter.setPen(ink.pen(dim))
            number = f"{self.index}"
            painter.drawText(row, LEFT, number)
            shift = painter.fontMetrics().horizontalAdvance(number) + 7
            painter.setPen(ink.pen(palette.text))
            painter.drawText(row.adjusted(shift, 0, 0, 0), LEFT, look.title)
            painter.setPen(ink.pen(dim))
            painter.drawText(row, RIGHT, look.widths.split(" → ")[-1])
        x = 10.0
        room = self.body.width() - 20 - 2.0 * max(0, len(look.pieces) - 1)
        painter.setPen(Qt.PenStyle.NoPen)
        for place, share in enumerate(look.pieces):
            colour = palette.pieces[place % len(palette.pieces)]
            painter.setBrush(ink.brush(colour))
            painter.drawRect(QRectF(x, self.body.height() - 6, room * share, 3))
            x += room * share + 2.0

    def _paint_entries(self, painter: QPainter, look: BlockLook) -> None:
        """Name the maps a tall head reads, each beside its line."""
        painter.setFont(self.ink.small)
        palette = self.ink.palette
        painter.setPen(self.ink.pen(palette.text if look.fill else palette.text_dim))
        for y, text in self.entries:
            row = QRectF(12, max(y, HEADER + 14) - 9, self.body.width() - 24, 18)
            painter.drawText(row, LEFT, text)

    def _paint_strokes(self, painter: QPainter, rows: list[tuple[QRectF, float]]) -> None:
        """Paint grey strokes where text would be too small to read."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(self.ink.palette.bar_kept))
        for row, share in rows:
            painter.drawRect(QRectF(row.left(), row.center().y() - 3, row.width() * share, 5))


class EdgeItem(QGraphicsItem):
    """One line between two blocks, with the channels it carries."""

    def __init__(self, place: EdgePlace, ink: Ink) -> None:
        super().__init__()
        self.ink = ink
        self.look = EdgeLook(place.label, "", False, False)
        self.place: EdgePlace | None = None
        self.repaints = 0
        self.set_place(place)

    def set_place(self, place: EdgePlace) -> None:
        """Move the line."""
        if place == self.place:
            return
        self.prepareGeometryChange()
        self.place = place
        self.path = rounded_line(place.points)
        self.head = arrow_head(place.points)
        x, y = place.label_at
        self.label_rect = QRectF(x - 26, y - 7, 52, 14)
        self.bounds = self.path.boundingRect().adjusted(-8, -8, 8, 8) | self.label_rect

    def set_look(self, look: EdgeLook) -> bool:
        """Take a new look; returns whether it differs and will be painted."""
        if look == self.look:
            return False
        self.look = look
        self.setZValue(1.5 if look.path else 1.2 if look.lit else 1.0)
        self.update()
        return True

    def set_ink(self, ink: Ink) -> None:
        """Change the palette."""
        self.ink = ink
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the line with its arrow head and label."""
        return self.bounds

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the line, its head, and above a certain zoom its label."""
        if self.place is None:
            return
        self.repaints += 1
        palette, look = self.ink.palette, self.look
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        colour = palette.edge_lit if look.path or look.lit else palette.edge
        if look.role and not (look.path or look.lit):
            colour = palette.roles[look.role].line
        painter.setPen(self.ink.pen(colour, 3.2 if look.path else 2.2 if look.lit else 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self.path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(colour))
        painter.drawPath(self.head)
        if self.place.joins_at is not None:
            painter.drawEllipse(QPointF(*self.place.joins_at), 3.4, 3.4)
        if zoom >= DETAIL:
            self._paint_label(painter, look)

    def _paint_label(self, painter: QPainter, look: EdgeLook) -> None:
        palette = self.ink.palette
        painter.setFont(self.ink.small)
        width = painter.fontMetrics().horizontalAdvance(look.label) + 6
        rect = self.label_rect
        halo = QRectF(rect.center().x() - width / 2, rect.top(), width, rect.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(palette.background))
        painter.setOpacity(0.85)
        painter.drawRoundedRect(halo, 3, 3)
        painter.setOpacity(1.0)
        text = palette.roles[look.role].tag if look.role else palette.text_dim
        painter.setPen(self.ink.pen(text))
        painter.drawText(rect, CENTRE, look.label)
