"""Stock models that could be used instead of a pruned one: published figures, with their source.

Nothing here was measured by Secateur. Published mAP is of COCO val2017 with its 80 classes (OBB:
DOTAv1, classification: ImageNet) and does not compare with figures on other images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.data.figures import FIGURES
from core.system.size import ImageSize, SizeLike

_DOCS = "https://docs.ultralytics.com/models"
_MAP, _MASK, _POSE, _TOP1 = (
    FIGURES[key] for key in ("map50_95", "mask_map50_95", "keypoint_map50_95", "top1")
)
_DOTA = f"{FIGURES['map50']} (DOTAv1 test)"


@dataclass(frozen=True, slots=True)
class StockModel:
    """A model that Ultralytics publishes weights of.

    Attributes
    ----------
    name : str
        Such as ``yolov8s-seg``.
    size : int
        Side of the images in pixels at which its figures hold.
    measure : str
        What ``figure`` is.
    figure : float
        0 to 1.
    parameters : int
        Rounded, as published.
    macs : int
        Multiply-adds: half the FLOPs that are published, which count both.
    source : str
        Where it is published.
    """

    name: str
    size: int
    measure: str
    figure: float
    parameters: int
    macs: int
    source: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of models of one task: by scale, (figure in %, parameters in M, FLOPs in B)."""

    line: str
    task: str
    measure: str
    size: int
    page: str
    rows: Mapping[str, tuple[float, float, float]]

    def models(self) -> Iterator[tuple[str, StockModel]]:
        ending = {"detect": "", "segment": "-seg", "classify": "-cls"}.get(
            self.task, f"-{self.task}"
        )
        for scale, (figure, parameters, flops) in self.rows.items():
            yield (
                scale,
                StockModel(
                    f"{self.line}{scale}{ending}",
                    self.size,
                    self.measure,
                    round(figure / 100, 5),
                    round(parameters * 1e6),
                    round(flops * 1e9 / 2),
                    f"{_DOCS}/{self.page}/",
                ),
            )


