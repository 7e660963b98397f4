"""What a comparison found, as tables: pure functions of the engine's result, no widgets.

A *pair* names the two models that the tables of classes, layers and images are about, as their
places among the models of the comparison; changes go from the first to the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from operator import itemgetter
from pathlib import Path
from typing import Any

from app.kit import formats
from app.kit.table_model import Column
from core.compare.result import ComparedImage, ComparedModel, Comparison
from core.data.figures import FIGURES, figure_name, main_name
from core.plan.cost import COST
from core.system.paths import model_names

COSTS = {
    "macs": ("GFLOPs", "GFLOPs", 5e8),
    "parameters": ("Parameters", "parameters, M", 1e6),
    "milliseconds": ("Latency", "ms per image", 1.0),
}
SIGNS = ("●", "■", "▲", "◆", "⬟", "⬢")
"""The marks of models in charts, as text."""
Pair = tuple[int, int]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of one view of a comparison.

    Attributes
    ----------
    order : int
        The column to sort by at first, rising; -1 leaves the rows as they are.
    """

    columns: tuple[Column[Row], ...]
    rows: tuple[Row, ...]
    order: int = -1


def has_images(result: Comparison) -> bool:
    """Whether the models were measured, not only laid side by side."""
    return "figures" in result["models"][0]


def names(result: Comparison) -> list[str]:
    """Name the models, each differently."""
    return model_names([model["path"] for model in result["models"]])


def pairs(result: Comparison) -> dict[Pair, str]:
    """Name every two models, the first of all with the last before the others."""
    told = names(result)
    last = len(told) - 1
    every = sorted(combinations(range(len(told)), 2), key=lambda pair: pair != (0, last))
    return {(one, other): f"{told[one]} → {told[other]}" for one, other in every}


def main_figure(result: Comparison) -> str:
    """Return the key of the figure that tells most, for the task; empty without images."""
    return main_name(result["models"][0].get("figures", {}))


def figures_of(result: Comparison) -> list[str]:
    """Return the keys of what was measured, the main figure first."""
    known = result["models"][0].get("figures", {})
    return [*(key for key in FIGURES if key in known), *(k for k in known if k not in FIGURES)]


# ---- models -----------------------------------------------------------------------------------


def models_table(result: Comparison) -> Table:
    """Return figures and costs of every model."""
    first, keys = result["models"][0], figures_of(result)
    rows = []
    for name, model in zip(names(result), result["models"], strict=True):
        costs = [(cost_of(model, key), cost_of(first, key)) for key in COST]
        rows.append((name, *costs, model, *(model["figures"].get(key) for key in keys)))
    columns = [_words("Model", 0)]
    figures = [_number(figure_name(key), n, "figure") for n, key in enumerate(keys, 4)]
    columns += figures[:1]
    columns += [_cost(title, n) for n, title in enumerate(("Parameters", "GFLOPs"), 1)]
    if any("bytes" in model for model in result["models"]):
        columns.append(_bytes(first))
    if keys:
        tip = "ms per image on this computer ± half the interquartile range, and the change from "
        tip += "the baseline"
        show = partial(_time, first)
        columns.append(Column("ms/image", lambda row: show(row[3]), tip=tip, right=True))
    return Table((*columns, *figures[1:]), tuple(rows))


def points(result: Comparison, figure: str, cost: str) -> list[tuple[str, float | None, float]]:
    """Return every model as a point: its name, its cost in the unit of ``COSTS``, a figure.

    The cost is None where a file does not say.
    """
    unit = COSTS[cost][2]
    found = []
    for name, model in zip(names(result), result["models"], strict=True):
        value = cost_of(model, cost)
        reached = float(model["figures"].get(figure, 0.0))
        found.append((name, None if value is None else value / unit, reached))
    return found


def cost_of(model: ComparedModel, cost: str) -> float | None:
    """Return what a model costs, by a key of ``COSTS``; None where a file does not say."""
    if cost == "milliseconds":
        return model["milliseconds"]
    value = model["macs"] if cost == "macs" else model["parameters"]
    return None if value is None else float(value)


