"""Asks for the archive that measures a device which cannot be reached from here."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QLineEdit, QSpinBox, QWidget

from app.kit.controls import threads_box, trained_size
from app.kit.dialogs import size_of_words
from app.kit.save_dialog import SaveDialog
from core.errors import UserError

SUFFIX = ".zip"
ABOUT = (
    "For a device without SSH. Unpack the archive there and run python3 bench.py, which needs "
    "onnxruntime; then choose Read answers here. It holds no weights."
)


class KitDialog(SaveDialog):
    """Asks where to, what to call the device, and how it measures.

    Signals
    -------
    chosen(str, dict)
        The file, and ``name``, ``image_size``, ``threads`` and ``batch``.

    Parameters
    ----------
    suggested : Path
    name : str
        What is offered first.
    parent : QWidget, optional
    """

    chosen = Signal(str, dict)

    def __init__(self, suggested: Path, name: str = "", parent: QWidget | None = None) -> None:
        title, kinds = "Measurement kit", f"Archives (*{SUFFIX})"
        super().__init__(title, "the archive", suggested, kinds, "&Write", ABOUT, parent)
        self.setMinimumWidth(440)
        self.name = QLineEdit(name)
        self.name.setProperty("field", "true")
        self.name.setAccessibleName("Name of the device")
        self.name.setPlaceholderText("its processor")
        self.image_size = trained_size()
        self.threads = threads_box()
        self.batch = QSpinBox()
        self.batch.setRange(1, 1024)
        self.batch.setAccessibleName("Batch size")
        for title, widget in (
            ("&Device", self.name),
            ("Im&ages", self.image_size),
            ("&Threads", self.threads),
            ("Ba&tch", self.batch),
        ):
            self.form.addRow(title, widget)
        for field in (self.path, self.name):
            field.textChanged.connect(self._enable)
        self._enable()

    def sizeHint(self) -> QSize:
        """As high as the words need at the least width."""
        return size_of_words(self)

    def _enable(self) -> None:
        from core.plan.latency.devices import KIT, check_name

        problem, name = "", self.name.text().strip()
        try:
            if name:
                check_name(name, f"{KIT}{name}")
        except UserError as error:
            problem = f"{error.message} {error.hint}"
        path = Path(self.path.text().strip() or ".")
        if not path.name or path.suffix.lower() not in ("", SUFFIX):
            problem = f"The file name of an archive must end in {SUFFIX}"
        self.go.setEnabled(not problem)
        self.go.setToolTip(problem)

    def accept(self) -> None:
        """Emit the choice, and close."""
        options = {
            "name": self.name.text().strip(),
            "image_size": self.image_size.currentData(),
            "threads": self.threads.value(),
            "batch": self.batch.value(),
        }
        self.chosen.emit(str(self.file(SUFFIX)), options)
        super().accept()
