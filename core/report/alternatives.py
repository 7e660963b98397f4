"""What could be used instead of pruning: smaller images, exports of fewer bits, other models."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.figures import main_name
from core.errors import UserError
from core.history.measurements import ALTERNATIVES, Measurement, new_measurement
from core.progress import Progress, Span
from core.report.wanted import Measuring, hashes, part, there
from core.system.scratch import Scratch
from core.system.size import ImageSize, SizeLike

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.report.known import Known, Network

REPEATS = 20
"""Turns in which alternatives are timed."""
EXPORTS = (("onnx", "fp16"), ("onnx", "int8"), ("openvino", "fp32"), ("openvino", "int8"))
"""Formats and precisions of the unpruned network that are next to pruning. The time of OpenVINO's
INT8 says little without that of its FP32."""
UNIT = 32
SMALLEST = 64


@dataclass
class _Row:
    """One thing that could be used.

    ``exported`` is the network for ONNX Runtime, or a folder for OpenVINO, where it can be timed.
    """

    kind: str
    name: str
    size: ImageSize
    parameters: int | None = None
    macs: int | None = None
    precision: str = "fp32"
    bytes: int | None = None
    figure: float | None = None
    ms: float | None = None
    ratio: float | None = None
    note: str = ""
    sha256: str | None = None
    exported: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        names = ("kind", "name", "parameters", "macs", "precision", "bytes", "figure")
        rest = {name: getattr(self, name) for name in (*names, "ms", "ratio", "note", "sha256")}
        return {**rest, "image_size": self.size.plain}


def alternatives(known: Known, wanted: Measuring, progress: Progress) -> Measurement:
    """Measure what else could be used, on the same images, timed in turns."""
    networks = there(known)
    with Scratch("alternatives") as folder:
        bench = _Bench(known, wanted, Path(folder))
        rows = bench.rows(networks, progress)
        about = bench.about()
    result = {**about, "rows": [row.to_json() for row in rows]}
    return new_measurement(ALTERNATIVES, hashes(networks), result)


class _Bench:
    """Measures alternatives to pruning, one after the other.

    Parameters
    ----------
    known : Known
    wanted : Measuring
    folder : Path
        For exported networks.
    """

    def __init__(self, known: Known, wanted: Measuring, folder: Path) -> None:
        from core.pipeline import load
        from core.system.machine import default_threads

        original = known.original
        assert original is not None
        assert known.facts is not None
        self._wanted, self._folder = wanted, folder
        self.loaded: Loaded = load(original.path)
        self.size = wanted.data.image_size if wanted.data is not None else known.facts.image_size
        self.threads = wanted.threads or default_threads()
        self.images = 0
        self.measure = ""
        self.macs: int | None = None
        self._validations: dict[tuple[ImageSize, int], Any] = {}

    def about(self) -> dict[str, Any]:
        """Describe what the rows hold for."""
        from core.ship.latency.measure import machine

        data = self._wanted.data
        return {
            "image_size": self.size.plain,
            "data": None if data is None else data.path.name,
            "split": None if data is None else data.split,
            "images": self.images,
            "measure": self.measure,
            "machine": machine(),
            "threads": self.threads,
            "runtime": "ONNX Runtime",
        }

    def rows(self, networks: Sequence[Network], progress: Progress) -> list[_Row]:
        """Measure all of them."""
        from core.graph.drive import image_unit
        from core.pipeline import load

        rows = []
        stage = Span(progress, 0.0, 0.35)
        todo = [(n.role, load(n.path)) for n in networks]
        todo += [("model", self._other(path)) for path in self._wanted.against]
        for number, (kind, loaded) in enumerate(todo):
            name = Path(loaded.facts.path).name
            rows.append(
                self._network(kind, name, loaded, self.size, Span(stage, *part(number, todo)))
            )
        sizes = smaller_sizes(self.size, _ratio(rows), image_unit(self.loaded.model))
        stage = Span(progress, 0.35, 0.5)
        for number, size in enumerate(sizes):
            span = Span(stage, *part(number, sizes))
            rows.append(self._network("resolution", "", self.loaded, size, span))
        stage = Span(progress, 0.5, 0.8)
        for number, (form, precision) in enumerate(EXPORTS):
            span = Span(stage, *part(number, EXPORTS))
            rows.append(self._quantised(form, precision, span))
        self._time(rows, Span(progress, 0.8, 1.0))
        return rows

    def _other(self, path: Path) -> Loaded:
        """Open a further model, of the same task and classes."""
        from core.pipeline import load

        other, facts = load(path), self.loaded.facts
        if (other.facts.task, other.facts.classes) != (facts.task, facts.classes):
            raise UserError(
                f"{path} has another task or other classes than {facts.path}.",
                "Use a model that was trained for the same task and classes.",
            )
        return other

    # ---- one row --------------------------------------------------------------------------------

    def _network(
        self, kind: str, name: str, loaded: Loaded, size: ImageSize, progress: Progress
    ) -> _Row:
        """Measure a network at an image size; what it costs is counted there."""
        from core.graph.builder import analyse_model
        from core.plan.widths import compute_widths

        title = name or Path(self.loaded.facts.path).name
        progress(0.0, f"Measuring {title} at {size.text}")
        table = analyse_model(loaded.model, size)
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        row = _Row(kind, title, size, widths.parameters, widths.macs)
        path = Path(loaded.facts.path)
        if kind == "original":
            self.macs = row.macs  # a lower precision does the same sums
        if kind != "resolution":
            row.sha256 = loaded.facts.sha256
            row.bytes = path.stat().st_size if path.is_file() else None
        self._evaluate(row, loaded.model, 8, Span(progress, 0.0, 0.6))
        progress(0.7, f"Exporting {title}")
        self._export(row, loaded, size, "fp32")
        return row

    def _quantised(self, form: str, precision: str, progress: Progress) -> _Row:
        """Export the unpruned network in a lower precision and measure what came out."""
        from core.ship.export.formats import FORMATS
        from core.ship.export.run import ExportSettings, export

        entry, data = FORMATS[form], self._wanted.data
        title = f"{entry.title} {precision.upper()}"
        kind = "runtime" if precision == "fp32" else "quantised"
        row = _Row(kind, title, self.size, macs=self.macs, precision=precision)
        progress(0.0, f"Exporting to {title}")
        target = self._folder / f"{form}-{precision}{entry.suffix}"
        calibration = None if data is None else replace(data, split="train", images=100)
        settings = ExportSettings(form, precision, self.size, data=calibration, compared=2)
        try:
            done = export(self.loaded, target, settings, Span(progress, 0.0, 0.6))
        except UserError as error:
            row.note = str(error)
            return row
        row.bytes = done.bytes
        row.parameters = done.exported_parameters
        self._evaluate(row, target, 1, Span(progress, 0.6, 1.0))
        row.exported = target
        return row

    def _evaluate(self, row: _Row, model: Any, batch: int, progress: Progress) -> None:
        """Measure accuracy on images of the row's size, where there are images."""
        from core.data.validation import Validation

        data, facts = self._wanted.data, self.loaded.facts
        if data is None:
            return
        if (row.size, batch) not in self._validations:
            settings = replace(data, image_size=row.size, batch=batch)
            self._validations[row.size, batch] = Validation(
                self.loaded.model, settings, facts.classes, facts.task, square=True
            )
        accuracy = self._validations[row.size, batch].evaluate(model, progress)
        self.measure = main_name(accuracy.figures)
        self.images = accuracy.images
        row.figure = accuracy.figures[self.measure]

    # ---- times ----------------------------------------------------------------------------------

    def _export(self, row: _Row, loaded: Loaded, size: ImageSize, precision: str) -> None:
        """Export for ONNX Runtime, to be timed; no row without its tools."""
        from core.ship.export.formats import FORMATS
        from core.ship.latency.runtime import Settings
        from core.ship.latency.runtimes import export as run_export

        if FORMATS["onnx"].missing() is not None:
            return
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        settings = Settings(image_size=size, threads=self.threads, device="cpu")
        row.exported = run_export(loaded.model, "onnx", settings, folder)

    def _time(self, rows: Sequence[_Row], progress: Progress) -> None:
        """Let all that was exported take turns, each in its runtime; the unpruned is the first.

        On one thread the thread's own computing time counts, as other programs hardly disturb it.
        """
        from core.ship.devices.bench import onnx_run, openvino_run
        from core.ship.latency.measure import interleave

        timed = [row for row in rows if row.exported is not None]
        if not timed:
            return
        progress(0.0, "Measuring latency in turns")
        runs = []
        for row in timed:
            assert row.exported is not None
            run = openvino_run if row.exported.is_dir() else onnx_run
            runs.append(run(row.exported, self.threads))
        wall, cpu = interleave(runs, REPEATS, progress)
        taken = cpu if self.threads == 1 else wall
        for number, row in enumerate(timed):
            row.ms = float(np.median(taken[:, number]))
            row.ratio = float(np.median(taken[:, number] / taken[:, 0]))


def _ratio(rows: Sequence[_Row]) -> float:
    """Return the multiply-adds that the newest pruned network keeps; 0.7 if there is none."""
    costs = {row.kind: row.macs for row in rows}
    whole, kept = costs.get("original"), costs.get("tuned", costs.get("pruned"))
    return kept / whole if whole and kept else 0.7


def smaller_sizes(size: SizeLike, ratio: float, unit: int = UNIT) -> list[ImageSize]:
    """Return the image sizes at which the unpruned network costs what the pruned one does.

    Sides are multiples of the unit, so there are two as a rule: just below and just above. The
    shorter side follows the longer one.

    Parameters
    ----------
    size : ImageSize, int or pair of int
        Of the usual image.
    ratio : float
        Share of the multiply-adds that the pruned network keeps; cost goes by area.
    unit : int
        What the network's image sizes are multiples of, in pixels.
    """
    whole = ImageSize.of(size)
    equal = whole.longest * ratio**0.5 / unit
    sides = {unit * int(np.floor(equal)), unit * int(np.ceil(equal))}
    fitting = sorted((s for s in sides if SMALLEST <= s < whole.longest), reverse=True)
    return [whole.scaled(side / whole.longest, unit) for side in fitting]