def _time(first: ComparedModel, model: ComparedModel) -> str:
    """Write a latency with its spread, and its change from the baseline, measured in turns.

    A change inside the spread is none.
    """
    speed, base = model.get("speed"), first.get("speed")
    if not speed or speed.get("high") is None:  # of a version that kept no spread
        ratio = speed["ratio"] if speed else None
        change = f" ({formats.percent(ratio)})" if ratio is not None and ratio != 1.0 else ""
        return f"{model['milliseconds']:.1f}{change}"
    words = f"{speed['median']:.1f} ± {(speed['high'] - speed['low']) / 2:.1f}"
    if not base or model is first or speed["ratio"] is None:
        return words
    same = speed["low"] <= base["high"] and base["low"] <= speed["high"]
    return f"{words} ({'no difference' if same else formats.percent(speed['ratio'])})"


# ---- classes ----------------------------------------------------------------------------------


def classes_table(result: Comparison, pair: Pair) -> Table:
    """Return the main figure of every class and model, the worst change first."""
    key, models = main_figure(result), result["models"]
    rows = []
    for name in models[0]["classes"]:
        values = [model["classes"].get(name, {}).get(key) for model in models]
        rows.append((name, *values, _change(values[pair[0]], values[pair[1]])))
    rows.sort(key=lambda row: (row[-1] if row[-1] is not None else 0.0, row[0]))
    columns = [_words("Class", 0)]
    columns += [_number(name, n, "figure") for n, name in enumerate(names(result), 1)]
    columns.append(_number("Change", len(models) + 1, "change"))
    return Table(tuple(columns), tuple(rows), len(models) + 1)


# ---- layers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LayerChange:
    """How a layer differs between the two models of a pair.

    Attributes
    ----------
    layer : str
    block : int
    outputs, parameters, macs : (int or None, int or None)
        None where a model has no such layer.
    common : int or None
        Channels of the first model's that the second still has; None where files do not tell.
    """

    layer: str
    block: int
    outputs: tuple[int | None, int | None]
    parameters: tuple[int | None, int | None]
    macs: tuple[int | None, int | None]
    common: int | None

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return self.outputs[0] != self.outputs[1] or self.macs[0] != self.macs[1]


def layer_changes(result: Comparison, pair: Pair) -> list[LayerChange]:
    """Return the layers that have widths of their own, in order of execution.

    Normalisation is left out: it is as wide as the convolution before it, and costs nothing next to
    it.
    """
    one, other = pair
    found = []
    for layer in result["channels"]:
        macs = layer["macs"]
        if not (macs[one] or macs[other]):
            continue
        before, after = layer["survived"][one], layer["survived"][other]
        common = None if before is None or after is None else len(set(before) & set(after))
        found.append(
            LayerChange(
                layer["layer"],
                int(layer["block"]),
                (layer["outputs"][one], layer["outputs"][other]),
                (layer["parameters"][one], layer["parameters"][other]),
                (macs[one], macs[other]),
                common,
            )
        )
    return found


def layers_table(result: Comparison, pair: Pair) -> Table:
    """Return widths, surviving channels and cost of every layer, in order of execution."""
    told = names(result)
    one, other = told[pair[0]], told[pair[1]]
    rows = [(change,) for change in layer_changes(result, pair)]

    columns: list[Column[Row]] = [
        Column("Layer", lambda row: row[0].layer, tip="The layer; the number is its block"),
        _width(one, 0),
        _width(other, 1),
        Column(
            "In common",
            lambda row: _common(row[0]),
            lambda row: -1 if row[0].common is None else row[0].common,
            f"Channels of {one} that remain in {other}, at any position",
            right=True,
        ),
        _saved("GFLOPs", "GFLOPs", lambda row: _ratio(*row[0].macs)),
        _saved("Parameters", "parameters", lambda row: _ratio(*row[0].parameters)),
    ]
    return Table(tuple(columns), tuple(rows))


def _common(change: LayerChange) -> str:
    if change.common is None:
        return "" if None in change.outputs else "unknown"
    return f"{change.common:,}"


