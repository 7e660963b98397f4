"""Exports from the window: which formats there are, the job, and the results."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.engine.protocol import Failure
from app.export.words import detection_words, parity_words, quantised_words, size_words
from app.kit.desktop import open_file
from app.state.deliverables import Exported
from app.state.measurements import data_arguments
from app.state.shipping import Format, format_of


class ExportController(QObject):
    """The window's side of the jobs ``formats``, ``export`` and ``quantize``."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._settings = (
            context.session,
            context.engine,
            context.settings,
        )
        self._window, self._shipped = window, context.session.shipped
        self._asked = False

    def look_up(self) -> None:
        """Ask the engine which formats there are here, once."""
        if self._asked:
            return
        self._asked = True
        self._engine.submit(
            "formats", "Check export tools", {}, done=self._take_formats, failed=self._again
        )

    def _again(self, failure: Failure) -> None:
        self._asked = False
        self._engine.failed.emit(failure)

    def _take_formats(self, result: dict[str, Any]) -> None:
        self._shipped.set_formats(map(format_of, result["formats"]))

    def export(
        self,
        model: str,
        form: str,
        precision: str,
        size: int | None,
        batch: int,
        more: Collection[str] = (),
    ) -> None:
        """Ask where to, then export a network.

        Parameters
        ----------
        model : str
            The checkpoint.
        form, precision : str
        size : int or None
            Side of the images in pixels; None takes the network's.
        batch : int
        more : collection of str
            ``kit`` to write a deployment kit next to the file, ``nms`` to export NMS with it.
        """
        told: dict[str, Any] = {"precision": precision, "image_size": size, "batch": batch}
        told |= {"nms": True} if "nms" in more else {}
        self._export(model, form, "export", told, more)

    def quantize(self, model: str, form: str, how: str, size: int | None) -> None:
        """Ask where to, then write a network in INT8.

        Parameters
        ----------
        model : str
            The checkpoint.
        form : str
        how : str
            ``auto``, ``none``, or ``aware``: trained for INT8 before.
        size : int or None
            Side of the images in pixels; None takes the network's.
        """
        aware = how == "aware"
        told = {"precision": "int8", "image_size": size, "aware": aware}
        self._export(model, form, "quantize", {**told, "keep": "auto" if aware else how})

    def _export(
        self, model: str, form: str, task: str, told: dict[str, Any], more: Collection[str] = ()
    ) -> None:
        session, known = self._session, self._shipped.formats.get(form)
        if session.model is None or known is None:
            return
        precision = str(told["precision"])
        problem = known.problem(precision, session.model.facts.task)
        if problem:
            session.say(problem, kind="warning", key="export")
            return
        needs, aware = precision == "int8" and known.calibrates, bool(told.get("aware"))
        what = "Training for INT8" if aware else "INT8 calibration"
        if needs and not has_data(session, what, labels=aware):
            return
        if not is_free(session, self._engine, "export", "quantize"):
            return
        output = self._ask(Path(model), known, precision)
        if output is not None:
            if "kit" in more:
                told["kit"] = str(_free(output.with_name(f"{output.stem}-kit")))
            self._start(model, known, task, {**told, "output": str(output)})

    def _ask(self, model: Path, form: Format, precision: str) -> Path | None:
        """Ask for the file or folder; its name must end as the format's do."""
        ending = "" if precision == "fp32" else f"-{precision}"
        suggested = model.with_name(f"{model.stem}{ending}{form.suffix}")
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            f"Export to {form.title}",
            str(suggested),
            f"{form.title} (*{form.suffix})",
        )
        if not name:
            return None
        self._settings.set_folder(str(Path(name).parent))
        return Path(name) if name.endswith(form.suffix) else Path(name + form.suffix)

    def _start(self, model: str, form: Format, task: str, told: dict[str, Any]) -> None:
        from core.history.measurements import EXPORT, new_measurement
        from core.history.results import quantized_node

        session = self._session
        assert session.model is not None
        original = session.model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            name = Path(model).name
            if session.same_model(original):
                hashes, kept = [original, str(result["sha256"])], {**result, "model": name}
                session.lineage.measure(new_measurement(EXPORT, hashes, kept))
                if task == "quantize":
                    session.take([quantized_node(result, model)])
            self._say(Exported(name, form.title, result))

        verb = "Export" if task == "export" else "Quantise"
        self._engine.submit(
            task,
            f"{verb} {Path(model).name} to {form.title}",
            {
                "path": model,
                "format": form.name,
                "data": data_arguments(session.measured.data),
                **told,
            },
            done=done,
            cancelled=lambda: session.say("The export was cancelled; no file was written."),
        )

    def _say(self, told: Exported) -> None:
        parity = told.result.get("parity")
        differs = parity is not None and parity["passed"] is False
        name, found = told.path.name, detection_words(parity)
        words = f"compared with the checkpoint: {parity_words(parity)}"
        words += f"; detections: {found}" if found else ""
        kit = told.result.get("kit")
        words += f"; deployment kit: {Path(kit['folder']).name}" if kit else ""
        gained = quantised_words(told.result)
        words += f"; {gained}" if gained else ""
        self._session.say(
            f"{name} differs from its checkpoint." if differs else f"{name} was exported.",
            f"{size_words(told.result)}; {words}.",
            "warning" if differs else "success",
            actions=(("Show folder", lambda: open_file(told.path.parent)),),
            key="export",
        )


def _free(folder: Path) -> Path:
    """Return a folder that does not exist yet: this one, or with a number."""
    number, found = 2, folder
    while found.exists():
        found, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return found
