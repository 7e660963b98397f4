"""One figure of several fine-tunings against epochs, in one chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.kit import theme
from app.kit.controls import add_items, combo, row
from app.kit.widgets import label, show_markup
from app.tune.charts.epoch_chart import LETTERS, ROLES, SHOWN, EpochChart
from app.tune.charts.training_chart import REST_MS
from core.runs.tail import Curve, Snapshot

GROUPS = {"metrics": "{}", "losses": "{} loss", "rates": "{}"}
"""Groups of curves of a job, and what their names are in the box."""
SAMPLES = ("━━", "╍╍", "┅┅")
"""The dashes of curves, as text."""


class OverlayChart(QWidget):
    """The curves of several jobs on the same axes, with a letter and dashes for each."""

    def __init__(self) -> None:
        super().__init__()
        self._shots: tuple[Snapshot, ...] = ()
        self._known: tuple[tuple[str, str], ...] = ()
        self.figure = combo({}, "Figure to show of every fine-tuning")
        self.figure.setMinimumContentsLength(14)
        self.figure.activated.connect(lambda _: self._draw())
        self.words = QLabel()
        show_markup(self.words)
        self.words.setWordWrap(True)
        self.plot = EpochChart("Fine-tunings", letters=True)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(label("Figure", "muted", wrap=False), self.figure, None))
        layout.addWidget(self.words)
        layout.addWidget(self.plot, 1)

    def sizeHint(self) -> QSize:
        """As large as three charts side by side."""
        return QSize(600, 130)

    def show_snapshots(self, shots: Sequence[Snapshot]) -> None:
        """Show jobs, the first one as A; others than before at once, new figures after a while."""
        others = [s.entry.folder for s in shots] != [s.entry.folder for s in self._shots]
        self._shots = tuple(shots)[:SHOWN]
        if others or not self.plot.curves:
            self._draw()
        elif not self._rest.isActive():
            self._rest.start()

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        self.plot.restyle()
        self._describe()

    def _draw(self) -> None:
        self._rest.stop()
        self._offer()
        wanted = self.figure.currentData()
        curves: dict[str, Curve] = {}
        for letter, shot in zip(LETTERS, self._shots, strict=False):
            name = f"{letter} {shot.entry.name}"
            curves[name] = curve_of(shot, *wanted) if wanted else ((), ())
        self.plot.setAccessibleName(f"{self.figure.currentText()} of fine-tunings".strip())
        self.plot.set_curves(curves)
        self._describe()

    def _offer(self) -> None:
        """Offer every figure that any of the jobs has, the main one first; the choice stays."""
        known = figures_of(self._shots)
        if known != self._known:
            before, self._known = self.figure.currentData(), known
            self.figure.clear()
            add_items(self.figure, {(g, name): (GROUPS[g].format(name), "") for g, name in known})
            self.figure.setCurrentIndex(max(known.index(before) if before in known else 0, 0))

    def _describe(self) -> None:
        parts, plain = [], []
        for number, (name, (_, y)) in enumerate(self.plot.curves.items()):
            value = f"{y[-1]:.4g}" if y else "no figures yet"
            colour = getattr(theme.colours(), ROLES[number % len(ROLES)])
            sample = SAMPLES[number % len(SAMPLES)]
            whole = (
                escape(f"{sample} {name}: {value}").replace(" ", "&nbsp;").replace("-", "&#8209;")
            )
            parts.append(f'<span style="color:{colour}">{whole}</span>')
            plain.append(f"{name}: {value}")
        self.words.setText(" &nbsp; ".join(parts))
        self.plot.setAccessibleDescription(", ".join(plain))


def figures_of(shots: Iterable[Snapshot]) -> tuple[tuple[str, str], ...]:
    """Return group and name of every curve that any of the jobs has, each once."""
    found = [(g, name) for shot in shots for g in GROUPS for name in getattr(shot, g)]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: list(GROUPS).index(one[0])))


def curve_of(shot: Snapshot, group: str, name: str) -> Curve:
    """Return a curve of a job; that of its main figure begins with what was before training."""
    x, y = getattr(shot, group).get(name, ((), ()))
    if shot.before is not None and (group, name) == ("metrics", shot.measure):
        return (0.0, *x), (shot.before, *y)
    return x, y
