"""A network that runs on single images by Ultralytics' own predictor, and what it finds."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.compare.images import GUESSES
from core.data.labels import Object, box, outlined
from core.data.runtime import RuntimeNetwork, kind_of
from core.errors import UserError
from core.graph.drive import image_channels
from core.system.paths import NOWHERE
from core.system.size import ImageSize, SizeLike
from core.tryout.frames import Pixels
from core.tryout.result import OVERLAP, Milliseconds

if TYPE_CHECKING:
    from core.checkpoint import Loaded

PREDICTORS: Mapping[str, tuple[str, str]] = {
    "detect": ("ultralytics.models.yolo.detect", "DetectionPredictor"),
    "segment": ("ultralytics.models.yolo.segment", "SegmentationPredictor"),
    "pose": ("ultralytics.models.yolo.pose", "PosePredictor"),
    "obb": ("ultralytics.models.yolo.obb", "OBBPredictor"),
    "semantic": ("ultralytics.models.yolo.semantic", "SemanticSegmentationPredictor"),
    "depth": ("ultralytics.models.yolo.depth", "DepthPredictor"),
    "classify": ("ultralytics.models.yolo.classify", "ClassificationPredictor"),
    "rtdetr": ("ultralytics.models.rtdetr", "RTDETRPredictor"),
}
"""Predictors by kind of network: the task, but RT-DETR wants squashed images and no NMS."""
_POINTS = 80
"""Corners of an outline to hand on: of hundreds of images, they are kept in memory."""
_GRID = 64
"""Cells along each side of the place in which two masks are compared."""


class Network:
    """A copy of a network, ready for images.

    Parameters
    ----------
    loaded : Loaded
        A checkpoint, or an exported file (`core.ship.exported`), which takes its own image size.
    image_size : ImageSize, int or pair of int
    confidence : float
        From which on objects are handed on.
    device : str

    Raises
    ------
    UserError
        For a task that has no predictor here.
    """

    def __init__(
        self, loaded: Loaded, image_size: SizeLike, confidence: float, device: str
    ) -> None:
        task = loaded.facts.task
        kind = kind_of(loaded.model, task)
        if kind not in PREDICTORS:
            raise UserError(f"Networks of the task “{task}” cannot be tried on images here.")
        module, name = PREDICTORS[kind]
        self.task = task
        own = loaded.model if isinstance(loaded.model, RuntimeNetwork) else None
        image_size = (own and own.image_size) or image_size
        device = device if own is None else own.place(device)
        options = {
            "task": task,
            "mode": "predict",
            "imgsz": ImageSize.of(image_size).plain,
            "conf": confidence,
            "device": device,
            "save": False,
            "verbose": False,
            "save_dir": str(NOWHERE),  # nothing is saved, but it wants a folder
        }
        predictor = getattr(importlib.import_module(module), name)
        channels = image_channels(loaded.model)
        if task == "classify" and channels != 3:
            predictor = _in_bands(predictor, ImageSize.of(image_size))
        self._predictor = predictor(overrides=options)
        if own is None:
            self._predictor.setup_model(loaded.model, verbose=False)
        else:
            self._predictor.model = own.opened(torch_device(device))
            self._predictor.device = self._predictor.model.device
        self._warm: set[tuple[int, int]] = set()

    def __call__(self, pixels: Pixels) -> Any:
        """Return Ultralytics' ``Results`` for an image.

        Of a shape that the network has not seen, the first run is not the one that is timed.
        """
        shape = pixels.shape[:2]
        if shape not in self._warm:
            self._predictor(pixels)
            self._warm.add(shape)
        return self._predictor(pixels)[0].cpu()


def torch_device(device: str) -> Any:
    """Return a device as torch has it; ``cuda`` is the first GPU."""
    import torch

    return torch.device("cuda:0" if device == "cuda" else device or "cpu")


def _in_bands(predictor: Any, size: ImageSize) -> Any:
    """Return a predictor of classes for images of other bands than red, green and blue."""
    import torch

    from core.data.folders import BandTransforms

    transforms = BandTransforms(size)

    class Banded(predictor):  # type: ignore[misc]
        def preprocess(self, images: Any) -> Any:
            """Return images as the network takes them."""
            if isinstance(images, torch.Tensor):
                return super().preprocess(images)
            ready = torch.stack([transforms(image) for image in images]).to(self.model.device)
            return ready.half() if self.model.fp16 else ready

        def pre_transform(self, images: Any) -> Any:
            """Leave images as they are: `preprocess` brings them into their size."""
            return images

    return Banded


def times_of(result: Any) -> Milliseconds:
    """Return the times of a result."""
    speed = {step: round(float(value or 0.0), 3) for step, value in result.speed.items()}
    return {
        "preprocess": speed["preprocess"],
        "inference": speed["inference"],
        "postprocess": speed["postprocess"],
    }


def objects_of(result: Any) -> list[Object]:
    """Turn a result into objects, by falling confidence.

    Parameters
    ----------
    result : ultralytics.engine.results.Results
        On the CPU.
    """
    if result.probs is not None:
        best = result.probs.data.argsort(descending=True)[:GUESSES].tolist()
        return [
            {"class": str(result.names[n]), "confidence": round(float(result.probs.data[n]), 4)}
            for n in best
        ]
    boxes = result.obb if result.obb is not None else result.boxes
    found = []
    for number in order_of(result):
        name = str(result.names[int(boxes.cls[number])])
        thing = (
            _turned(result, number, name)
            if result.obb is not None
            else _upright(result, number, name)
        )
        thing["confidence"] = round(float(boxes.conf[number]), 4)
        found.append(thing)
    return found


def order_of(result: Any) -> list[int]:
    """Return the numbers of a result's boxes by falling confidence."""
    boxes = result.obb if result.obb is not None else result.boxes
    order: list[int] = boxes.conf.argsort(descending=True, stable=True).tolist()
    return order


