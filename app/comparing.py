"""Models side by side: runs the comparison, and turns what it found into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app import ledger, text
from app.context import Context
from app.item_models import Column
from app.measured import data_arguments
from app.readiness import has_data, is_free

if TYPE_CHECKING:
    from app.session import Session
    from core.project import DataSetting

FIGURES = {
    "map50_95": "mAP50-95",
    "map50": "mAP50",
    "precision": "precision",
    "recall": "recall",
    "top1": "top-1",
    "top5": "top-5",
}
MAIN = ("map50_95", "top1")
NO_DATA = "Models are compared on labelled images, and no dataset is set."
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of one view of a comparison."""

    columns: tuple[Column[Row], ...]
    rows: tuple[Row, ...]


class Comparing(QObject):
    """The window's side of the job ``compare``.

    Signals
    -------
    failed(Failure)
    dataWanted()
    """

    failed = Signal(object)
    dataWanted = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._jobs = context.session, context.jobs
        self._measured = context.session.measured

    def compare(self, paths: Sequence[str]) -> None:
        """Measure models on the val split; the first is what the others are held against."""
        session, measured = self._session, self._measured
        if not has_data(session, NO_DATA, self.dataWanted.emit) or len(paths) < 2:
            return
        if not is_free(session, self._jobs, "compare"):
            return
        data = measured.data

        def done(result: dict[str, Any]) -> None:
            if data == measured.data:
                measured.set_comparison(result)
            if data is not None:
                keep_for_report(session, result, data)

        self._jobs.submit(
            "compare",
            f"Compare {len(paths)} models",
            {"paths": list(paths), "data": {**(data_arguments(data, "val") or {}), "images": None}},
            done=done,
            failed=self.failed.emit,
        )


def keep_for_report(session: Session, result: Mapping[str, Any], data: DataSetting) -> None:
    """Keep what a report shows of a comparison that the open model leads."""
    models = result["models"]
    hashes = [str(model["sha256"]) for model in models]
    if not session.same_model(hashes[0]):
        return
    keys = ("sha256", "figures", "classes", "milliseconds", "images")
    kept = {
        "models": [{key: model[key] for key in keys} for model in models],
        "images": result["images"],
        "split": result["split"],
        "data": Path(data.path).name,
        "image_size": data.image_size,
    }
    ledger.keep(session, "accuracy", hashes, kept)


def main_figure(result: Mapping[str, Any]) -> str:
    """Return the key of the figure that tells most, for the task of a comparison."""
    figures = result["models"][0]["figures"]
    return next((key for key in MAIN if key in figures), next(iter(figures), ""))


def tables(result: Mapping[str, Any]) -> dict[str, Table]:
    """Return a comparison as tables: models, classes, layers, images.

    Parameters
    ----------
    result : mapping
        As `core.tune.compare.compare` returns it.
    """
    return {
        "Models": _models(result),
        "Classes": _classes(result),
        "Layers": _layers(result),
        "Images": _images(result),
    }


def _models(result: Mapping[str, Any]) -> Table:
    first = result["models"][0]
    keys = [key for key in FIGURES if key in first["figures"]]
    keys += [key for key in first["figures"] if key not in keys]
    rows = []
    for model in result["models"]:
        costs = [_held(model[key], first[key]) for key in ("parameters", "macs")]
        figures = [_number(model["figures"].get(key)) for key in keys]
        ms = f"{model['milliseconds']:.1f}"
        rows.append((Path(model["path"]).name, *figures, *costs, ms))
    titles = [FIGURES.get(key, key) for key in keys]
    return Table(_columns("Model", *titles, "Parameters", "Multiply-adds", "ms/image"), tuple(rows))


def _classes(result: Mapping[str, Any]) -> Table:
    key, models = main_figure(result), result["models"]
    rows = []
    for name in models[0]["classes"]:
        values = [model["classes"].get(name, {}).get(key) for model in models]
        rows.append((name, *map(_number, values), _change(values)))
    return Table(_columns("Class", *_names(result), "Change"), _worst_first(rows))


def _layers(result: Mapping[str, Any]) -> Table:
    rows = []
    for layer in result["channels"]:
        widths = ["" if n is None else str(n) for n in layer["outputs"]]
        macs = [n for n in layer["macs"] if n is not None]
        cost = text.percent(macs[-1] / macs[0]) if len(macs) > 1 and macs[0] else ""
        survived = next((s for s in reversed(layer["survived"]) if s is not None), None)
        kept = "" if survived is None else _ranges(survived)
        rows.append((str(layer["block"]), layer["layer"], *widths, cost, kept))
    columns = _columns("Block", "Layer", *_names(result), "Multiply-adds", "Channels that stayed")
    return Table(columns, tuple(rows))


def _images(result: Mapping[str, Any]) -> Table:
    rows = [
        (Path(row["image"]).name, *(f"{s:.2f}" for s in row["scores"]), f"{row['change']:+.2f}")
        for row in result["images"]
    ]
    names = [f"F1, {name}" for name in _names(result)]
    return Table(_columns("Image", *names, "Change"), tuple(rows))


def _names(result: Mapping[str, Any]) -> list[str]:
    return [Path(model["path"]).stem for model in result["models"]]


def _columns(*titles: str) -> tuple[Column[Row], ...]:
    left = {"Model", "Class", "Layer", "Image", "Channels that stayed"}
    return tuple(
        Column(title, lambda row, n=n: str(row[n]), right=title not in left)
        for n, title in enumerate(titles)
    )


def _held(value: float, first: float) -> str:
    """Write a cost, and how it differs from the first model's."""
    change = text.percent(value / first) if first and value != first else ""
    return text.count(value) + (f" ({change})" if change else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _change(values: Sequence[float | None]) -> str:
    first, last = values[0], values[-1]
    return "" if first is None or last is None else f"{last - first:+.4f}"


def _worst_first(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (float(row[-1] or 0.0), str(row[0]))))


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers in order: 0–3, 5, 8–9."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("–".join(map(str, part)) for part in parts)
