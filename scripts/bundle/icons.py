"""The program's icon in every form a system asks for, from the one drawing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SVG = ROOT / "resources" / "icons" / "secateur.svg"
SIDES = (16, 24, 32, 48, 64, 128, 256, 512, 1024)
_ICO = (16, 24, 32, 48, 64, 128, 256)


@dataclass(frozen=True)
class Icons:
    """Where the forms are.

    Attributes
    ----------
    svg : Path
    ico, icns : Path
        Windows' and macOS' forms.
    pictures : dict of int to Path
        PNGs by their side in pixels.
    """

    svg: Path
    ico: Path
    icns: Path
    pictures: dict[int, Path]

    def for_platform(self) -> list[Path]:
        """Return what PyInstaller builds in here."""
        return {"win32": [self.ico], "darwin": [self.icns]}.get(sys.platform, [])


def make(folder: Path) -> Icons:
    """Draw all forms into a folder."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PIL import Image
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    folder.mkdir(parents=True, exist_ok=True)
    drawing = QSvgRenderer(str(SVG))
    pictures = {}
    for side in SIDES:
        image = QImage(side, side, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        drawing.render(painter, QRectF(0, 0, side, side))
        painter.end()
        pictures[side] = folder / f"secateur-{side}.png"
        if not image.save(str(pictures[side])):
            raise OSError(f"could not write {pictures[side]}")
    ico, icns = folder / "secateur.ico", folder / "secateur.icns"
    opened = {side: Image.open(path) for side, path in pictures.items()}
    largest = opened[max(SIDES)]
    small = [opened[side] for side in _ICO]
    largest.save(ico, sizes=[(side, side) for side in _ICO], append_images=small)
    largest.save(icns, append_images=[opened[side] for side in SIDES if side >= 32])
    return Icons(SVG, ico, icns, pictures)


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