def _turned(result: Any, number: int, name: str) -> Object:
    return outlined(name, result.obb.xyxyxyxyn[number].tolist())


def _upright(result: Any, number: int, name: str) -> Object:
    left, top, right, bottom = result.boxes.xyxyn[number].tolist()
    thing = box(name, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    if result.masks is not None:
        outline = result.masks.xyn[number]
        step = max(1, -(-len(outline) // _POINTS))
        thing["points"] = [[round(float(v), 5) for v in point] for point in outline[::step]]
    if result.keypoints is not None:
        points = result.keypoints
        seen = points.conf[number].tolist() if points.conf is not None else None
        thing["keypoints"] = [
            [round(x, 5), round(y, 5), round(seen[n], 4) if seen else float(x > 0 or y > 0)]
            for n, (x, y) in enumerate(points.xyn[number].tolist())
        ]
    return thing


def overlaps_of(
    before: Any, result: Any, objects: tuple[list[Object], list[Object]]
) -> list[tuple[int, int, float]]:
    """Return which objects of two results are of one class and overlap.

    Parameters
    ----------
    before, result : ultralytics.engine.results.Results
        Of the baseline and of the other network, on one image.
    objects : two lists of Object
        What `objects_of` makes of them.

    Returns
    -------
    list of (int, int, float)
        Numbers of both, and how much they overlap, from `OVERLAP` on.
    """
    if before.probs is not None:
        same = objects[0] and objects[1] and objects[0][0]["class"] == objects[1][0]["class"]
        return [(0, 0, 1.0)] if same else []
    if not objects[0] or not objects[1]:
        return []
    kinds = [np.array([one["class"] for one in side]) for side in objects]
    near = np.where(kinds[0][:, None] == kinds[1][None], _similar(before, result), 0.0)
    pairs = []
    for one, other in np.argwhere(near > 0).tolist():
        overlap = float(near[one, other])
        if before.masks is not None and result.masks is not None:
            overlap = _mask_overlap(objects[0][one], objects[1][other])
        if overlap >= OVERLAP:
            pairs.append((one, other, round(overlap, 4)))
    return pairs


def _similar(before: Any, result: Any) -> NDArray[np.float64]:
    """Return how alike boxes, turned boxes or poses are, shape (before, result)."""
    from ultralytics.utils.metrics import OKS_SIGMA, batch_probiou, box_iou, kpt_iou

    first, second = order_of(before), order_of(result)
    if before.obb is not None:
        found = batch_probiou(before.obb.xywhr[first].float(), result.obb.xywhr[second].float())
    elif before.keypoints is not None and _like(before.keypoints, result.keypoints):
        one, other = before.keypoints.data[first].float(), result.keypoints.data[second].float()
        count = one.shape[1]
        sigma = OKS_SIGMA if count == len(OKS_SIGMA) else np.ones(count) / count
        area = before.boxes.xywh[first][:, 2:].prod(1) * 0.53  # as Ultralytics' validator has it
        found = kpt_iou(_visible(one), other, area, sigma)
    else:
        found = box_iou(before.boxes.xyxy[first], result.boxes.xyxy[second])
    return np.asarray(found.double().numpy())


def _like(one: Any, other: Any) -> bool:
    """Whether two networks have the same keypoints."""
    return other is not None and one.shape[1:] == other.shape[1:]


def _visible(points: Any) -> Any:
    """Return keypoints with 1 for those that are seen and 0 for others, all seen where unknown."""
    import torch

    seen = points[..., 2:] >= 0.5 if points.shape[-1] > 2 else torch.ones_like(points[..., :1])
    return torch.cat([points[..., :2], seen.float()], -1)


def _mask_overlap(one: Object, other: Object) -> float:
    """Return the overlap of two outlines, on a grid over the place where they are."""
    import cv2

    outlines = [np.array(mark.get("points") or [], float).reshape(-1, 2) for mark in (one, other)]
    if min(len(outline) for outline in outlines) < 3:
        return 0.0
    both = np.concatenate(outlines)
    low, size = both.min(0), np.maximum(np.ptp(both, 0), 1e-9)
    grids = []
    for outline in outlines:
        grid = np.zeros((_GRID, _GRID), np.uint8)
        cells = np.round((outline - low) / size * (_GRID - 1)).astype(np.int32)
        cv2.fillPoly(grid, [cells], 1)
        grids.append(grid > 0)
    return float((grids[0] & grids[1]).sum() / max((grids[0] | grids[1]).sum(), 1))
