"""Milliseconds in the window: a plan's, from a table of layer times, and measured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import is_free
from app.state import report_store

if TYPE_CHECKING:
    from core.plan.latency.clock import Clock

LATENCY = "latency"
"""The overlay that colours blocks by their milliseconds."""
TABLE_WANTED = "clock"
"""Key of the message that asks for a table of layer times."""
NOT_TIMED = "The layers of this model were not timed on this machine yet."


class Timing(QObject):
    """The window's side of the jobs ``latency_table``, ``latency`` and ``runtimes``.

    Signals
    -------
    failed(Failure)
    answered
        A table of layer times is being made or is there: nobody need ask for one.
    """

    failed = Signal(object)
    answered = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._jobs = context.session, context.jobs
        self._shipped = context.session.shipped
        self._asked = False
        self._session.modelChanged.connect(self.look_up)
        self._session.viewChanged.connect(self._offer)
        self._jobs.finished.connect(self._ended)

    # ---- the table of layers ------------------------------------------------------------------

    def look_up(self) -> None:
        """Take in the table of the open model that is known on this machine, if there is one."""
        model = self._session.model
        clock = None if model is None else known_clock(model.facts, model.table)
        self._session.measured.set_clock(clock)
        if clock is not None:
            self.answered.emit()

    def measure(self, options: Mapping[str, Any] | None = None) -> None:
        """Measure the layers of the open model on this machine.

        Parameters
        ----------
        options : mapping, optional
            ``runtime``, ``threads``, ``batch``, ``image_size``; the usual ones otherwise.
        """
        model = self._session.model
        if model is None or self._jobs.running("latency_table"):
            return
        self.answered.emit()
        self._jobs.submit(
            "latency_table",
            f"Time the layers of {Path(model.path).name}",
            {"path": model.path, "sha256": model.facts.sha256, **(options or {})},
            failed=self.failed.emit,
            cancelled=lambda: self._session.say(
                "Timing was cancelled; what was timed is kept, and the next time goes on there."
            ),
        )

    def _ended(self, number: int, state: str) -> None:
        """A suggestion towards a time makes its table too."""
        record = self._jobs.record(number)
        if state == "done" and record is not None and record.job in ("latency_table", "suggest"):
            self.look_up()

    def _offer(self) -> None:
        """Say what the overlay of milliseconds needs, where it is asked for without."""
        session = self._session
        if session.model is None or session.overlay != LATENCY:
            return
        if session.measured.clock is None and not self._jobs.running("latency_table"):
            actions = (("Time the layers", self.measure),)
            session.say(NOT_TIMED, "It takes minutes.", actions=actions, key=TABLE_WANTED)

    # ---- whole networks -----------------------------------------------------------------------

    def look_for_runtimes(self) -> None:
        """Ask the engine which runtimes there are here, once."""
        if self._asked:
            return
        self._asked = True
        self._jobs.submit(
            "runtimes",
            "Look for runtimes",
            {},
            done=self._shipped.set_runtimes,
            failed=self._again,
            cancelled=lambda: self._again(None),
        )

    def _again(self, failure: object) -> None:
        self._asked = False
        if failure is not None:
            self.failed.emit(failure)

    def time_networks(self, paths: Sequence[str], options: Mapping[str, Any]) -> None:
        """Time networks in turns; the open model is what the others are held against.

        Parameters
        ----------
        paths : sequence of str
        options : mapping
            ``runtimes``, ``batches``, ``image_size``, ``threads``, ``device``.
        """
        session, model = self._session, self._session.model
        if model is None or not is_free(session, self._jobs, "latency"):
            return
        sha256 = model.facts.sha256
        others = [path for path in paths if path != model.path]

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                self._shipped.set_timed(result)
                self._keep(result)

        self._jobs.submit(
            "latency",
            f"Time {Path(model.path).name}" + (f" and {len(others)} more" if others else ""),
            {"path": model.path, "sha256": sha256, "others": others, **options},
            done=done,
            failed=self.failed.emit,
            cancelled=lambda: session.say("Timing was cancelled."),
        )

    def _keep(self, result: Mapping[str, Any]) -> None:
        """Keep times for a report, by what is in the files."""
        hashes = {str(path): str(sha256) for path, sha256 in result["models"].items()}
        timings = [{**t, "model": hashes[t["model"]]} for t in result["timings"]]
        kept = {key: result[key] for key in ("machine", "missing")}
        report_store.keep(
            self._session, "latency", list(hashes.values()), {**kept, "timings": timings}
        )


def known_clock(facts: Any, table: Any) -> Clock | None:
    """Return what tells a plan's milliseconds on this machine, when a table of it is cached."""
    from core.plan.latency.clock import Clock
    from core.plan.latency.files import usual_latency

    known = usual_latency(facts.sha256, facts.image_size)
    if known is None or len(known.layer_grid) != len(table.layers):
        return None
    return Clock(known, table)
