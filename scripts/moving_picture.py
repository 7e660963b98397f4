"""The moving picture at the top of README: select, see what follows, prune; as a GIF.

It drives the window as a person does, by the mouse, on the demo's network, and draws the pointer
into the frames. Runs without a display: ``python scripts/moving_picture.py [-o FILE]``.
"""

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QStyle, QStyleOptionSlider, QWidget

from scripts.screenshots import HOME, ROOT, Camera

SIZE, WIDTH = (1200, 750), 960
FRAME_MS, COLOURS = 100, 128
BLOCK, PERCENT = 4, 50
LEFT = Qt.MouseButton.LeftButton
ARROW = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)]


class Film(Camera):
    """Takes one picture after the other, with the pointer in it."""

    def __init__(self) -> None:
        super().__init__(HOME, "light")
        self.window.resize(*SIZE)
        self.settle()
        self.frames: list[Image.Image] = []
        self.at = QPointF(SIZE[0] * 0.55, SIZE[1] * 0.8)

    def shoot(self, repeats: int = 1, dialog: QWidget | None = None) -> None:
        """Add a frame that stays for as long as so many."""
        picture = self.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        painter = QPainter(picture)
        if dialog is not None:
            corner = dialog.mapToGlobal(QPoint()) - self.window.mapToGlobal(QPoint())
            painter.fillRect(picture.rect(), QColor(0, 0, 0, 60))
            painter.drawPixmap(corner, dialog.grab())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(self.at)
        painter.setPen(QPen(QColor("white"), 1.5))
        painter.setBrush(QColor("black"))
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in ARROW]))
        painter.end()
        stride, size = picture.bytesPerLine(), (picture.width(), picture.height())
        frame = Image.frombuffer("RGB", size, bytes(picture.constBits()), "raw", "RGB", stride)
        small = frame.resize((WIDTH, round(WIDTH * size[1] / size[0])), Image.Resampling.LANCZOS)
        self.frames.extend([small] * repeats)

    def move(self, widget: QWidget, point: QPoint, frames: int = 6) -> None:
        """Move the pointer to a place in a widget."""
        aim = QPointF(widget.mapTo(self.window, point))
        start = self.at
        for number in range(1, frames + 1):
            share = number / frames
            self.at = start + (aim - start) * (share * share * (3 - 2 * share))
            self.shoot()

    def click(self, widget: QWidget, point: QPoint | None = None) -> None:
        """Move there and click."""
        point = widget.rect().center() if point is None else point
        self.move(widget, point)
        QTest.mouseClick(widget, LEFT, pos=point)
        self.settle()
        self.shoot(3)

    def drag(self, slider: QWidget, percent: int) -> None:
        """Drag a slider's handle from where it is to a percentage."""
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        part = QStyle.SubControl.SC_SliderHandle, QStyle.ComplexControl.CC_Slider
        handle = slider.style().subControlRect(part[1], option, part[0], slider)
        way = slider.width() - handle.width()
        at = handle.center()
        self.move(slider, at)
        QTest.mousePress(slider, LEFT, pos=at)
        end = handle.width() // 2 + round(way * percent / slider.maximum())
        for x in range(at.x(), end, max(1, (end - at.x()) // 24)):
            self.at = QPointF(slider.mapTo(self.window, QPoint(x, at.y())))
            QTest.mouseMove(slider, QPoint(x, at.y()))
            self.settle(0.15)
            self.shoot()
        QTest.mouseRelease(slider, LEFT, pos=QPoint(end, at.y()))
        self.settle(1.0)
        self.shoot(12)

    def save(self, path: Path) -> None:
        """Write the frames; those that stay are one longer frame."""
        some = self.frames[:: max(1, len(self.frames) // 8)] + self.frames[-1:]
        sheet = Image.new("RGB", (WIDTH, some[0].height * len(some)))
        for number, frame in enumerate(some):
            sheet.paste(frame, (0, number * frame.height))
        palette = sheet.quantize(COLOURS, dither=Image.Dither.NONE)
        kept, times = [], []
        for frame in self.frames:
            same = bool(kept) and kept[-1] is frame
            if same:
                times[-1] += FRAME_MS
            else:
                kept.append(frame)
                times.append(FRAME_MS)
        small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in kept]
        small[0].save(
            path, save_all=True, append_images=small[1:], duration=times, loop=0, optimize=True
        )


def play(film: Film, model: Path) -> None:
    """Do what the film is about."""
    from app.pruning.result_dialog import ResultDialog

    window = film.window
    window.open_paths([str(model)])
    film.wait(lambda: window.session.model is not None and window.session.scores is not None)
    window.engine.start_engine()
    film.wait(lambda: window.engine.state.phase == "ready")
    film.settle(0.6)
    film.shoot(8)
    view = window.host.view
    box = view.scene().blocks[BLOCK].sceneBoundingRect().center()
    film.click(view.viewport(), view.mapFromScene(box))
    film.click(window.header.modes.buttons["plan"])
    panel = window.workspace["plan"].widget()
    film.drag(panel.slider, PERCENT)
    QFileDialog.getSaveFileName = lambda *a, **k: (str(HOME / "demo-pruned.pt"), "")
    film.click(panel.prune)
    film.wait(lambda: window.findChild(ResultDialog) is not None)
    dialog = window.findChild(ResultDialog)
    film.settle()
    film.shoot(30, dialog)
    dialog.accept()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    output = ROOT / "docs" / "images" / "select-cascade-prune.gif"
    parser.add_argument("-o", "--output", type=Path, default=output)
    options = parser.parse_args()
    application = QApplication(sys.argv[:1])
    application.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    model = HOME / "demo.pt"
    shutil.copy(ROOT / "resources" / "demo" / "demo.pt", model)
    film = Film()
    try:
        play(film, model)
        film.save(options.output)
        print(options.output)
    finally:
        film.close()
        shutil.rmtree(HOME, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
