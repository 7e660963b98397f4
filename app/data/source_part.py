"""Which images are used: a part of the panel “Choose”."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QSpinBox, QToolButton, QWidget

from app.context import Context
from app.kit import theme
from app.kit.controls import SizeBox, choose, combo, row
from app.kit.widgets import column, label
from core.system.size import ImageSize

DEVICES = {
    "": ("automatic", "Use a GPU if there is one"),
    "cpu": ("processor", "Compute on the CPU"),
    "cuda:0": ("first GPU", "Compute on the first NVIDIA GPU"),
    "cuda:1": ("second GPU", "Compute on the second NVIDIA GPU"),
}
NONE = "No dataset. Drop a dataset YAML on the window, or choose one."


class DataPart(QWidget):
    """Chooses the dataset and how much of it.

    Signals
    -------
    requested()
        A dataset should be chosen.
    discarded()
    changed(dict)
        Fields of the data setting that are different now.
    """

    requested = Signal()
    discarded = Signal()
    changed = Signal(dict)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._measured = context.session.measured
        self.name = label("")
        self.pick = QPushButton("Choose…")
        self.pick.setToolTip("Choose a dataset YAML (or drop it on the window)")
        self.pick.clicked.connect(self.requested)
        self.forget = QToolButton(autoRaise=True)
        theme.set_icon(self.forget, "close", "muted")
        self.forget.setAccessibleName("Remove the dataset")
        self.forget.setToolTip("Remove the dataset")
        self.forget.clicked.connect(self.discarded)
        self._make_fields()
        top = row(self.name, self.pick, self.forget, stretch=0)
        self._details = QWidget()
        self._details.setLayout(
            column(
                row(self.images, label("images at", wrap=False), self.image_size, None),
                row(label("Seed", wrap=False), self.seed, label("on", wrap=False), self.device),
                margins=0,
            )
        )
        self.setLayout(column(top, self._details, margins=0))
        self._measured.dataChanged.connect(self._show)
        self._show()

    def _make_fields(self) -> None:
        self.images = _number(
            1, 100_000, "Number of images", "More images give a more reliable ranking"
        )
        self.image_size = SizeBox()
        self.image_size.setMinimumContentsLength(6)
        self.seed = _number(
            0, 1_000_000, "Seed", "Seed for the selection of images and other random choices"
        )
        self.device: QComboBox = combo(DEVICES, "Device")
        self.device.setMinimumContentsLength(7)
        self.images.valueChanged.connect(lambda n: self._ask(images=n))
        self.seed.valueChanged.connect(lambda n: self._ask(seed=n))
        self.image_size.activated.connect(
            lambda _: self._ask(image_size=ImageSize.of(self.image_size.currentData()))
        )
        self.device.activated.connect(lambda _: self._ask(device=self.device.currentData()))

    def _ask(self, **values: object) -> None:
        data = self._measured.data
        if data is not None and any(getattr(data, key) != v for key, v in values.items()):
            self.changed.emit(values)

    def _show(self) -> None:
        data = self._measured.data
        self._details.setVisible(data is not None)
        self.forget.setVisible(data is not None)
        self.name.setProperty("role", "heading" if data is not None else "muted")
        self.name.style().polish(self.name)
        if data is None:
            self.name.setText(NONE)
            self.name.setToolTip("")
            return
        self.name.setText(Path(data.path).name)
        self.name.setToolTip(data.path)
        self.images.setValue(data.images)
        self.seed.setValue(data.seed)
        self.image_size.show_size(data.image_size)
        choose(self.device, data.device)


def _number(low: int, high: int, name: str, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)  # not at every digit: each change drops what was measured
    return box
