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
from app.export.words import detection_words, parity_words, size_words
from app.kit.desktop import open_file
from app.state.deliverables import Exported
from app.state.measurements import data_arguments
from app.state.shipping import Format, format_of


class ExportController(QObject):
    """The window's side of the jobs ``formats`` and ``export``."""

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
        session, known = self._session, self._shipped.formats.get(form)
        if session.model is None or known is None:
            return
        problem = known.problem(precision, session.model.facts.task)
        if problem:
            session.say(problem, kind="warning", key="export")
            return
        needs = precision == "int8" and known.calibrates
        if needs and not has_data(session, "INT8 calibration", labels=False):
            return
        if not is_free(session, self._engine, "export"):
            return
        output = self._ask(Path(model), known, precision)
        if output is not None:
            asked: dict[str, Any] = {"image_size": size, "batch": batch}
            if "nms" in more:
                asked["nms"] = True
            if "kit" in more:
                asked["kit"] = str(_free(output.with_name(f"{output.stem}-kit")))
            self._start(model, known, precision, asked, output)

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

    def _start(
        self, model: str, form: Format, precision: str, asked: dict[str, Any], output: Path
    ) -> None:
        from core.history.measurements import EXPORT, new_measurement

        session = self._session
        assert session.model is not None
        original = session.model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            name = Path(model).name
            if session.same_model(original):
                hashes, told = [original, str(result["sha256"])], {**result, "model": name}
                session.lineage.measure(new_measurement(EXPORT, hashes, told))
            self._say(Exported(name, form.title, result))

        self._engine.submit(
            "export",
            f"Export {Path(model).name} to {form.title}",
            {
                "path": model,
                "format": form.name,
                "precision": precision,
                "output": str(output),
                **asked,
                "data": data_arguments(session.measured.data),
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
