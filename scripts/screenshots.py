"""Pictures of the window's main states, light and dark, into docs/images.

They show YOLOv8n on images of COCO where its files are (SECATEUR_DATA), else the demo's network.
Those of comparing and of the history are of a demo that was run: ``scripts/demo_pictures.py``.

Runs without a display: ``python scripts/screenshots.py [FOLDER]``.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QFileDialog

from app.choose.feature import ChooseFeature
from app.data.feature import DataFeature
from app.pruning.feature import PruningFeature
from app.sensitivity.feature import SensitivityFeature

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="secateur-screenshots-"))
os.environ["QT_QPA_PLATFORM"] = "offscreen"
for place in ("CONFIG", "DATA", "STATE"):
    os.environ[f"XDG_{place}_HOME"] = str(HOME / place.lower())
SIZE = (1440, 900)
DATA = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared" / "data"))
SECONDS = 600


class Camera:
    """Drives one window and takes its picture."""

    def __init__(self, folder: Path, kind: str):
        from app.window.main_window import MainWindow

        self.folder, self.kind, self.trouble = folder, kind, ""
        self.window = MainWindow()
        self.window.session.messageRaised.connect(self._hear)
        self.window.resize(*SIZE)
        self.window.workspace.reset()
        self.window.actions_table.by_id[f"look_{kind}"].trigger()
        self.window.show()
        self.settle()

    def _hear(self, message):
        if message.kind == "error":
            self.trouble = f"{message.text} {message.hint}"

    def settle(self, seconds=0.3):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def wait(self, condition):
        end = time.monotonic() + SECONDS
        while not condition():
            QApplication.processEvents()
            time.sleep(0.005)
            if self.trouble:
                raise RuntimeError(self.trouble)
            if time.monotonic() > end:
                raise TimeoutError("the window did not get there")
        self.settle()

    def plan(self, *pairs):
        from app.state import plan_edits

        session = self.window.session
        for block, ratio in pairs:
            session.select({block})
            session.edit(plan_edits.set_ratio(session.plan, {block}, ratio))
        self.settle()

    def show(self, panel):
        self.window.workspace.go_to(panel)
        self.settle(0.6)

    def take(self, name, dialog=None):
        self.settle()
        picture = self.window.grab()
        if dialog is not None:
            picture = over(picture, dialog.grab())
        path = self.folder / f"{name}-{self.kind}.png"
        picture.save(str(path))
        print(path)

    def part(self, name, widget):
        """Take a picture of a part of the window, or of another one, in few colours."""
        from PIL import Image

        self.settle()
        path = self.folder / f"{name}-{self.kind}.png"
        widget.grab().save(str(path))
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        print(path)

    def close(self):
        self.window.session.undo_stack.setClean()
        self.window.session._extra_unsaved = False
        self.window.close()


def over(picture: QPixmap, dialog: QPixmap) -> QPixmap:
    """Lay a dialog over the window, as a screen would show the two."""
    painter = QPainter(picture)
    painter.fillRect(picture.rect(), QColor(0, 0, 0, 60))
    corner = QPoint(
        (picture.width() - dialog.width()) // 2, (picture.height() - dialog.height()) // 2
    )
    painter.drawPixmap(QPointF(corner), dialog)
    painter.setPen(QColor(128, 128, 128))
    painter.drawRect(corner.x(), corner.y(), dialog.width() - 1, dialog.height() - 1)
    painter.end()
    return picture


def shoot_images(camera: Camera, options: argparse.Namespace) -> None:
    """Pictures of what needs a dataset: a suggestion, a scan."""
    data = HOME / "dataset"
    if not data.exists():  # Ultralytics writes beside the labels
        shutil.copytree(options.data.parent, data)
    window = camera.window
    choosing = window.features[ChooseFeature].controller
    checking = window.features[DataFeature].controller
    jobs, measured = window.engine, window.session.measured
    window.session.undo_stack.setIndex(0)
    checking.set_data(str(data / options.data.name))
    checking.change_data(images=options.images, image_size=options.size)
    window.pane.messages.dismiss_key("data")
    window.session.select({18})
    camera.show("blocks")
    camera.show("choose")
    choosing.suggest()
    camera.wait(lambda: not jobs.running("suggest"))
    panel = window.workspace["choose"].widget()
    panel.folds["images"].toggle()
    camera.take("suggest")
    panel.folds["images"].toggle()
    window.session.undo_stack.undo()
    camera.show("sensitivity")
    window.session.select({6})
    window.features[SensitivityFeature].controller.scan((0.25, 0.5, 0.75))
    # The picture is of a scan that runs, with some blocks still to come.
    camera.wait(lambda: len(measured.points) >= 34 or not jobs.running("sensitivity"))
    camera.take("sensitivity")
    for job in jobs.running("sensitivity"):
        jobs.cancel(job.number)
    camera.wait(lambda: not jobs.running())


def shoot_tuning(camera: Camera, options: argparse.Namespace) -> None:
    """A picture of a fine-tuning that runs."""
    from app.kit.controls import choose

    window = camera.window
    runs, panel = window.context.jobs, window.workspace["tuning"].widget()
    camera.show("tuning")
    window.workspace.drawer.set_open(False)
    form = panel.form
    choose(form.length, "epochs")
    form.amount.setValue(options.epochs)
    choose(form.image_size, options.size)
    form.begin.click()
    camera.wait(lambda: bool(runs.active))
    # The picture is of a training under way, with some epochs still to come.
    shown = options.epochs * 2 // 3
    camera.wait(lambda: runs.snapshot and (runs.snapshot.epoch >= shown or not runs.active))
    camera.take("tuning")
    panel.cancel.click()
    camera.wait(lambda: not runs.active)
    window.pane.messages.dismiss_key("run")


def shoot_shipping(camera: Camera, options: argparse.Namespace) -> None:
    """Pictures of measured times with the milliseconds of every block, and of an export."""
    from app.state.deliverables import exports_of, times_of

    window = camera.window
    camera.show("latency")
    window.workspace.drawer.set_open(False)
    latency = window.workspace["latency"].widget()
    camera.wait(lambda: bool(latency.runtimes))
    latency.image_size.setCurrentIndex(latency.image_size.findData(options.time_size))
    latency.threads.setValue(1)
    if window.session.measured.clock is None:
        latency.target.time.click()
        camera.wait(lambda: window.session.measured.clock is not None)
    latency.run.click()
    camera.wait(lambda: times_of(window.session) is not None)
    latency.target.slider.setValue(70)
    window.session.set_overlay("latency")
    camera.take("latency")
    window.session.set_overlay("none")
    camera.show("export")
    panel = window.workspace["export"].widget()
    camera.wait(lambda: panel.run.isEnabled())
    panel.image_size.setCurrentIndex(panel.image_size.findData(options.time_size))
    for form, ending in (("torchscript", ".torchscript"), ("onnx", ".onnx")):
        panel.form.setCurrentIndex(panel.form.findData(form))
        output = Path(panel.network.currentData()).with_suffix(ending)
        QFileDialog.getSaveFileName = lambda *a, name=output, **k: (str(name), "")
        count = len(exports_of(window.session))
        panel.run.click()
        camera.wait(lambda count=count: len(exports_of(window.session)) > count)
    window.pane.messages.dismiss_key("export")
    camera.take("export")


def shoot(kind: str, options: argparse.Namespace) -> None:
    camera = Camera(options.folder, kind)
    shoot_opening(camera, options)
    shoot_plan(camera)
    shoot_pruning(camera)
    shoot_shipping(camera, options)
    shoot_images(camera, options)
    shoot_tuning(camera, options)
    camera.close()


def shoot_opening(camera: Camera, options: argparse.Namespace) -> None:
    """Pictures of the window without and with a network."""
    own = HOME / options.model.name
    shutil.copy(options.model, own)
    window = camera.window
    camera.take("empty")
    window.open_paths([str(own)])
    camera.wait(lambda: window.session.model is not None and window.session.scores is not None)
    window.engine.start_engine()
    camera.wait(lambda: window.engine.state.phase == "ready")
    structures = window.session.structures
    structures.want_parts()  # else the pictures would show that they are looked for
    camera.wait(lambda: structures.parts is not None)
    camera.take("model")


def shoot_plan(camera: Camera) -> None:
    """Pictures of what a plan does: cascade, conflicts, a block's inside, and why."""
    from app.plan.why_dialog import WhyDialog

    window = camera.window
    camera.plan((4, 0.5), (5, 0.5))
    window.session.select({5})
    window.session.explain_block(15)
    camera.show("blocks")
    camera.take("cascade")
    window.session.undo_stack.setIndex(0)
    camera.plan((10, 0.5), (2, 0.5), (6, 0.25))
    camera.show("conflicts")
    camera.take("conflicts")
    window.session.undo_stack.setIndex(0)
    camera.plan((6, 0.5))
    window.host.view.open_block(6)
    window.session.focus_layer("model.6.cv1.conv")
    window.host.view.fit()
    camera.show("flow")
    camera.take("inspector")
    window.host.view.close_all()
    window.host.view.fit()
    window.actions_table.by_id["why"].trigger()
    dialog = window.findChild(WhyDialog)
    dialog.source.setCurrentIndex(4)
    dialog.target.setCurrentIndex(15)
    camera.take("why", dialog)
    dialog.accept()
    shoot_structure(camera)


