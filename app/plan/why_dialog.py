"""“Why?” for any two blocks: one true sentence, and the paths."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.kit import theme
from app.kit.widgets import label
from app.state.session import Session
from core.plan.why.why import Answer

RELATIONS = {
    "reads": ("cascade", "Yes: it reads those channels."),
    "shares": ("coupled", "Yes: they share channels."),
    "none": ("success", "No: they share no channels."),
}


class WhyDialog(QDialog):
    """Asks the channel table about two blocks.

    Parameters
    ----------
    session : Session
        With an open model.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._answer: Answer | None = None
        self.setWindowTitle("Why?")
        self.setMinimumWidth(620)
        self.source, self.target = self._combo("Pruned block"), self._combo("Changed block")
        swap = QToolButton()
        swap.setText("⇄")
        swap.setToolTip("Swap")
        swap.setAccessibleName("Swap")
        swap.clicked.connect(self._swap)
        row = QHBoxLayout()
        for part, stretch in (
            (QLabel("Does pruning"), 0),
            (self.source, 1),
            (swap, 0),
            (QLabel("change"), 0),
            (self.target, 1),
        ):
            row.addWidget(part, stretch)
        self.verdict = label("", "heading")
        self.sentence = label("")
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.paths = QListWidget()
        self.paths.setAccessibleName("All paths")
        self.paths.setWordWrap(True)
        self.paths.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.paths.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._show = QPushButton("Show path in graph")
        self._show.clicked.connect(self._draw)
        self._caption = label("All paths", "muted")
        self._lay_out(row)
        self._prefill()
        self.source.currentIndexChanged.connect(self._ask)
        self.target.currentIndexChanged.connect(self._ask)
        self._ask()

    def _lay_out(self, question: QHBoxLayout) -> None:
        close = QPushButton("Close")
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(self._show)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(question)
        layout.addWidget(self.verdict)
        layout.addWidget(self.sentence)
        layout.addWidget(self._caption)
        layout.addWidget(self.paths, 1)
        layout.addStretch(0)
        layout.addLayout(buttons)

    def _combo(self, name: str) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(name)
        for block in self._session.table.blocks if self._session.table else ():
            combo.addItem(f"{block.index}  {block.type}", block.index)
        return combo

    def _prefill(self) -> None:
        """Begin with what is selected: two blocks, or one of the plan and the one in focus."""
        session, model = self._session, self._session.model
        chosen = sorted(session.selection)
        planned = (
            [n for n, role in session.prediction.roles.items() if role == "selected"]
            if (session.prediction)
            else []
        )
        first = chosen[0] if len(chosen) > 1 else next(iter([*planned, *chosen]), 0)
        focused = session.focused if session.focused not in (None, first) else None
        last = chosen[-1] if len(chosen) > 1 else focused
        if last is None:
            touched = model.touched_by(first) if model is not None else frozenset()
            last = min(touched - {first}, default=first)
        self.source.setCurrentIndex(self.source.findData(first))
        self.target.setCurrentIndex(self.target.findData(last))

    def _swap(self) -> None:
        one, other = self.source.currentIndex(), self.target.currentIndex()
        self.source.setCurrentIndex(other)
        self.target.setCurrentIndex(one)

    def _ask(self) -> None:
        source, target = self.source.currentData(), self.target.currentData()
        model = self._session.model
        self._answer = None if model is None else model.explain(str(source), str(target))
        answer = self._answer
        if answer is None:
            return
        colour, verdict = RELATIONS[answer.relation]
        self.verdict.setText(verdict)
        self.verdict.setStyleSheet(f"color: {theme.colour(colour).name()}")
        self.sentence.setText(answer.sentence)
        self.paths.clear()
        self.paths.addItems([path.text for path in answer.paths])
        for part in (self.paths, self._caption):
            part.setVisible(len(answer.paths) > 1)
        self._show.setEnabled(bool(answer.paths))
        self.resize(max(self.width(), 620), 380 if len(answer.paths) > 1 else 220)

    def _draw(self) -> None:
        self._session.show_coupling(self.source.currentData(), self.target.currentData())
        self.accept()