LINES = (
    _Line("yolov8", "detect", _MAP, 640, "yolov8", {
        "n": (37.3, 3.2, 8.7), "s": (44.9, 11.2, 28.6), "m": (50.2, 25.9, 78.9),
        "l": (52.9, 43.7, 165.2), "x": (53.9, 68.2, 257.8)}),
    _Line("yolov8", "segment", _MASK, 640, "yolov8", {
        "n": (30.5, 3.4, 12.6), "s": (36.8, 11.8, 42.6), "m": (40.8, 27.3, 110.2),
        "l": (42.6, 46.0, 220.5), "x": (43.4, 71.8, 344.1)}),
    _Line("yolov8", "pose", _POSE, 640, "yolov8", {
        "n": (50.4, 3.3, 9.2), "s": (60.0, 11.6, 30.2), "m": (65.0, 26.4, 81.0),
        "l": (67.6, 44.4, 168.6), "x": (69.2, 69.4, 263.2)}),
    _Line("yolov8", "obb", _DOTA, 1024, "yolov8", {
        "n": (78.0, 3.1, 23.3), "s": (79.5, 11.4, 76.3), "m": (80.5, 26.4, 208.6),
        "l": (80.7, 44.5, 433.8), "x": (81.36, 69.5, 676.7)}),
    _Line("yolo11", "detect", _MAP, 640, "yolo11", {
        "n": (39.5, 2.6, 6.5), "s": (47.0, 9.4, 21.5), "m": (51.5, 20.1, 68.0),
        "l": (53.4, 25.3, 86.9), "x": (54.7, 56.9, 194.9)}),
    _Line("yolo11", "segment", _MASK, 640, "yolo11", {
        "n": (32.0, 2.9, 9.7), "s": (37.8, 10.1, 33.0), "m": (41.5, 22.4, 113.2),
        "l": (42.9, 27.6, 132.2), "x": (43.8, 62.1, 296.4)}),
    _Line("yolo11", "pose", _POSE, 640, "yolo11", {
        "n": (50.0, 2.9, 7.4), "s": (58.9, 9.9, 23.1), "m": (64.9, 20.9, 71.4),
        "l": (66.1, 26.1, 90.3), "x": (69.5, 58.8, 202.8)}),
    _Line("yolo11", "obb", _DOTA, 1024, "yolo11", {
        "n": (78.4, 2.7, 16.8), "s": (79.5, 9.7, 57.1), "m": (80.9, 20.9, 182.8),
        "l": (81.0, 26.1, 231.2), "x": (81.3, 58.8, 519.1)}),
    _Line("yolo11", "classify", _TOP1, 224, "yolo11", {
        "n": (70.0, 2.8, 0.5), "s": (75.4, 6.7, 1.6), "m": (77.3, 11.6, 4.9),
        "l": (78.3, 14.1, 6.2), "x": (79.5, 29.6, 13.6)}),
    _Line("yolo26", "detect", _MAP, 640, "yolo26", {
        "n": (40.9, 2.4, 5.4), "s": (48.6, 9.5, 20.7), "m": (53.1, 20.4, 68.2),
        "l": (55.0, 24.8, 86.4), "x": (57.5, 55.7, 193.9)}),
    _Line("yolo26", "segment", _MASK, 640, "yolo26", {
        "n": (33.9, 2.7, 9.3), "s": (40.0, 10.4, 34.5), "m": (44.1, 23.6, 121.7),
        "l": (45.5, 28.0, 140.1), "x": (47.0, 62.8, 314.0)}),
    _Line("yolo26", "pose", _POSE, 640, "yolo26", {
        "n": (57.2, 2.9, 7.5), "s": (63.1, 10.4, 23.9), "m": (68.8, 21.5, 73.1),
        "l": (70.4, 25.9, 91.3), "x": (71.6, 57.6, 201.7)}),
    _Line("yolo26", "classify", _TOP1, 224, "yolo26", {
        "n": (71.4, 2.8, 0.5), "s": (76.0, 6.7, 1.6), "m": (78.1, 11.6, 4.9),
        "l": (79.0, 14.1, 6.2), "x": (79.9, 29.6, 13.6)}),
    _Line("yolov10", "detect", _MAP, 640, "yolov10", {
        "n": (38.5, 2.3, 6.7), "s": (46.3, 7.2, 21.6), "m": (51.1, 15.4, 59.1),
        "b": (52.5, 19.1, 92.0), "l": (53.2, 24.4, 120.3), "x": (54.4, 29.5, 160.4)}),
    _Line("yolov9", "detect", _MAP, 640, "yolov9", {
        "t": (38.3, 2.0, 7.7), "s": (46.8, 7.2, 26.7), "m": (51.4, 20.1, 76.8),
        "c": (53.0, 25.5, 102.8), "e": (55.6, 58.1, 192.5)}),
    _Line("yolo12", "detect", _MAP, 640, "yolo12", {
        "n": (40.6, 2.6, 6.5), "s": (48.0, 9.3, 21.4), "m": (52.5, 20.2, 67.5),
        "l": (53.7, 26.4, 88.9), "x": (55.2, 59.1, 199.0)}),
)  # fmt: skip
"""As the pages named state them (read in November 2026); scales from the smallest."""

OTHERS = 2
"""How many models of other lines are named."""

_FAMILY = re.compile(r"(yolo(?:v)?\d+)([a-z])(?:-[a-z]+)?")


def instead_of(family: str, task: str, macs: int, size: SizeLike) -> list[StockModel]:
    """Return stock models one could take instead of pruning a network.

    Parameters
    ----------
    family : str
        Of the unpruned network, such as ``yolov8s``.
    task : str
    macs : int
        Of the unpruned network, at ``size``.
    size : ImageSize, int or pair of int
        Of its images.

    Returns
    -------
    list of StockModel
        The next smaller one of its own line first; then of other lines those that are published as
        the most accurate among those that need fewer multiply-adds than the unpruned network.
    """
    match = _FAMILY.fullmatch(family)
    own, scale = (match[1], match[2]) if match else ("", "")
    found: list[StockModel] = []
    others: list[StockModel] = []
    for line in LINES:
        if line.task != task:
            continue
        models = dict(line.models())
        if line.line == own:
            names = list(models)
            place = names.index(scale) if scale in names else 0
            found += [models[names[place - 1]]] if place else []
            continue
        fitting = [m for m in models.values() if at_size(m.macs, m.size, size) < macs]
        others += fitting[-1:]
    others.sort(key=lambda model: -model.figure)
    return found + others[:OTHERS]


def at_size(macs: float, size: SizeLike, other: SizeLike) -> int:
    """Return multiply-adds at another image size: convolutions cost by area."""
    return round(macs * ImageSize.of(other).area / ImageSize.of(size).area)
