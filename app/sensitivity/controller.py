"""Sensitivity scans and evaluations from the window: runs the jobs, takes in what they find."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.state.files import scan_file
from app.state.measurements import Evaluation, data_arguments, point_of
from core.errors import UserError
from core.system.size import SizeLike


class SensitivityController(QObject):
    """The window's side of the jobs ``sensitivity`` and ``evaluate``."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._measured = context.session.measured
        for signal in (context.session.modelChanged, self._measured.dataChanged):
            signal.connect(self.recall)

    def scan(
        self, ratios: tuple[float, ...], blocks: frozenset[int] = frozenset(), on: str = ""
    ) -> None:
        """Measure how accuracy falls with the ratio, block by block; continues where it stopped.

        Parameters
        ----------
        ratios : tuple of float
        blocks : frozenset of int
            Every block that has channels to give when empty.
        on : str
            Where points are measured, as `core.cluster.slurm.read_place` reads it.
        """
        session, measured = self._session, self._measured
        if session.model is None or not self._may("sensitivity"):
            return
        sha256 = session.model.facts.sha256
        file = scan_file(session)
        measured.set_scan_file(str(file))
        session.set_overlay("sensitivity")
        rules = session.plan.model_copy(update={"selection": (), "target": None})

        def found(data: dict[str, Any]) -> None:
            if session.same_model(sha256):
                self._take(data)

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                self._take_scan(result)

        stopped = "The scan was stopped. Its points are kept, and the next scan continues there."
        file.parent.mkdir(parents=True, exist_ok=True)
        self._engine.submit(
            "sensitivity",
            "Scan sensitivity",
            {
                "path": session.model.path,
                "sha256": sha256,
                "data": data_arguments(measured.data, "val"),
                "plan": rules.to_json(),
                "ratios": list(ratios),
                "blocks": sorted(blocks) or None,
                "output": str(file),
                "on": on,
            },
            partial=found,
            done=done,
            cancelled=lambda: session.say(stopped, key="scan"),
        )

    def _take_scan(self, result: dict[str, Any]) -> None:
        points = result.get("points") or ()
        for item in points:
            self._take(item)
        resumed = int(result.get("resumed") or 0)
        known = f"{resumed} points were already measured." if resumed else ""
        self._session.say(
            f"The scan is finished: {len(points)} points.", known, "success", key="scan"
        )

    def _take(self, figures: Mapping[str, Any]) -> None:
        """Take in a point, or the unpruned network's figures, which name no block."""
        if figures.get("block") is None:
            self._measured.set_baseline(float(figures["map50_95"]))
        else:
            self._measured.add_point(point_of(figures))

    def recall(self) -> None:
        """Show what an earlier scan of the open model left in its file, if there is one."""
        session, measured = self._session, self._measured
        if session.model is None or measured.points:
            return
        size = measured.data.image_size if measured.data is not None else None
        for figures in read_scan(scan_file(session), session.model.facts.sha256, size):
            self._take(figures)

    def evaluate(self) -> None:
        """Measure the open model's accuracy on the whole val split."""
        session, measured = self._session, self._measured
        if session.model is None or not self._may("evaluate"):
            return
        sha256, data = session.model.facts.sha256, measured.data

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256) and data == measured.data:
                measured.set_accuracy(
                    Evaluation(
                        float(result["map50_95"]),
                        float(result["map50"]),
                        int(result["images"]),
                        int(result.get("skipped") or 0),
                    )
                )

        arguments = {**(data_arguments(data, "val") or {}), "images": None}
        self._engine.submit(
            "evaluate",
            f"Measure {Path(session.model.path).name}",
            {"path": session.model.path, "sha256": sha256, "data": arguments},
            done=done,
        )

    def _may(self, job: str) -> bool:
        """Whether the job can start; reports why not."""
        session = self._session
        return has_data(session, "Measuring accuracy") and is_free(session, self._engine, job)


def read_scan(file: Path, sha256: str, image_size: SizeLike | None = None) -> list[dict[str, Any]]:
    """Return the figures of the last scan of a model in a file of scans.

    Parameters
    ----------
    file : Path
        One that is missing or damaged holds none; the next scan reports what is wrong with it.
    sha256 : str
        The model's.
    image_size : ImageSize, int or pair of int, optional
        Only scans of images of this size count.
    """
    if not file.is_file():
        return []
    from core.sensitivity.records import read_scans

    try:
        records = read_scans(file)
    except UserError:
        return []
    scan = None
    for record in records:
        settings = record.get("settings")
        if isinstance(settings, dict) and settings.get("model") == sha256:
            fits = image_size is None or settings.get("image_size") == image_size
            scan = record.get("scan") if fits else scan
    return [r for r in records if r.get("scan") == scan and "map50_95" in r] if scan else []