def shoot_structure(camera: Camera) -> None:
    """A picture of a unit, a scale and classes that a plan removes."""
    from app.state import plan_edits
    from core.plan.schema import parse_plan

    session = camera.window.session
    entries = [{"block": 6, "units": [1]}, {"scale": 32}, {"block": 4, "ratio": 0.5}]
    plan = parse_plan({"version": 1, "selection": entries, "classes": [0, 1, 2]})
    before = session.undo_stack.index()
    session.edit(plan_edits.replace_plan(plan, "Remove structure"))
    camera.wait(lambda: not session.structures.pending)
    session.select({6})
    camera.window.host.view.open_block(6)
    camera.window.host.view.fit()
    camera.show("plan")
    camera.window.workspace.drawer.set_open(False)
    camera.take("structure")
    camera.window.workspace.drawer.set_open(True)
    camera.window.host.view.close_all()
    camera.window.host.view.fit()
    session.undo_stack.setIndex(before)


def shoot_pruning(camera: Camera) -> None:
    """A picture of the results of a pruning."""
    from app.pruning.result_dialog import ResultDialog

    window = camera.window
    window.session.select(window.session.model.predictor.prunable - {22})
    window.workspace["plan"].widget().slider.setValue(40)
    camera.settle()
    QFileDialog.getSaveFileName = lambda *a, **k: (str(HOME / "yolov8n-pruned.pt"), "")
    window.features[PruningFeature].controller.prune()
    camera.show("jobs")
    camera.wait(lambda: window.findChild(ResultDialog) is not None)
    dialog = window.findChild(ResultDialog)
    camera.take("pruned", dialog)
    dialog.accept()


def parse() -> argparse.Namespace:
    """Return what is asked for; sizes and counts are enough to show what there is to see."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--model", type=Path, help="a YOLOv8n")
    parser.add_argument(
        "--data", type=Path, help="a dataset of its classes, in a folder of its own"
    )
    parser.add_argument("--looks", nargs="+", default=["light", "dark"], choices=["light", "dark"])
    parser.add_argument("--images", type=int, default=16, help="to rank by and to scan with")
    parser.add_argument("--size", type=int, default=160, help="of these images, and in training")
    parser.add_argument("--time-size", type=int, default=320, help="of images that are timed")
    parser.add_argument("--epochs", type=int, default=12, help="of the training shown")
    options = parser.parse_args()
    known = DATA / "yolov8n-coco.pt", DATA / "coco128" / "coco128.yaml"
    if not all(path.is_file() for path in known):
        from resources.scenes import write_dataset

        known = ROOT / "resources" / "demo" / "demo.pt", HOME / "drawn" / "data.yaml"
        if options.data is None:
            write_dataset(known[1].parent)
    options.model, options.data = options.model or known[0], options.data or known[1]
    return options


def main() -> int:
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    application.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    try:
        for kind in options.looks:
            shoot(kind, options)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
