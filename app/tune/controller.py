"""Fine-tuning from the window: checks the data, makes jobs, reports what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox, QWidget

from app.context import Context
from app.data.check import submit_check
from app.engine.preconditions import has_data
from app.engine.untrusted import offer
from app.kit.dialogs import ask
from app.state.files import job_places
from core.runs.listing import figures_of, lost_accuracy, unchanged_text
from core.runs.tail import RunEntry

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck

KEPT = "Its best and last state are kept; you can resume it."
Buttons = QMessageBox.StandardButton


class TuneController(QObject):
    """The window's side of fine-tuning."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._engine, self._jobs = context.session, context.engine, context.jobs
        self._measured = context.session.measured
        self._states: dict[str, tuple[str, int]] = {}
        self._held = False
        for signal in (self._session.modelChanged, self._session.titleChanged):
            signal.connect(self._look)
        self._jobs.listChanged.connect(self._compare)
        self._jobs.started.connect(self._session.requests.jobWanted)
        self._jobs.waits.connect(self._say_waits)
        self._jobs.failed.connect(
            lambda text, hint: self._session.say(text, hint, "error", key="run")
        )
        self._look()

    def _look(self) -> None:
        places = tuple(str(place) for place in job_places(self._session))
        if places != self._jobs.places:
            self._jobs.look_in(places)

    # ---- starting -----------------------------------------------------------------------------

    def check(self, network: str, then: Mapping[str, Any] | None = None) -> None:
        """Check the dataset against a network, and start a tuning where that is wanted.

        Parameters
        ----------
        network : str
        then : mapping, optional
            The settings of a tuning to start if the data can be used.
        """
        data, measured = self._measured.data, self._measured
        if not has_data(self._session, "Fine-tuning") or data is None:
            return
        if self._engine.running("check_data"):
            return

        def done(result: DatasetCheck) -> None:
            if data != measured.data:
                return
            measured.set_check({**result, "network": network})
            if then is not None and result["usable"]:
                self._start(then)
            elif then is not None:
                self._refuse(result)

        submit_check(self._engine, data.path, network, done, data.same_classes)

    def _refuse(self, check: DatasetCheck) -> None:
        errors = [p for p in check["problems"] if p["severity"] == "error"]
        message, hint = "It has problems.", ""
        if errors:
            message, hint = errors[0]["message"], errors[0]["hint"]
        more = f" {len(errors) - 1} more in Fine-tune." if len(errors) > 1 else ""
        text = f"The dataset cannot be used for this network: {message}"
        self._session.say(text, hint + more, "error", key="run")

    def start(self, settings: Mapping[str, Any]) -> None:
        """Start a tuning; the data is checked first unless it has been, for this network.

        Parameters
        ----------
        settings : mapping
            As `core.tune.settings.Settings` has them, or with the ``kind`` “iterative”
            as `core.runs.kinds.iterative.Iteration`; ``data`` and ``output`` are set here. With
            ``on``, as `core.runs.apart.where_of` reads it, Slurm runs it.
        """
        network, check = str(settings["model"]), self._measured.check
        if check is not None and check["usable"] and self._alike(network, check["network"]):
            self._start(settings)
        else:
            self.check(network, settings)

    def _alike(self, one: str, other: str) -> bool:
        """Whether two networks have the same classes, as far as is known without opening them."""
        model = self._session.model
        own = {model.path} if model is not None else set()
        family = own | {result.output for result in self._session.lineage.results}
        return one == other or {one, other} <= family

    def _start(self, settings: Mapping[str, Any]) -> None:
        from core.errors import UserError
        from core.runs import apart
        from core.runs.kinds import KINDS

        data, wanted = self._measured.data, dict(settings)
        if data is None:
            return
        name, on = wanted.pop("kind", "finetune"), str(wanted.pop("on", ""))
        kind = KINDS[name]
        taken = {str(e.arguments.get("output")) for e in self._jobs.entries if e.state != "done"}
        output = free_name(Path(str(settings["model"])), taken, kind.ending)
        places = {
            "data": data.path,
            "output": str(output),
            "history": self._session.lineage.folder or None,
        }
        if data.same_classes:
            if "tune" in wanted:
                wanted["tune"] = {**wanted["tune"], "same_classes": True}
            elif name == "finetune":
                wanted["same_classes"] = True
        try:
            parsed = kind.settings({**wanted, **places})
            where = apart.where_of(on) if on else None
        except UserError as error:
            self._session.say(error.message, error.hint, "error", key="run")
            return
        self._session.requests.tuningStarts.emit()
        arguments = parsed.model_dump(mode="json")
        inputs = {key: arguments.get(key) for key in kind.inputs}
        parent = str(job_places(self._session)[-1])
        self._jobs.start(name, arguments, inputs, parent, where)

    # ---- what became of jobs ------------------------------------------------------------------

    def _compare(self) -> None:
        """Describe what ended, began, or was found: running, or interrupted."""
        before, first = self._states, True
        self._states = {e.folder: (e.state, e.place) for e in self._jobs.entries}
        for entry in self._jobs.entries:
            was, place = before.get(entry.folder, ("", 0))
            if was == entry.state:
                continue
            if (was in ("running", "paused") or (place and entry.state == "failed")) and (
                not entry.active
            ):
                self._say_end(entry)
            elif place and entry.active and entry.folder != self._jobs.watched:
                self._say_found(entry, "has started")
            elif not was and entry.active and first and entry.folder != self._jobs.watched:
                first = False
                self._say_found(entry, f"continues ({entry.word})")
            elif not was and entry.state == "interrupted" and first:
                first = False
                self._say_interrupted(entry)
        self._look_at_queue()

    def _look_at_queue(self) -> None:
        """Report once that the queue is held while jobs wait in it."""
        waiting = self._jobs.waiting
        held = any(entry.held for entry in waiting)
        if held and not self._held:
            names = ", ".join(entry.title for entry in waiting[:3])
            verb = "is" if len(waiting) == 1 else "are"
            text = f"The queue is paused; {names} {verb} waiting in it."
            go_on = ("Resume queue", lambda: self._jobs.hold(False))
            self._session.say(text, "", "info", actions=(go_on,), key="queue")
        self._held = held

    def _say_waits(self, folder: str) -> None:
        name = Path(str(self._arguments_of(folder).get("model") or folder)).name
        entry = self._jobs.entry(folder)
        if entry is not None and entry.state == "submitted":
            text, hint = f"{name} is waiting for Slurm.", "Slurm starts it when a node is free."
        else:
            text = f"{name} is waiting in the queue."
            hint = "It starts automatically when its device is free, with or without this window."
        show = ("Show", lambda: self._session.requests.jobWanted.emit(folder))
        self._session.say(text, hint, "info", actions=(show,), key="run")

    def _arguments_of(self, folder: str) -> Mapping[str, Any]:
        entry = self._jobs.entry(folder)
        return entry.arguments if entry is not None else {}

    def _say_end(self, entry: RunEntry) -> None:
        show = ("Show", lambda: self._session.requests.jobWanted.emit(entry.folder))
        resume = ("Resume", lambda: self._jobs.resume(entry.folder))
        if entry.state == "done":
            output = entry.output
            opened = ("Open", lambda: self._session.requests.openWanted.emit(output))
            text = f"The {entry.noun} of {entry.title} is finished: {Path(output).name}."
            figures = figures_of(entry)
            figures = figures and f"{figures} on the val split."
            figures = " ".join(filter(None, [figures, entry.needs]))
            actions: tuple[tuple[str, Callable[[], object]], ...] = (opened, show)
            if lost_accuracy(entry):
                before = str(entry.arguments.get("model") or "")
                keep = ("Keep previous file", lambda: self._keep(before))
                text = f"{text.removesuffix('.')}, but it lost accuracy."
                actions = (keep, ("Open anyway", opened[1]), show)
                self._session.say(text, figures, "warning", actions=actions, key="run")
            elif unchanged := unchanged_text(entry):
                text = f"The {entry.noun} of {entry.title} is finished. {unchanged}"
                self._session.say(text, figures, "info", actions=actions, key="run")
            else:
                self._session.say(text, figures, "success", actions=actions, key="run")
        elif entry.state == "failed":
            text = f"The {entry.noun} of {entry.title} failed: {entry.message}"
            actions, hint = (show, resume), entry.hint
            if entry.untrusted:
                asked = {**entry.untrusted, "resume": entry.folder}
                hint, trust = offer(asked, self._session.requests.trustWanted.emit)
                actions = (trust, show)
            elif entry.smaller:
                less = lambda: self._jobs.resume(entry.folder, entry.next_batch)  # noqa: E731
                actions = ((f"Continue with {entry.smaller}", less), show)
            self._session.say(text, hint, "error", actions=actions, key="run")
        elif entry.state == "cancelled":
            text = f"The {entry.noun} of {entry.title} was stopped."
            self._session.say(text, KEPT, "info", actions=(show, resume), key="run")
        else:
            self._say_interrupted(entry)

    def _keep(self, path: str) -> None:
        """Go on with the file from before a tuning; the tuned one stays where it is."""
        model = self._session.model
        if model is None or Path(model.path) != Path(path):
            self._session.requests.openWanted.emit(path)

    def _say_found(self, entry: RunEntry, what: str) -> None:
        text = f"The {entry.noun} of {entry.title} {what}."
        show = ("Show", lambda: self._show(entry))
        self._session.say(text, "", "info", actions=(show,), key="run")

    def _say_interrupted(self, entry: RunEntry) -> None:
        actions = (
            ("Resume", lambda: self._jobs.resume(entry.folder)),
            ("Show", lambda: self._show(entry)),
            ("Don't ask again", lambda: self._jobs.leave(entry.folder)),
        )
        text = f"The {entry.noun} of {entry.title} was interrupted."
        self._session.say(text, KEPT, "warning", actions=actions, key="run")

    def _show(self, entry: RunEntry) -> None:
        """Look at a job; without a model there are no panels, so its own is opened."""
        model = str(entry.arguments.get("model") or "")
        if self._session.model is None and Path(model).is_file():
            self._session.requests.openWanted.emit(model)
        self._session.requests.jobWanted.emit(entry.folder)

    # ---- the end ------------------------------------------------------------------------------

    def may_close(self) -> bool:
        """Ask what is to become of running jobs; False when the window is to stay."""
        ending = self._jobs.ends_with_window
        active = [e for e in self._jobs.active if not ending or not e.folder.startswith(ending)]
        if not active:
            return True
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Fine-tuning is running")
        names = ", ".join(entry.title for entry in active[:3])
        waiting = len(self._jobs.waiting)
        more = f", and {waiting} more {'is' if waiting == 1 else 'are'} waiting" if waiting else ""
        box.setText(f"The {active[0].noun} of {names} is still running{more}.")
        queue = " The queue also continues; if you stop, it is paused." if waiting else ""
        box.setInformativeText(
            "Keep it running without the window? It is listed again when you open "
            "Secateur. If you stop it, its best and last state are kept and you can "
            f"resume it.{queue}"
        )
        box.setStandardButtons(Buttons.Yes | Buttons.No | Buttons.Cancel)
        for button, words in ((Buttons.Yes, "&Keep running"), (Buttons.No, "&Stop")):
            box.button(button).setText(words)
        box.setDefaultButton(Buttons.Yes)
        answer = ask(box)
        if answer == Buttons.No:
            if waiting:
                self._jobs.hold(True)
            for entry in active:
                self._jobs.tell(entry.folder, "cancel")
        return answer in (Buttons.Yes, Buttons.No)


def free_name(network: Path, taken: set[str], word: str = "tuned") -> Path:
    """Return a name for the tuned file that nothing bears, and no unfinished job will."""
    stem = network.stem
    for number in range(1, 10_000):
        ending = f"-{word}" if number == 1 else f"-{word}-{number}"
        path = network.with_name(f"{stem}{ending}.pt").absolute()
        if not path.exists() and str(path) not in taken:
            return path
    raise AssertionError("ten thousand fine-tuned files with the same name")
