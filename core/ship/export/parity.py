"""Whether an exported network gives what its checkpoint gives, on the same images.

Raw outputs are compared part by part (boxes, scores, what else a task has), since one scale over
pixels and scores would hide any error in the scores. Then what the user sees is compared: the
detections after the suppression of Ultralytics.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from core.data.dense import DENSE
from core.errors import UserError
from core.graph.drive import untouched
from core.graph.tensors import tensors_in
from core.progress import Progress, silent
from core.registry import resolve
from core.ship.export.exporter import brief, quiet, sealed
from core.ship.export.format import Format
from core.ship.export.maps import are_maps, map_error

if TYPE_CHECKING:
    from torch import nn

TOLERANCE = 1e-4
"""Largest relative error in FP32 that counts as equal."""
CONFIDENCE = 0.25
"""Of what counts as a detection: the value of Ultralytics for predicting."""
MARGINS = {"fp32": 1e-3, "fp16": 1e-2, "int8": 1e-1}
"""How far scores (absolute) and boxes (share of the image's side) of the same detection may be: in
FP32 they are equal, in a lower precision it is still the same thing that was found."""

UNDETECTING = DENSE
"""Tasks whose outputs are one value a pixel."""

LOWEST_SCORE = 1e-2
"""Errors of scores are relative to the largest score, or to this where all are smaller. Scores are
probabilities: ONNX Runtime rounds its sigmoid to one unit of FP32 at 1.0 (1.2e-7), whatever the
value, so that nothing relative to a score of 1e-3 could be reported from rounding."""

Run = Callable[[Tensor], list[Tensor]]


@dataclass(frozen=True, slots=True)
class Parity:
    """Outcome of a comparison.

    Attributes
    ----------
    relative_error : float
        Largest absolute difference in any part of the outputs, relative to the part's largest.
    tolerance : float or None
        In FP32; None for other precisions, which are not expected to be equal.
    passed : bool or None
        Whether outputs and detections are equal; None where there is no tolerance.
    images : int
    real : bool
        Whether the images came from data, or were generated.
    detections : int or None
        Found by the checkpoint; None for tasks that detect nothing.
    matched : float
        Share of the detections of both that the other has too; of images, for classification.
    """

    relative_error: float
    tolerance: float | None
    passed: bool | None
    images: int
    real: bool
    detections: int | None
    matched: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def compare(
    model: nn.Module,
    path: Path,
    form: Format,
    images: Sequence[Tensor],
    *,
    precision: str = "fp32",
    real: bool = False,
    device: str = "cpu",
    nms: bool = False,
    progress: Progress = silent,
) -> Parity | None:
    """Compare an exported network with the one in memory.

    Parameters
    ----------
    model : nn.Module
        Not changed; a copy in FP32 runs on the CPU.
    path : Path
        What was exported.
    form : Format
    images : sequence of Tensor
        Float, 0 to 1, shape (1, c, height, width).
    precision : str
    real : bool
        Said of the images in the result.
    device : str
        Where the exported network runs, if its runtime has a choice.
    nms : bool
        Whether the exported network suppresses: then detections are compared, and no raw outputs.
    progress : Progress

    Returns
    -------
    Parity or None
        None where the format cannot be run on this machine.

    Raises
    ------
    UserError
        When what was exported cannot be opened, or has other outputs.
    """
    if not form.runs_here():
        return None
    run, chooses = _open(model, path, form, device)
    reference: Any = copy.deepcopy(model).float().eval()
    if hasattr(reference, "end2end") and reference.end2end != chooses and not nms:
        reference.end2end = chooses
    worst, found, matched, total = 0.0, 0, 0, 0
    with torch.no_grad(), untouched(reference):
        for number, image in enumerate(images):
            progress(number / len(images), f"Comparing image {number + 1} of {len(images)}")
            mine, other = _inference(reference(image)), run(image)
            head = _Head.of(
                reference, (int(image.shape[-1]), int(image.shape[-2])), MARGINS[precision]
            )
            if head.task in UNDETECTING and are_maps(mine, other):
                worst = max(worst, map_error(mine[0], other[0], head.task, MARGINS[precision]))
                continue
            first = head.detections(mine)
            if nms:
                second = head.suppressed(other[0])
                worst = max(worst, _farthest(first[0][0], second[0][1]))
            else:
                worst = max(worst, head.error(mine, _ordered(mine, other)))
                second = head.detections(_ordered(mine, other))
            found += first[1]
            matched += head.agreeing(first[0], second[0]) + head.agreeing(second[0], first[0])
            total += first[1] + second[1]
    share = matched / total if total else 1.0
    tolerance = None if precision != "fp32" else MARGINS[precision] if nms else TOLERANCE
    passed = None if tolerance is None else worst <= tolerance and share == 1.0
    detects = str(getattr(model, "task", "detect")) not in UNDETECTING
    return Parity(worst, tolerance, passed, len(images), real, found if detects else None, share)


def _open(model: nn.Module, path: Path, form: Format, device: str) -> tuple[Run, bool]:
    """Return what runs an exported network, and whether its head picks detections itself."""
    try:
        with sealed():
            if form.make is not None and form.run is not None:  # it was exported as it is
                return resolve(form.run)(path), bool(getattr(model, "end2end", False))
            run, chooses = _by_ultralytics(path, device)
            return (run if form.run is None else resolve(form.run)(path)), chooses
    except Exception as error:  # runtimes raise what they please
        raise UserError(
            f"The exported {form.title} network could not be opened: {brief(error)}.",
            "It was not kept; choose another format.",
        ) from error


def _by_ultralytics(path: Path, device: str) -> tuple[Run, bool]:
    from ultralytics.nn.autobackend import AutoBackend

    place = torch.device("cuda:0" if device.startswith("cuda") else "cpu")
    backend: Any = AutoBackend(str(path), device=place, verbose=False)

    def run(image: Tensor) -> list[Tensor]:
        with quiet():
            return [t.float().cpu() for t in tensors_in(backend(image.to(place)))]

    return run, bool(getattr(backend, "end2end", False))


def run_openvino(path: Path) -> Run:
    """Run OpenVINO in FP32: on CPUs that have BF16 it would choose that automatically."""
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(next(path.glob("*.xml"))), "CPU", options)

    def run(image: Tensor) -> list[Tensor]:
        made = compiled([image.numpy()])
        return [torch.from_numpy(np.array(made[port])).float() for port in compiled.outputs]

    return run


def _inference(output: Any) -> list[Tensor]:
    """Outputs for predicting: what a network returns next to them is for its loss."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return tensors_in(output)


def _ordered(mine: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """Put the outputs of a runtime into the order of the checkpoint's, by their shapes."""
    left, ordered = list(other), []
    for tensor in mine:
        place = next((n for n, t in enumerate(left) if t.shape == tensor.shape), None)
        if place is None:
            shapes = ", ".join(str(tuple(t.shape)) for t in other)
            raise UserError(
                f"The exported network has no output of shape {tuple(tensor.shape)} (it has "
                f"{shapes}).",
                "It was not kept; choose another format.",
            )
        ordered.append(left.pop(place))
    return ordered


@dataclass(frozen=True, slots=True)
class _Head:
    """How the outputs of a network are read.

    Attributes
    ----------
    task : str
    classes : int
    rows : bool
        Whether the head picks rows (x1, y1, x2, y2, score, class, …), in order of their scores.
    queries : bool
        Whether its rows are (x, y, w, h of the whole image, a score per class), as RT-DETR's.
    sides : pair of int
        Width and height of the image, in pixels.
    margin : float
        Of ``MARGINS``.
    """

    task: str
    classes: int
    rows: bool
    queries: bool
    sides: tuple[int, int]
    margin: float

    @classmethod
    def of(cls, model: Any, sides: tuple[int, int], margin: float) -> _Head:
        from ultralytics.nn.modules import RTDETRDecoder

        head = model.model[-1]
        queries = isinstance(head, RTDETRDecoder)
        rows = bool(getattr(model, "end2end", False)) and not queries
        task = str(getattr(model, "task", "detect"))
        return cls(task, int(getattr(head, "nc", 0)), rows, queries, sides, margin)

    def error(self, mine: list[Tensor], other: list[Tensor]) -> float:
        """Largest relative error over all parts of all outputs."""
        first, *rest = zip(mine, other, strict=True)
        parts = [(first, self._parts(first[0]))] + [(pair, None) for pair in rest]
        return max(self._difference(*pair, slices) for pair, slices in parts)

    def _parts(self, tensor: Tensor) -> tuple[int, list[slice]] | None:
        """Axis and pieces in which the first output is: boxes, scores, the rest."""
        if self.task in ("classify", *UNDETECTING) or tensor.ndim != 3:
            return None
        axis = 2 if self.rows or self.queries else 1
        ends = [4, 5, 6] if self.rows else [4, 4 + self.classes]
        starts = [0, *ends]
        pieces = [slice(a, b) for a, b in zip(starts, [*ends, tensor.shape[axis]], strict=True)]
        return axis, [piece for piece in pieces if piece.start < piece.stop]

    def _difference(
        self, mine: Tensor, other: Tensor, parts: tuple[int, list[slice]] | None
    ) -> float:
        if parts is None:
            return _relative(mine, other)
        axis, pieces = parts
        if axis == 2:
            return self._row_difference(mine[0], other[0], pieces)
        return max(
            _relative(mine[:, piece], other[:, piece], self._smallest(piece)) for piece in pieces
        )

    def _smallest(self, piece: slice) -> float:
        return LOWEST_SCORE if piece.start == 4 else 0.0

    def _row_difference(self, mine: Tensor, other: Tensor, pieces: list[slice]) -> float:
        """Compare picked rows as sets: equal scores come in any order, the last ones may drop out.

        Every row whose score is not among the lowest must have its like on the other side.
        """
        scale = torch.ones(mine.shape[1])
        for piece in pieces:
            scale[piece] = max(float(mine[:, piece].abs().max()), self._smallest(piece), 1e-12)
        scores = slice(4, 5) if self.rows else slice(4, 4 + self.classes)
        worst = 0.0
        for one, two in ((mine, other), (other, mine)):
            strength = one[:, scores].amax(1)
            lowest = strength.min() + TOLERANCE * strength.max()
            chosen = one[strength > lowest]
            if len(chosen):
                gaps = torch.cdist(chosen / scale, two / scale, p=float("inf"))
                worst = max(worst, _number(gaps.amin(1).max()))
        return worst

    def detections(self, outputs: list[Tensor]) -> tuple[tuple[Tensor, Tensor], int]:
        """Return what counts as found (boxes in pixels, score, class), what nearly does, a count.

        For classification: the classes that share the best score, and those near it.
        """
        if self.task in UNDETECTING:
            return (torch.zeros(0, 6), torch.zeros(0, 6)), 0
        if self.task == "classify":
            scores = outputs[0][0]
            near = torch.nonzero(scores >= scores.max() - self.margin)[:, 0]
            rows = torch.zeros(len(near), 6)
            rows[:, 4], rows[:, 5] = scores[near], near.float()
            return (rows[rows[:, 4].argmax()][None], rows), 1
        sure, near = (
            self._found(outputs[0], CONFIDENCE),
            self._found(outputs[0], CONFIDENCE - self.margin),
        )
        sure = sure[sure[:, 4] >= CONFIDENCE]
        return (sure, near), len(sure)

    def _found(self, output: Tensor, confidence: float) -> Tensor:
        if self.queries:
            scores, kinds = output[0, :, 4:].max(1)
            rows = torch.cat([output[0, :, :4], scores[:, None], kinds[:, None].float()], 1)
            return rows[scores >= confidence]
        from ultralytics.utils.nms import non_max_suppression

        found: list[Tensor] = non_max_suppression(
            output.clone(),
            confidence,
            0.7,
            nc=self.classes,
            max_time_img=600.0,
            rotated=self.task == "obb",
            end2end=self.rows,
        )
        return found[0][:, :6] / torch.tensor([*self.sides * 2, 1.0, 1.0])

    def suppressed(self, output: Tensor) -> tuple[tuple[Tensor, Tensor], int]:
        """Return the detections of a network that suppresses itself, as `detections` does."""
        rows = output[0][output[0][:, 4] >= CONFIDENCE]
        found = rows[:, :6] / torch.tensor([*self.sides * 2, 1.0, 1.0])
        return (found, found), len(found)

    def agreeing(self, mine: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> int:
        """Count my sure detections that the other has too, at least nearly so."""
        sure, near = mine[0], other[1]
        if not len(sure) or not len(near):
            return 0
        alike = (sure[:, None, :5] - near[None, :, :5]).abs().amax(2) <= self.margin
        alike &= sure[:, None, 5] == near[None, :, 5]
        return int(alike.any(1).sum())


def _farthest(mine: Tensor, other: Tensor) -> float:
    """Return how far, at most, a detection is from the nearest of its class."""
    worst = 0.0
    for row in mine:
        same = other[other[:, 5] == row[5]]
        if len(same):
            worst = max(worst, float((same[:, :5] - row[:5]).abs().amax(1).min()))
    return worst


def _relative(mine: Tensor, other: Tensor, smallest: float = 0.0) -> float:
    gap, scale = _number((mine - other).abs().max()), _number(mine.abs().max())
    scale = max(scale, smallest)
    return gap / scale if scale > 0 else gap


def _number(value: Tensor) -> float:
    number = float(value)
    return number if np.isfinite(number) else float("inf")
