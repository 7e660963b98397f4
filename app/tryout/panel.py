"""Try an image: chooses networks and images, and shows what the networks find."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit.controls import row
from app.kit.tick_list import TickList
from app.kit.widgets import OnScreen, column, label
from app.state.files import at_hand, offered
from app.tryout.controller import TryController
from app.tryout.result_view import ResultView
from core.system.size import size_text
from core.tryout.result import Tryout
from core.tryout.run import MOST_NETWORKS
from core.tryout.sources import describe

HOW = (
    "Drop an image, a folder of images or a short video on the window, or choose one. The ticked "
    "networks run on it, and their objects are shown side by side. No labels are needed."
)
NO_NETWORK = "Tick one or more networks. The others are compared with the first one."
SIDE = 200


class TryPanel(OnScreen, QWidget):
    """Networks and images at the left, the result at the right.

    Parameters
    ----------
    context : Context
    controller : TryController
    """

    def __init__(self, context: Context, controller: TryController) -> None:
        super().__init__()
        self._session, self._controller = context.session, controller
        self._shown: Tryout | None = None
        self._number = 0
        self._extra: tuple[str, ...] = ()
        self.models = TickList("Networks to try")
        self.add = _button("&Add network…", "Add a network file that is not in the list")
        self.images = _button("&Images…", "Choose images or videos")
        self.folder = _button("F&older…", "Choose a folder of images")
        self.source = label("", "muted")
        self.progress = TaskLine(context.engine, "try", tall=True)
        self.run = _button("&Try", "Run the ticked networks on the images")
        self.run.setProperty("primary", "true")
        self.status = label("", "muted")
        self.how = label(HOW, "muted")
        self.how.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.how.setMargin(48)
        self.view = ResultView(context)
        self.stack = QStackedWidget()
        self._lay_out()
        self._connect(context)
        self.offer()
        self._show()

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(SIDE)
        choose = row(self.images, self.folder)
        parts = (self.models, self.add, self.source, choose, self.progress, self.run, self.status)
        side.setLayout(column(*parts, margins=0, spacing=5))
        self.stack.addWidget(self.how)
        self.stack.addWidget(self.view)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(side)
        layout.addWidget(self.stack, 1)
        self.setAccessibleName("Try an image")

    def _connect(self, context: Context) -> None:
        session, controller = self._session, self._controller
        for signal in (session.modelChanged, session.resultsChanged, session.lineage.changed):
            signal.connect(self.offer)
        self.models.ticked.connect(self._enable)
        context.engine.changed.connect(self._enable)
        controller.changed.connect(self._follow)
        controller.wanted.connect(self._run)
        controller.tried.connect(self._announce)
        self.add.clicked.connect(controller.add_network)
        self.images.clicked.connect(controller.choose_images)
        self.folder.clicked.connect(controller.choose_folder)
        self.run.clicked.connect(self._run)
        self.view.saveWanted.connect(controller.save_picture)

    # ---- which networks, which images ---------------------------------------------------------

    def offer(self) -> None:
        """Offer the open model, what was made from it, and files that were added; ticks stay."""
        near = at_hand(self._session)
        usual = (*near[:1], *near[1:][-(MOST_NETWORKS - 2) :], *self._controller.extra)
        self.models.offer(offered(self._session, self._controller.extra), usual)
        self._enable()

    def _follow(self) -> None:
        self.offer()
        new = set(self._controller.extra) - set(self._extra)
        if new:
            self._extra = self._controller.extra
            self.models.choose([*self.models.chosen, *new])
        self._show()

    def _run(self) -> None:
        self._controller.run(self.models.chosen)

    def _enable(self) -> None:
        running, sources = self.progress.running, self._controller.sources
        self.how.setText(f"The networks run on {describe(sources)}." if running else HOW)
        self.run.setVisible(not running)
        self.run.setEnabled(bool(self.models.chosen) and bool(sources))
        self.source.setText(f"On {describe(sources)}" if sources else "No image chosen")
        self.source.setToolTip("\n".join(sources[:20]))

    # ---- the result ---------------------------------------------------------------------------

    def _announce(self, title: str) -> None:
        """Say that a result is there, to a person who is elsewhere meanwhile."""
        if not self.shown:
            show = partial(self._session.requests.panelWanted.emit, "tryout")
            actions = (("Show", show),)
            self._session.say(f"Done: {title}.", kind="success", actions=actions, key="try")

    def catch_up(self) -> None:
        """Show the result as it is now."""
        self._show()

    def _show(self) -> None:
        result = self._controller.result
        self.stack.setCurrentIndex(int(result is not None))
        self.status.setText(NO_NETWORK if result is None else summary(result))
        reasons = [f"{one['file']}: {one['reason']}" for one in result["skipped"]] if result else []
        self.status.setToolTip("\n".join(reasons[:20]))
        if result is not None and self.shown and result is not self._shown:
            grown = self._number == self._controller.number
            self._shown, self._number = result, self._controller.number
            (self.view.update_result if grown else self.view.show_result)(result)


def summary(result: Tryout) -> str:
    """Describe the images of a result, and what was left out."""
    count = len(result["images"])
    parts = [f"{count:,} image{'s' * (count != 1)} at {size_text(result['image_size'])}."]
    parts += result["left_out"]
    skipped = result["skipped"]
    if len(skipped) == 1:
        parts.append(f"Skipped {skipped[0]['file'].rpartition('/')[2]}. {skipped[0]['reason']}")
    elif skipped:
        parts.append(f"{len(skipped):,} files were skipped because they cannot be read.")
    return " ".join(parts)


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    return result
