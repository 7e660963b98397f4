"""Other devices in the window: added, chosen, renamed, measured again and forgotten; their kits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.context import Context
from app.engine.preconditions import is_free
from app.engine.protocol import Failure
from app.kit import formats
from app.kit.desktop import open_file
from app.kit.dialogs import ask, show_dialog
from app.latency.add_dialog import AddDialog
from app.latency.devices_dialog import DevicesDialog
from app.latency.kit_dialog import KitDialog
from app.state import plan_edits
from core.errors import UserError

ANSWERS = "Answers of a device (*.jsonl)"
ADDING = "device_add"


class DevicesController(QObject):
    """The window's side of the jobs ``device_add``, ``latency_kit`` and ``latency_answers``.

    Signals
    -------
    measureWanted(dict)
        The layers of the open model should be timed again, ``on`` a device.
    """

    measureWanted = Signal(dict)

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._settings, self._window = context.settings, window

    # ---- the list -----------------------------------------------------------------------------

    def choose(self, address: str) -> None:
        """Let the milliseconds of a device count; this computer's when empty. Undoable."""
        session = self._session
        name = session.devices.name_of(address) or "this computer"
        session.edit(plan_edits.set_device(session.plan, address, name))

    def add(self, address: str = "", name: str = "") -> None:
        """Ask for a device, reach it, and choose it."""
        dialog = AddDialog(address, name, self._window)
        dialog.chosen.connect(self._reach)
        show_dialog(dialog)

    def _reach(self, address: str, name: str) -> None:
        def done(result: dict[str, Any]) -> None:
            self._session.devices.refresh()
            device = result["device"]
            self.choose(str(device["address"]))
            self._session.say(*_added(device), "success", key=ADDING)

        def failed(failure: Failure) -> None:
            if failure.bug:
                self._engine.failed.emit(failure)
                return
            actions = (("Change the address…", lambda: self.add(address, name)),)
            self._session.say(failure.message, failure.hint, "error", actions=actions, key=ADDING)

        if is_free(self._session, self._engine, ADDING):
            title = f"Connect to {name or address}"
            arguments = {"address": address, "name": name}
            self._engine.submit(ADDING, title, arguments, done=done, failed=failed)

    def manage(self) -> None:
        """List the devices."""
        devices = self._session.devices
        devices.refresh()
        current, has_model = self._session.plan.device, self._session.model is not None
        dialog = DevicesDialog(devices, current, has_model, self._window)
        dialog.addWanted.connect(self.add)
        dialog.renameWanted.connect(self.rename)
        dialog.measureWanted.connect(lambda on: self.measureWanted.emit({"on": on, "again": True}))
        dialog.forgetWanted.connect(self.forget)
        show_dialog(dialog)

    def rename(self, address: str, name: str) -> None:
        """Give a device another name."""
        from core.plan.latency.devices import rename

        self._change(lambda: rename(address, name))

    def forget(self, address: str) -> None:
        """Forget a device and its tables, once that is confirmed."""
        from core.plan.latency.devices import forget

        name = self._session.devices.name_of(address)
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"Forget {name}?")
        box.setInformativeText("Its latency tables are removed, too. Measuring them takes minutes.")
        go = box.addButton("Forget", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        ask(box)
        if box.clickedButton() is go:
            self._change(lambda: forget(address))

    def _change(self, act: Callable[[], object]) -> None:
        try:
            act()
        except UserError as error:
            self._session.say(error.message, error.hint, "error", key="device")
        except OSError as error:
            self._session.say(f"The list of devices cannot be changed: {error}.", "", "error")
        self._session.devices.refresh()

    # ---- devices without a shell --------------------------------------------------------------

    def write_kit(self) -> None:
        """Ask for a name and a file, and write the archive for a device without a shell."""
        model = self._session.model
        if model is None:
            return
        device = self._session.devices.find(self._session.plan.device)
        name = "" if device is None or device.reachable else device.name
        suggested = Path(self._settings.folder()) / f"{Path(model.path).stem}-bench.zip"
        dialog = KitDialog(suggested, name, self._window)
        dialog.chosen.connect(self._write)
        show_dialog(dialog)

    def _write(self, output: str, options: Mapping[str, Any]) -> None:
        session, model = self._session, self._session.model
        if model is None or not is_free(session, self._engine, "latency_kit"):
            return
        self._settings.set_folder(str(Path(output).parent))

        def done(result: dict[str, Any]) -> None:
            session.say(
                f"{Path(output).name} was written ({formats.size(result['bytes'])}, without the "
                "weights).",
                "Unpack it on the device and run python3 bench.py; then read its answers.",
                "success",
                actions=(("Show folder", lambda: open_file(Path(output).parent)),),
                key="kit",
            )

        self._engine.submit(
            "latency_kit",
            f"Write {Path(output).name}",
            {"path": model.path, "sha256": model.facts.sha256, "output": output, **options},
            done=done,
            cancelled=lambda: session.say("Cancelled; no archive was written."),
        )

    def read_answers(self) -> None:
        """Choose the file that a device wrote, and take in its table."""
        session, model = self._session, self._session.model
        if model is None or not is_free(session, self._engine, "latency_answers"):
            return
        title, folder = "Answers of a device", self._settings.folder()
        file, _ = QFileDialog.getOpenFileName(self._window, title, folder, ANSWERS)
        if not file:
            return
        sha256 = model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            session.devices.refresh()
            device = result["device"]
            if session.same_model(sha256):
                self.choose(str(device["address"]))
                session.look_up_clock()
            ms = float(result["measured_ms"])
            words = f"The unpruned network takes {ms:.1f} ms on {device['name']}."
            session.say(words, "Its latency table is chosen.", "success", key="kit")

        self._engine.submit(
            "latency_answers",
            f"Read {Path(file).name}",
            {"path": model.path, "sha256": sha256, "file": file},
            done=done,
        )


def _added(device: Mapping[str, Any]) -> tuple[str, str]:
    """Describe a device that was reached, and what comes next."""
    from core.plan.latency.devices import LAYERED_THERE, NEEDS

    there = f"{device['name']}: {device['processor']}, {formats.counted(device['cores'], 'core')}."
    module, package = NEEDS[LAYERED_THERE]
    if device["libraries"].get(module) is None:
        return there, f"It has no {module}: install it there (python3 -m pip install {package})."
    return there, "Press Measure layers in Latency for the milliseconds of this model there."
