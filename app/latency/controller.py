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

LATENCY = "latency"
"""The overlay that colours blocks by their milliseconds."""
TABLE_WANTED = "clock"
"""Key of the message that asks for a table of layer times."""
MEASURING = ("latency_table", "latency_answers", "latency", "suggest")
"""Tasks after which there may be another table, or a device that was not known."""
CANCELLED = "The latency measurement was cancelled."
CANCELLED_THERE = f"{CANCELLED} Finished runtimes are kept, and the same measurement continues."
SETTLE_MS = 300
"""How long the folder of latency tables must be left alone before it is read again."""
NOT_TIMED = "There is no latency table of this model {}."


class LatencyController(QObject):
    """The window's side of the jobs ``latency_table``, ``latency`` and ``runtimes``.

    Signals
    -------
    answered
        A table of layer times is being made or is there: nobody need ask for one.
    kitWanted
        The device that counts cannot be reached: an archive for it is needed.
    """

    answered = Signal()
    kitWanted = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._shipped = context.session.shipped
        self._asked = False
        self._tables = QFileSystemWatcher(self)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._tables.directoryChanged.connect(self._changed)
        self._settling.timeout.connect(self._look_again)
        self._session.modelChanged.connect(self._watch_tables)
        self._session.measured.clockChanged.connect(self._told)
        self._session.viewChanged.connect(self._offer)
        self._engine.finished.connect(self._ended)

    # ---- the table of layers ------------------------------------------------------------------

    def _watch_tables(self) -> None:
        """Follow what others make of the tables and devices on disk: a command, another window."""
        from core.plan.latency.devices import devices_file
        from core.plan.latency.files import latency_folder

        for folder in map(str, (latency_folder(), devices_file().parent)):
            if self._session.model is not None and folder not in self._tables.directories():
                with contextlib.suppress(OSError):
                    Path(folder).mkdir(parents=True, exist_ok=True)
                    self._tables.addPath(folder)

    def _changed(self, folder: str) -> None:
        """Read the list of devices, or soon the table: much else is in the folder of the list."""
        from core.plan.latency.files import latency_folder

        if folder == str(latency_folder()):
            self._settling.start()
        else:
            self._session.devices.refresh()

    def _look_again(self) -> None:
        if self._session.model is not None and not self._engine.running("latency_table"):
            self._session.look_up_clock()

    def _told(self) -> None:
        if self._session.measured.clock is not None:
            self.answered.emit()

    def measure(self, options: Mapping[str, Any] | None = None) -> None:
        """Measure the layers of the open model on the device that counts.

        Parameters
        ----------
        options : mapping, optional
            ``runtime``, ``threads``, ``batch``, ``image_size``; the usual ones otherwise. With
            ``again``, layers that are known are measured, too. With ``on``, on another device.
        """
        model, options = self._session.model, dict(options or {})
        if model is None or self._engine.running("latency_table"):
            return
        on = str(options.pop("on", "") or self._session.plan.device)
        if not self._reaches(on):
            return
        self.answered.emit()
        self._engine.submit(
            "latency_table",
            f"Measure the layers of {Path(model.path).name}{self._there(on)}",
            {"path": model.path, "sha256": model.facts.sha256, **_on(on), **options},
            cancelled=lambda: self._session.say(
                "Cancelled; finished measurements are kept, and the next run continues there."
            ),
        )

    def _there(self, on: str) -> str:
        return f" {self._session.devices.where(on)}" if on else ""

    def _reaches(self, on: str) -> bool:
        """Whether a device may be reached; reports why not, and what to do."""
        device = self._session.devices.find(on)
        if device is None or device.reachable:
            return True
        self._session.say(
            f"{device.name} cannot be reached from here.",
            "Write a measurement kit, run it there, and read its answers.",
            "warning",
            actions=(("Measurement kit…", self.kitWanted.emit),),
            key="device",
        )
        return False

    def _ended(self, number: int, state: str) -> None:
        """A suggestion towards a time makes its table too; whoever was reached is known now."""
        record = self._engine.record(number)
        if record is None or record.task not in MEASURING:
            return
        self._session.devices.refresh()
        if state == "done":
            self._session.look_up_clock()

    def _offer(self) -> None:
        """Describe what the overlay of milliseconds needs, where it is asked for without."""
        session = self._session
        if session.model is None or session.overlay != LATENCY:
            return
        if session.measured.clock is None and not self._engine.running("latency_table"):
            actions = (("Measure layers", self.measure),)
            words = NOT_TIMED.format(session.where)
            session.say(words, "This takes minutes.", actions=actions, key=TABLE_WANTED)

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
            ``runtimes``, ``batches``, ``image_size``, ``threads``, ``device``; not the last of them
            on another device, if that is the one that counts.
        """
        session, model = self._session, self._session.model
        if model is None or not is_free(session, self._engine, "latency"):
            return
        on = session.plan.device
        if not self._reaches(on):
            return
        sha256 = model.facts.sha256
        others = [path for path in paths if path != model.path]

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                self._keep(result)

        self._engine.submit(
            "latency",
            f"Measure latency of {Path(model.path).name}"
            + (f" and {len(others)} more" if others else "")
            + self._there(on),
            {"path": model.path, "sha256": sha256, "others": others, **_on(on), **options},
            done=done,
            cancelled=lambda: session.say(CANCELLED_THERE if on else CANCELLED),
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


def _on(device: str) -> dict[str, str]:
    """Return the argument of a task that names another device."""
    return {"on": device} if device else {}
