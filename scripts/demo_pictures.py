"""Pictures of the window on a demo that was run.

``python scripts/demo_pictures.py DEMO`` writes them to ``DEMO/screenshots``; with ``--docs``, those
of comparing and of the history are written to docs/images instead.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from scripts import screenshots  # it sets where settings are kept


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
    window.workspace["compare"].widget().run.click()
    camera.wait(lambda: session.measured.comparison is not None)
    camera.take("compare")
    camera.close()


def shoot_comparison(project: Path, folder: Path, kind: str) -> None:
    """Pictures of what the demo's networks have in common, image by image and step by step."""
    camera = screenshots.Camera(folder, kind)
    window = camera.window
    window.open_paths([str(project)])
    session = window.session
    camera.wait(lambda: session.model is not None and len(session.lineage.steps()) > 3)
    window.pane.messages.dismiss_key("demo")
    camera.show("compare")
    panel = window.workspace["compare"].widget()
    panel.run.click()
    camera.wait(lambda: session.measured.comparison is not None)
    camera.part("compare", window)
    session.undo_stack.setIndex(0)
    panel.tabs.setCurrentIndex(1)
    panel.view.table.selectRow(0)
    camera.part("compare-classes", window.workspace["compare"])
    panel.tabs.setCurrentIndex(2)
    session.set_overlay("compared_channels")
    camera.settle()
    panel.view.table.selectRow(
        next(n for n, cells in enumerate(panel.view.rows) if cells[0].changed)
    )
    camera.part("compare-layers", window)
    session.set_overlay("none")
    panel.tabs.setCurrentIndex(3)
    camera.settle(1.0)
    camera.part("compare-images", window.workspace["compare"])
    panel.view.opened(0)
    camera.settle(1.0)
    camera.part("compare-large", panel.view.dialog)
    panel.view.dialog.close()
    camera.show("history")
    camera.part("history", window.workspace["history"])
    camera.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="a folder that holds a demo that was run")
    images = screenshots.ROOT / "docs" / "images"
    parser.add_argument("--docs", nargs="?", type=Path, const=images, metavar="FOLDER")
    parser.add_argument("--looks", nargs="+", default=["light", "dark"], choices=["light", "dark"])
    options = parser.parse_args()
    place = options.demo.absolute()
    folder = options.docs or place / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    qInstallMessageHandler(tell)
    application = QApplication(sys.argv[:1])
    try:
        for kind in options.looks:
            if options.docs is not None:
                shoot_comparison(place / "demo.secateur", folder, kind)
            else:
                shoot(place / "demo.secateur", folder, kind)
    finally:
        shutil.rmtree(screenshots.HOME, ignore_errors=True)
        application.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
