"""Where a report goes, and what is measured for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from app.kit.dialogs import size_of_words
from app.kit.save_dialog import SaveDialog
from app.kit.widgets import column, label

KINDS = "Web page (*.html);;Markdown (*.md);;Data (*.json)"
SUFFIXES = (".html", ".md", ".json")
ABOUT = (
    "One self-contained file: the network before and after, the plan and its reasons, "
    "and all measurements. Ticked items are measured first and stored for the next "
    "report."
)


class ReportDialog(SaveDialog):
    """Asks for a file and what to measure.

    Signals
    -------
    chosen(Path, list of str, bool)
        The file, what to measure, and whether to open it.

    Parameters
    ----------
    suggested : Path
    known : mapping of str to str
        When each part was measured last; empty where it never was.
    has_data : bool
        Whether there is a dataset.
    """

    PARTS: Mapping[str, tuple[str, str]] = {
        "accuracy": (
            "&Accuracy",
            "of the unpruned, pruned and fine-tuned networks on the val split, per "
            "class, with sample images",
        ),
        "latency": (
            "&Latency",
            "of the same networks in turns, in PyTorch and the installed runtimes",
        ),
        "alternatives": (
            "Al&ternatives",
            "the unpruned network on smaller images, in FP16 and INT8; takes minutes",
        ),
    }

    chosen = Signal(object, list, bool)

    def __init__(
        self,
        suggested: Path,
        known: Mapping[str, str],
        has_data: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Report", "the report", suggested, KINDS, "Create report", ABOUT, parent)
        self.setMinimumWidth(560)
        self.boxes: dict[str, QCheckBox] = {}
        parts: list[QWidget] = []
        for name, (title, about) in self.PARTS.items():
            box = QCheckBox(title)
            words = f"{about}. Last measured {known[name]}." if known.get(name) else f"{about}."
            if name == "accuracy" and not has_data:
                box.setEnabled(False)
                words = "needs a dataset: choose one in Choose, or drop its YAML on the window."
            elif name == "alternatives" and not has_data:
                words += " Without a dataset, accuracy is skipped."
            note = label(words[0].upper() + words[1:], "muted")
            note.setContentsMargins(22, 0, 0, 4)
            box.setAccessibleDescription(words)
            self.boxes[name] = box
            parts += [box, note]
        self.show_it = QCheckBox("&Open when finished")
        self.show_it.setChecked(True)
        marks = QWidget()
        marks.setLayout(column(*parts, margins=0, spacing=2))
        self.form.addRow("Measure", marks)
        self.form.addRow("", self.show_it)
        self.path.textChanged.connect(self._enable)
        self._enable()

    def sizeHint(self) -> QSize:
        """As high as the words need at the least width."""
        return size_of_words(self)

    def _enable(self) -> None:
        path = Path(self.path.text().strip() or ".")
        able = bool(path.name) and path.suffix.lower() in ("", *SUFFIXES)
        self.go.setEnabled(able)
        self.go.setToolTip(
            "" if able else f"The file name of a report must end in {', '.join(SUFFIXES)}"
        )

    def accept(self) -> None:
        """Emit the choice, and close."""
        wanted = [name for name, box in self.boxes.items() if box.isChecked()]
        self.chosen.emit(self.file(".html"), wanted, self.show_it.isChecked())
        super().accept()
