"""Pictures of the window's main states, light and dark, into docs/images.

Those of comparing and of the history are of a demo that was run: ``scripts/demo_pictures.py``.

Runs without a display: ``python scripts/screenshots.py [FOLDER]``.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from app.choose.feature import ChooseFeature
from app.data.feature import DataFeature
from app.pruning.feature import PruningFeature
from app.sensitivity.feature import SensitivityFeature

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="secateur-screenshots-"))
os.environ["QT_QPA_PLATFORM"] = "offscreen"
for place in ("CONFIG", "DATA", "STATE"):
    os.environ[f"XDG_{place}_HOME"] = str(HOME / place.lower())
sys.path.insert(0, str(ROOT))

from PySide6.QtCore import QPoint, QPointF, Qt  # noqa: E402
from PySide6.QtGui import QColor, QPainter, QPixmap  # noqa: E402
from PySide6.QtWidgets import QApplication, QFileDialog  # noqa: E402

SIZE = (1440, 900)
DATA = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared" / "data"))
SECONDS = 600
IMAGES, SIDE = 16, 160
"""How many images, and how large, the pictures look at: enough to show what there is to see."""


class Camera:
    """Drives one window and takes its picture."""

    def __init__(self, folder: Path, kind: str):
        from app.window.main_window import MainWindow

        self.folder, self.kind = folder, kind
        self.window = MainWindow()
        self.window.resize(*SIZE)
        self.window.workspace.reset()
        self.window.actions_table.by_id[f"look_{kind}"].trigger()
        self.window.show()
        self.settle()

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


def shoot_images(camera: Camera) -> None:
    """Pictures of what needs a dataset: a suggestion, a scan."""
    data = HOME / "coco128"
    if not (DATA / "coco128" / "coco128.yaml").is_file():
        print("no coco128: no pictures of suggestions and scans")
        return
    if not data.exists():
        shutil.copytree(DATA / "coco128", data)
    window = camera.window
    choosing = window.features[ChooseFeature].controller
    checking = window.features[DataFeature].controller
    jobs, measured = window.jobs, window.session.measured
    window.session.undo_stack.setIndex(0)
    checking.set_data(str(data / "coco128.yaml"))
    checking.change_data(images=IMAGES, image_size=SIDE)
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


def shoot_tuning(camera: Camera) -> None:
    """A picture of a fine-tuning that runs."""
    from app.kit.controls import choose

    window = camera.window
    if window.session.measured.data is None:
        return
    runs, panel = window.context.runs, window.workspace["tuning"].widget()
    camera.show("tuning")
    form = panel.form
    choose(form.length, "epochs")
    form.amount.setValue(12)
    choose(form.image_size, SIDE)
    form.begin.click()
    camera.wait(lambda: bool(runs.active))
    # The picture is of a training under way, with some epochs still to come.
    camera.wait(lambda: runs.snapshot and (runs.snapshot.epoch >= 8 or not runs.active))
    camera.take("tuning")
    panel.cancel.click()
    camera.wait(lambda: not runs.active)
    window.pane.messages.dismiss_key("run")


def shoot_shipping(camera: Camera) -> None:
    """Pictures of measured times with the milliseconds of every block, and of an export."""
    from app.state.deliverables import exports_of, times_of

    window = camera.window
    camera.show("latency")
    latency = window.workspace["latency"].widget()
    camera.wait(lambda: bool(latency.runtimes))
    latency.image_size.setCurrentIndex(latency.image_size.findData(320))
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
    panel.image_size.setCurrentIndex(panel.image_size.findData(320))
    for form, ending in (("torchscript", ".torchscript"), ("onnx", ".onnx")):
        panel.form.setCurrentIndex(panel.form.findData(form))
        output = Path(panel.network.currentData()).with_suffix(ending)
        QFileDialog.getSaveFileName = lambda *a, name=output, **k: (str(name), "")
        count = len(exports_of(window.session))
        panel.run.click()
        camera.wait(lambda count=count: len(exports_of(window.session)) > count)
    window.pane.messages.dismiss_key("export")
    camera.take("export")


def shoot(folder: Path, kind: str) -> None:
    camera = Camera(folder, kind)
    shoot_opening(camera)
    shoot_plan(camera)
    shoot_pruning(camera)
    shoot_shipping(camera)
    shoot_images(camera)
    shoot_tuning(camera)
    camera.close()


def shoot_opening(camera: Camera) -> None:
    """Pictures of the window without and with a network."""
    model = DATA / "yolov8n-coco.pt"
    own = HOME / "yolov8n-coco.pt"
    if model.is_file():
        shutil.copy(model, own)
    window = camera.window
    camera.take("empty")
    window.open_paths([str(own) if own.exists() else "yolov8n.yaml"])
    camera.wait(lambda: window.session.model is not None and window.session.scores is not None)
    window.jobs.start_engine()
    camera.wait(lambda: window.jobs.engine.phase == "ready")
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


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    application.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    for kind in ("light", "dark"):
        shoot(folder, kind)
    shutil.rmtree(HOME, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
