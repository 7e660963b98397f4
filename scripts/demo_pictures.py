"""Pictures of the window on a demo that was run: ``python scripts/demo_pictures.py FOLDER``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import screenshots  # before Qt: it sets where settings are kept
from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtWidgets import QApplication


def tell(_kind: object, _context: object, text: str) -> None:
    """Print what Qt says, but for what a platform without a screen cannot do."""
    if "plugin does not support" not in text:
        print(text, file=sys.stderr)


def shoot(project: Path, folder: Path, kind: str) -> None:
    camera = screenshots.Camera(folder, kind)
    window = camera.window
    camera.take("empty")
    window.open_paths([str(project)])
    session = window.session
    camera.wait(lambda: session.model is not None and session.scores is not None)
    camera.take("plan")
    camera.show("conflicts")
    camera.take("conflicts")
    camera.show("compare")
    window.docks["compare"].widget().run.click()
    camera.wait(lambda: session.measured.comparison is not None)
    camera.take("compare")
    camera.close()


def main() -> int:
    place = Path(sys.argv[1]).absolute()
    folder = place / "screenshots"
    folder.mkdir(exist_ok=True)
    qInstallMessageHandler(tell)
    application = QApplication(sys.argv[:1])
    try:
        for kind in ("light", "dark"):
            shoot(place / "demo.secateur", folder, kind)
    finally:
        shutil.rmtree(screenshots.HOME, ignore_errors=True)
        application.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
