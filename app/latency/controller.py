"""Milliseconds in the window: a plan's, from a table of layer times, and measured ones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import is_free
from app.engine.protocol import Failure
from app.state.measurements import known_clock

LATENCY = "latency"
"""The overlay that colours blocks by their milliseconds."""
TABLE_WANTED = "clock"
"""Key of the message that asks for a table of layer times."""
SETTLE_MS = 300
"""How long the folder of latency tables must be left alone before it is read again."""
NOT_TIMED = "There is no latency table of this model on this machine."


class LatencyController(QObject):
    """The window's side of the jobs ``latency_table``, ``latency`` and ``runtimes``.

    Signals
    -------
    answered
        A table of layer times is being made or is there: nobody need ask for one.
    """

    answered = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._shipped = context.session.shipped
        self._asked = False
        self._tables = QFileSystemWatcher(self)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._tables.directoryChanged.connect(lambda _folder: self._settling.start())
        self._settling.timeout.connect(self._disk_changed)
        self._session.modelChanged.connect(self._watch_tables)
        self._session.measured.clockChanged.connect(self._told)
        self._session.viewChanged.connect(self._offer)
        self._engine.finished.connect(self._ended)

    # ---- the table of layers ------------------------------------------------------------------

    def _watch_tables(self) -> None:
        """Follow what others make of the tables on disk: a command, another window."""
        from core.plan.latency.files import latency_folder

        folder = str(latency_folder())
        if self._session.model is not None and folder not in self._tables.directories():
            with contextlib.suppress(OSError):
                Path(folder).mkdir(parents=True, exist_ok=True)
                self._tables.addPath(folder)

    def _disk_changed(self) -> None:
        if self._session.model is not None and not self._engine.running("latency_table"):
            self._look_up()

    def _look_up(self) -> None:
        """Take in the latency table of the open model as it is on disk now, if there is one."""
        model = self._session.model
        clock = None if model is None else known_clock(model.facts, model.table)
        self._session.measured.set_clock(clock)

    def _told(self) -> None:
        if self._session.measured.clock is not None:
            self.answered.emit()

    def measure(self, options: Mapping[str, Any] | None = None) -> None:
        """Measure the layers of the open model on this machine.

        Parameters
        ----------
        options : mapping, optional
            ``runtime``, ``threads``, ``batch``, ``image_size``; the usual ones otherwise.
        """
        model = self._session.model
        if model is None or self._engine.running("latency_table"):
            return
        self.answered.emit()
        self._engine.submit(
            "latency_table",
            f"Measure the layers of {Path(model.path).name}",
            {"path": model.path, "sha256": model.facts.sha256, **(options or {})},
            cancelled=lambda: self._session.say(
                "Cancelled; finished measurements are kept, and the next run continues there."
            ),
        )

    def _ended(self, number: int, state: str) -> None:
        """A suggestion towards a time makes its table too."""
        record = self._engine.record(number)
        if state == "done" and record is not None and record.task in ("latency_table", "suggest"):
            self._look_up()

    def _offer(self) -> None:
        """Describe what the overlay of milliseconds needs, where it is asked for without."""
        session = self._session
        if session.model is None or session.overlay != LATENCY:
            return
        if session.measured.clock is None and not self._engine.running("latency_table"):
            actions = (("Measure layers", self.measure),)
            session.say(NOT_TIMED, "This takes minutes.", actions=actions, key=TABLE_WANTED)

    # ---- whole networks -----------------------------------------------------------------------

    def look_for_runtimes(self) -> None:
        """Ask the engine which runtimes there are here, once."""
        if self._asked:
            return
        self._asked = True
        self._engine.submit(
            "runtimes",
            "Check runtimes",
            {},
            done=self._shipped.set_runtimes,
            failed=self._again,
            cancelled=lambda: self._again(None),
        )

    def _again(self, failure: Failure | None) -> None:
        self._asked = False
        if failure is not None:
            self._engine.failed.emit(failure)

    def time_networks(self, paths: Sequence[str], options: Mapping[str, Any]) -> None:
        """Time networks in turns; the open model is the baseline.

        Parameters
        ----------
        paths : sequence of str
        options : mapping
            ``runtimes``, ``batches``, ``image_size``, ``threads``, ``device``.
        """
        session, model = self._session, self._session.model
        if model is None or not is_free(session, self._engine, "latency"):
            return
        sha256 = model.facts.sha256
        others = [path for path in paths if path != model.path]

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                self._keep(result)

        self._engine.submit(
            "latency",
            f"Measure latency of {Path(model.path).name}"
            + (f" and {len(others)} more" if others else ""),
            {"path": model.path, "sha256": sha256, "others": others, **options},
            done=done,
            cancelled=lambda: session.say("The latency measurement was cancelled."),
        )

    def _keep(self, result: Mapping[str, Any]) -> None:
        """Take times into the history, by what is in the files."""
        from core.history.measurements import LATENCY as TIMES
        from core.history.measurements import new_measurement

        hashes = {str(path): str(sha256) for path, sha256 in result["models"].items()}
        timings = [{**t, "model": hashes[t["model"]]} for t in result["timings"]]
        names = {sha256: Path(path).name for path, sha256 in hashes.items()}
        kept = {key: result[key] for key in ("machine", "missing")}
        kept |= {"timings": timings, "names": names}
        self._session.lineage.measure(new_measurement(TIMES, list(hashes.values()), kept))
