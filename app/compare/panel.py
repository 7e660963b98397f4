"""Compare: original, pruned and tuned side by side, on the same images."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app.compare import tables
from app.compare.images_part import ImagesView
from app.compare.views import ClassesView, LayersView, ModelsView, View
from app.context import Context
from app.engine.task_line import TaskLine
from app.kit.controls import add_items, choose, combo
from app.kit.tick_list import TickList
from app.kit.widgets import OnScreen, column, label
from app.state.files import at_hand, offered
from core.compare.result import Comparison

NOTHING = "Tick two or more models. The first one is the baseline."
NO_DATA = (
    "Without a dataset, only widths and GFLOPs are compared. Drop a dataset YAML on the "
    "window to measure accuracy."
)
SIDE = 200


class ComparePanel(OnScreen, QWidget):
    """Chooses models and shows how they compare.

    Signals
    -------
    compareRequested(list of str)
    addRequested
        Files are to be chosen and added.
    """

    compareRequested = Signal(list)
    addRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._measured = context.session.measured
        self.models = TickList("Models to compare")
        self.models.ticked.connect(self._enable)
        self.add = QPushButton("&Add model…")
        self.add.setToolTip("Add a checkpoint or an exported file that is not in the list")
        self.add.clicked.connect(self.addRequested.emit)
        self.run = QPushButton("&Compare")
        self.run.setProperty("primary", "true")
        self.run.clicked.connect(lambda: self.compareRequested.emit(self.chosen))
        self.own = QPushButton("&Try an image…")
        self.own.setToolTip("Run the models on your own images, without labels")
        self.own.clicked.connect(lambda: context.session.requests.tryWanted.emit([], []))
        self.status = label(NOTHING, "muted")
        self.progress = TaskLine(context.engine, "compare", tall=True)
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("Comparison view")
        self.tabs.setExpanding(False)
        self.pair = combo({}, "From which model to which")
        self.pair.setMinimumContentsLength(12)
        self.pair.setToolTip("The two models that classes, layers and images compare")
        self.views: dict[str, View] = {
            "Models": ModelsView(),
            "Classes": ClassesView(),
            "Layers": LayersView(context.session),
            "Images": ImagesView(context),
        }
        self.stack = QStackedWidget()
        for name, view in self.views.items():
            self.tabs.addTab(name)
            self.stack.addWidget(view)
        self._asked: tuple[str, ...] = ()
        self._known: tuple[Comparison, tables.Pair] | None = None
        self._stale: set[str] = set()
        self._lay_out()
        self._connect(context)
        self.offer()
        self._show()

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(SIDE)
        parts = (self.models, self.add, self.progress, self.run, self.own, self.status)
        side.setLayout(column(*parts, margins=0, spacing=5))
        top = QHBoxLayout()
        top.addWidget(self.tabs)
        top.addStretch(1)
        top.addWidget(self.pair, 1)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addLayout(top)
        right.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(side)
        layout.addLayout(right, 1)
        self.setAccessibleName("Compare")

    def _connect(self, context: Context) -> None:
        session = self._session
        for signal in (session.modelChanged, session.resultsChanged, session.lineage.changed):
            signal.connect(self.offer)
        for changed in (self._measured.compared, self._measured.pairChanged):
            changed.connect(self._show)
        for signal in (self._measured.dataChanged, context.engine.changed):
            signal.connect(self._enable)
        self.tabs.currentChanged.connect(lambda _: self._show_view())
        self.pair.activated.connect(lambda _: self._take_pair())
        context.theme.changed.connect(self._restyle)

    # ---- which models -------------------------------------------------------------------------

    def offer(self) -> None:
        """Offer the open model, pruned files, tuned ones, and others of its history; ticks stay."""
        # In the order of the history: the first one ticked is the baseline.
        self.models.offer(offered(self._session, self._asked), at_hand(self._session))
        self._enable()

    def add_files(self, paths: Sequence[str]) -> None:
        """Offer these next to the others, ticked."""
        chosen = self.chosen
        self._asked = tuple(dict.fromkeys([*self._asked, *paths]))
        self.offer()
        self.models.choose([*chosen, *paths])

    def ask(self, paths: Sequence[str]) -> None:
        """Tick these and no others, and compare them."""
        self._asked = tuple(paths)
        self.offer()
        self.models.choose(paths)
        self.compareRequested.emit(list(paths))

    @property
    def chosen(self) -> list[str]:
        """The ticked models, in order."""
        return self.models.chosen

    def _enable(self) -> None:
        running, data = self.progress.running, self._measured.data is not None
        self.run.setVisible(not running)
        self.run.setEnabled(len(self.chosen) > 1)
        self.run.setToolTip(NOTHING)
        if self._measured.comparison is None:
            self.status.setText(NOTHING if data else f"{NOTHING} {NO_DATA}")

    # ---- the results ----------------------------------------------------------------------

    @property
    def view(self) -> View:
        """What shows now."""
        return self.views[self.tabs.tabText(self.tabs.currentIndex())]

    def catch_up(self) -> None:
        """Show the comparison as it is now."""
        self._show()

    def _show(self) -> None:
        result = self._measured.comparison
        for part in (self.tabs, self.stack, self.pair):
            part.setVisible(result is not None)
        self._enable()
        if result is None or not self.shown or self._known == (result, self._measured.pair):
            return
        self._known = (result, self._measured.pair)
        self._stale = set(self.views)
        measured = tables.has_images(result)
        for number, name in enumerate(self.views):
            self.tabs.setTabVisible(number, measured or name in ("Models", "Layers"))
        self.pair.clear()
        pairs = tables.pairs(result).items()
        add_items(self.pair, {_key(pair): (words, "") for pair, words in pairs})
        choose(self.pair, _key(self._measured.pair))
        self.status.setText(summary(result))
        self._show_view()

    def _show_view(self) -> None:
        """Bring the current view up to date; the others wait until they are shown."""
        result, view = self._measured.comparison, self.view
        self.stack.setCurrentWidget(view)
        many = result is not None and len(result["models"]) > 2
        self.pair.setVisible(many and view is not self.views["Models"])
        name = self.tabs.tabText(self.tabs.currentIndex())
        if result is not None and self.shown and name in self._stale:
            self._stale.discard(name)
            view.show_result(result, self._measured.pair)

    def _take_pair(self) -> None:
        one, other = map(int, str(self.pair.currentData()).split())
        self._measured.set_pair((one, other))

    def _restyle(self) -> None:
        for view in self.views.values():
            view.restyle()


def _key(pair: tables.Pair) -> str:
    """Name a pair as an item of a box can."""
    return f"{pair[0]} {pair[1]}"


def summary(result: Comparison) -> str:
    """Describe the images of a comparison."""
    if not tables.has_images(result):
        return f"Widths and GFLOPs of {len(result['models'])} models, without images."
    images, listed = result["models"][0]["images"], len(result["images"])
    told = f"On {images:,} images of the split {result['split']}."
    return (
        told
        if listed >= images
        else f"{told} The {listed:,} images with the largest drop are listed."
    )
