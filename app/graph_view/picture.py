"""The whole drawing as a picture: SVG for documents, PNG at twice its size, or the clipboard."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QRectF, QSize
from PySide6.QtGui import QGuiApplication, QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsScene

from core.errors import UserError
from core.system.files import write_bytes

SCALE = 2.0
LARGEST = 16_000
"""Side of the largest picture in pixels; beyond it the scale is reduced."""


def render_image(scene: QGraphicsScene, scale: float = SCALE) -> QImage:
    """Return the drawing as an image."""
    area = scene.sceneRect()
    scale = min(scale, LARGEST / max(area.width(), area.height(), 1.0))
    size = QSize(max(1, round(area.width() * scale)), max(1, round(area.height() * scale)))
    image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    scene.render(painter, QRectF(QRect(0, 0, size.width(), size.height())), area)
    painter.end()
    return image


def copy_scene(scene: QGraphicsScene) -> None:
    """Put the drawing on the clipboard."""
    QGuiApplication.clipboard().setImage(render_image(scene))


def save_scene(scene: QGraphicsScene, path: Path) -> None:
    """Write the drawing as SVG or PNG.

    Raises
    ------
    UserError
        When the name ends neither in ``.svg`` nor in ``.png``, or the file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise UserError(
            f"A picture is saved as .svg or .png, not as {path.suffix or path.name}.",
            "Choose a file name with one of these suffixes.",
        )
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if kind == ".png":
        QImageWriter(buffer, QByteArray(b"png")).write(render_image(scene))
    else:
        _write_svg(scene, buffer)
    write_bytes(path, bytes(buffer.data().data()))


def _write_svg(scene: QGraphicsScene, device: QIODevice) -> None:
    area = scene.sceneRect()
    generator = QSvgGenerator()
    generator.setOutputDevice(device)
    generator.setSize(area.size().toSize())
    generator.setViewBox(QRectF(0, 0, area.width(), area.height()))
    generator.setTitle("Network graph")
    generator.setDescription("Drawn by Secateur")
    painter = QPainter(generator)
    scene.render(painter, QRectF(0, 0, area.width(), area.height()), area)
    painter.end()
