"""Networks on images without labels: what is tried, the run, and its result."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.engine.preconditions import is_free
from app.state.files import NETWORKS
from core.system.scratch import Scratch
from core.tryout.sources import IMAGES, VIDEOS, describe

if TYPE_CHECKING:
    from app.engine.protocol import Failure
    from core.compare.pictures import Sheet
    from core.tryout.result import Tryout

PATTERNS = " ".join(f"*.{ending}" for ending in sorted(IMAGES | VIDEOS))
KINDS = f"Images and videos ({PATTERNS});;All files (*)"
PICTURES = "PNG image (*.png);;JPEG image (*.jpg)"
CANCELLED = "Cancelled: the other images were not tried."
SIDE = 1600
"""Longest side of each image in a picture that is saved, in pixels."""


class TryController(QObject):
    """The window's side of the engine task ``try``.

    Attributes
    ----------
    sources : tuple of str
        Images, folders and videos.
    extra : tuple of str
        Networks that were chosen as files, or dropped with the images.
    result : Tryout or None
        It grows while a run goes through the images.
    number : int
        Of the run that it is from.

    Signals
    -------
    changed
        Another of these.
    wanted
        The networks are to be tried now.
    tried(str)
        A run has ended well; what it was.
    """

    changed = Signal()
    wanted = Signal()
    tried = Signal(str)

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._context, self._window = context, window
        self._session, self._engine = context.session, context.engine
        self.sources: tuple[str, ...] = ()
        self.extra: tuple[str, ...] = ()
        self.result: Tryout | None = None
        self.number = 0
        self._waits = False
        self._model = ""
        self._runs = 0
        self._frames: dict[int, Scratch] = {}
        self._session.requests.tryWanted.connect(self.ask)
        self._session.modelChanged.connect(self._follow)

    # ---- what is tried ------------------------------------------------------------------------

    def ask(self, sources: Sequence[str] = (), networks: Sequence[str] = ()) -> None:
        """Try networks on images; without images, show where to choose them.

        Parameters
        ----------
        sources : sequence of str
            Images, folders and videos.
        networks : sequence of str
            Next to those of the open project; the first one is opened if none is open.
        """
        session = self._session
        if sources:
            self.sources = tuple(sources)
        self.extra = tuple(dict.fromkeys([*self.extra, *networks]))
        if session.model is not None:
            session.requests.panelWanted.emit("tryout")
            self.changed.emit()
            if sources:
                self.wanted.emit()
            return
        self._waits = bool(self.sources)
        if networks:
            session.requests.openWanted.emit(networks[0])
        else:
            session.say(
                f"Open a model to try it on {describe(self.sources)}.",
                "The images are tried as soon as it is open.",
                actions=(
                    ("Open…", session.requests.openDialogWanted.emit),
                    ("Try the demo", session.requests.demoWanted.emit),
                ),
                key="try",
            )

    def choose_images(self) -> None:
        """Ask for images or videos, and try the networks on them."""
        settings = self._context.settings
        paths, _ = QFileDialog.getOpenFileNames(
            self._window, "Try on images or videos", settings.folder(), KINDS
        )
        if paths:
            settings.set_folder(str(Path(paths[0]).parent))
            self.ask(paths)

    def choose_folder(self) -> None:
        """Ask for a folder of images, and try the networks on it."""
        settings = self._context.settings
        path = QFileDialog.getExistingDirectory(
            self._window, "Try on a folder of images", settings.folder()
        )
        if path:
            settings.set_folder(path)
            self.ask([path])

    def add_network(self) -> None:
        """Ask for a network to put next to the others."""
        from core.ship.exported.metadata import exported_of

        path, _ = QFileDialog.getOpenFileName(
            self._window, "Add a network", self._context.settings.folder(), NETWORKS
        )
        if path:
            self.ask(networks=[exported_of(path)])

    def _follow(self) -> None:
        """Results are of the model that was open; images that wait are tried on the new one."""
        opened = self._session.model
        model = "" if opened is None else f"{opened.path} {opened.facts.sha256}"
        if model == self._model:
            return
        self._model, self.result = model, None
        self._session.unsay("try")
        for record in self._engine.running("try"):
            self._engine.cancel(record.number)
        self.changed.emit()
        if model and self._waits:
            self._waits = False
            self._session.requests.panelWanted.emit("tryout")
            self.wanted.emit()

    # ---- the run ------------------------------------------------------------------------------

    def run(self, networks: Sequence[str]) -> None:
        """Try networks on the images."""
        if not networks or not self.sources:
            return
        if not is_free(self._session, self._engine, "try", where="Try an image"):
            return
        self._runs += 1
        number, model, count = self._runs, self._model, len(networks)
        frames = self._frames[number] = Scratch("try")
        title = f"Try {count} network{'s' * (count != 1)} on {describe(self.sources)}"

        def partial(found: Tryout) -> None:
            if model == self._model:
                before = self.result["images"] if self.result and self.number == number else []
                self._take(number, {**found, "images": [*before, *found["images"]]})

        def done(result: Tryout) -> None:
            if model == self._model:
                self._take(number, result)
                self.tried.emit(title)
            self._tidy()

        def failed(failure: Failure) -> None:
            self._tidy()
            self._engine.failed.emit(failure)

        def cancelled() -> None:
            if self.result is not None and self.number == number:
                notes = [*self.result["left_out"], CANCELLED]
                self._take(number, {**self.result, "left_out": notes})
            self._tidy()

        self._engine.submit(
            "try",
            title,
            {"paths": list(networks), "sources": list(self.sources), "keep": str(frames.path)},
            done=done,
            failed=failed,
            cancelled=cancelled,
            partial=partial,
        )

    def _take(self, number: int, result: Tryout) -> None:
        """Show what a run has found so far."""
        self.number, self.result = number, result
        self.changed.emit()

    def _tidy(self) -> None:
        """Remove frames of videos that are not shown any more."""
        shown = self.number if self.result is not None else 0
        for number in [number for number in self._frames if number != shown]:
            with contextlib.suppress(OSError):
                self._frames.pop(number).cleanup()

    def close(self) -> None:
        """Leave no frames behind."""
        self.result = None
        self._tidy()

    # ---- saving -------------------------------------------------------------------------------

    def save_picture(self, sheet: Sheet) -> None:
        """Ask where to save an image with what the networks find on it."""
        from core.compare.pictures import write_sheet
        from core.errors import UserError

        session, settings = self._session, self._context.settings
        start = str(Path(settings.folder()) / f"{sheet.name}-tried.png")
        name, _ = QFileDialog.getSaveFileName(self._window, "Save picture", start, PICTURES)
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".png")

        def failed(error: Exception) -> None:
            if not isinstance(error, UserError):
                raise error
            session.say(error.message, error.hint, "error", key="picture")

        self._context.background.run(
            "try picture",
            lambda: write_sheet(sheet, path, SIDE),
            lambda _: session.say(f"Saved {path.name}.", str(path), "success", key="picture"),
            failed,
        )