def ranges(numbers: Sequence[int]) -> str:
    """Write numbers in order: 0–3, 5, 8–9."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("–".join(map(str, part)) for part in parts)


# ---- images -----------------------------------------------------------------------------------


def score_name(result: Comparison) -> str:
    """Describe what the score of an image is, in a word."""
    return "Correct class" if result.get("task") == "classify" else "F1"


def images_table(result: Comparison, pair: Pair) -> Table:
    """Return the images with the worst changes, the worst first.

    The first cell of a row is the image as the engine told it.
    """
    told, score = names(result), score_name(result)
    rows: list[Row] = [
        (row, row["scores"][pair[1]] - row["scores"][pair[0]], *(row["scores"][n] for n in pair))
        for row in result["images"]
    ]
    rows.sort(key=lambda row: (row[1], row[0]["image"]))
    columns: list[Column[Row]] = [
        Column("Image", lambda row: Path(row[0]["image"]).name),
        _number("Change", 1, "score change"),
        *(
            _score(told[n], at, f"{score} in {told[n]}: {SCORE_TIPS[score]}")
            for at, n in enumerate(pair, 2)
        ),
    ]
    return Table(tuple(columns), tuple(rows), 1)


SCORE_TIPS = {
    "F1": "F1 over IoU thresholds from 0.5 to 0.95",
    "Correct class": "the probability of the correct class",
}


def outcome_words(row: ComparedImage, model: int) -> str:
    """Describe how many objects of an image a model found, missed and made up."""
    boxes = row["boxes"][model]
    counts = Counter(str(box["outcome"]) for box in boxes)
    counts["missed"] = len(row["missed"][model])
    told = [f"{counts[word]} {word}" for word in ("found", "missed", "wrong") if counts[word]]
    return ", ".join(told) or "nothing"


# ---- cells ------------------------------------------------------------------------------------


def _words(title: str, place: int) -> Column[Row]:
    return Column(title, lambda row: str(row[place]))


FORMATS = {"figure": "{:.4f}", "change": "{:+.4f}", "score change": "{:+.2f}"}


def _number(title: str, place: int, kind: str) -> Column[Row]:
    """Return a column of numbers; changes have the colours of better and worse."""

    def show(row: Row) -> str:
        value = row[place]
        return "" if value is None else FORMATS[kind].format(value).replace("-", "−")

    def colour(row: Row) -> str:
        value = row[place] or 0.0
        return "" if abs(value) < 0.00005 else ("blocked" if value < 0 else "success")

    changes = colour if kind != "figure" else None
    return Column(title, show, lambda row: row[place] or 0.0, colour=changes, right=True)


def _cost(title: str, place: int) -> Column[Row]:
    def show(row: Row) -> str:
        value, first = row[place]
        if value is None:
            return "–"
        write = formats.gflops if title == "GFLOPs" else formats.count
        change = formats.percent(value / first) if first and value != first else ""
        return write(value) + (f" ({change})" if change else "")

    def order(row: Row) -> float:
        value: float | None = row[place][0]
        return -1.0 if value is None else value

    tip = f"{title}, and the change from the baseline; “–” of an exported file, which does not say"
    return Column(title, show, order, tip, right=True)


def _bytes(first: ComparedModel) -> Column[Row]:
    """Return a column of the sizes of files; the row holds its model as `models_table` has it."""
    base = first.get("bytes")

    def show(row: Row) -> str:
        value = row[3].get("bytes")
        if value is None:
            return "–"
        change = formats.percent(value / base) if base and value != base else ""
        return formats.size(value) + (f" ({change})" if change else "")

    tip = "Size of the file, and the change from the baseline"
    return Column("Size", show, lambda row: row[3].get("bytes", -1), tip, right=True)


def _width(name: str, side: int) -> Column[Row]:
    """Return a column of what the layers put out in one model of the pair."""
    return Column(
        name,
        lambda row: _shown(row[0].outputs[side]),
        lambda row: row[0].outputs[side] or 0,
        f"Output channels of the layer in {name}",
        right=True,
    )


def _saved(title: str, what: str, share: Callable[[Row], float | None]) -> Column[Row]:
    """Return a column of what is left of the layers' cost."""
    return Column(
        title,
        lambda row: _percent(share(row)),
        lambda row: share(row) or 0.0,
        f"Change of the {what} of the layer",
        lambda row: "success" if (share(row) or 1.0) < 0.9995 else "",
        True,
    )


def _score(name: str, place: int, tip: str) -> Column[Row]:
    return Column(name, lambda row: f"{row[place]:.2f}", itemgetter(place), tip, right=True)


def _change(first: float | None, last: float | None) -> float | None:
    return None if first is None or last is None else last - first


def _ratio(first: int | None, last: int | None) -> float | None:
    return last / first if first and last is not None else None


def _percent(share: float | None) -> str:
    """Write a change; nothing if there is none, so that the others are seen."""
    return "" if share is None or abs(share - 1) < 0.0005 else formats.percent(share)


def _shown(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
