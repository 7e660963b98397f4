"""What networks say on every image, and how it changed from one to another.

The score of a network on an image is its F1: twice the labels it found, over its boxes and the
labels together. Boxes count from `CONFIDENCE` on, as in the predictions of Ultralytics, and are
matched to labels of their class as Ultralytics' validators match them: by overlap of boxes,
turned boxes or masks, or by similarity of keypoints. F1 is the mean over the overlaps 0.5, 0.55 …
0.95 that must be reached, so a box that is only less exact costs something too. An image without
labels and without boxes has 1. For classification it is the probability of the right class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from core.compare.result import ComparedImage
from core.data.dense import DENSE
from core.data.labels import POINTS, Object, box
from core.data.maps import counted_alone

CONFIDENCE = 0.25
"""From which on a box counts as said, as in the predictions of Ultralytics."""
GUESSES = 3
"""Classes to hand on of an image that is classified, the likeliest first."""


class SeenImage(TypedDict):
    """What a network said on one image; ``missed`` are the numbers of labels it did not find."""

    score: float
    truth: list[Object]
    boxes: list[Object]
    missed: list[int]


Seen = dict[str, SeenImage]


def match(
    overlaps: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Match predictions to labels as Ultralytics' validators do.

    Parameters
    ----------
    overlaps : float array, shape (labels, predictions)
        0 where the classes differ; predictions by falling confidence.
    thresholds : float array, shape (t,)
        Rising.

    Returns
    -------
    hits : bool array, shape (predictions, t)
    label : int array, shape (predictions,)
        The label found at the first threshold, -1 if none is.
    """
    labels, predictions = overlaps.shape
    hits = np.zeros((predictions, len(thresholds)), bool)
    found = np.full(predictions, -1)
    taken = np.zeros((labels, len(thresholds)), bool)
    each = np.arange(len(thresholds))
    for number in range(predictions if labels else 0):
        free = np.where(taken, 0.0, overlaps[:, number, None])
        best = free.argmax(0)
        hits[number] = free[best, each] >= thresholds
        taken[best, each] |= hits[number]
        if hits[number, 0]:
            found[number] = best[0]
    return hits, found


def f1(hits: NDArray[np.bool_], labels: int) -> float:
    """Return the score of an image, 0 to 1.

    Parameters
    ----------
    hits : bool array, shape (predictions, thresholds)
    labels : int
        How many there are.
    """
    total = len(hits) + labels
    return 1.0 if total == 0 else float((2.0 * hits.sum(0) / total).mean())


class BoxWatch:
    """Keeps what a validator of boxes, masks or keypoints sees on every image.

    Parameters
    ----------
    images : dict
        Filled: by file, ``score``, ``truth``, ``boxes`` (with ``outcome``: ``found`` or
        ``wrong``) and ``missed`` (numbers of the labels that were not found).
    task : str
    """

    def __init__(self, images: Seen, task: str) -> None:
        self._images, self._task = images, task

    def __call__(self, validator: Any, preds: Any, batch: Any) -> None:
        """Take in a batch."""
        thresholds = validator.iouv.cpu().numpy().astype(float)
        for place, said in enumerate(preds):
            truth = validator._prepare_batch(place, batch)
            sure = said["conf"] >= CONFIDENCE
            kept = validator._prepare_pred({key: value[sure] for key, value in said.items()})
            overlaps = _overlaps(validator, kept, truth)
            hits, label = match(overlaps, thresholds)
            boxes = self._objects(validator, kept, truth)
            for thing, found in zip(boxes, label.tolist(), strict=True):
                thing["outcome"] = "found" if found >= 0 else "wrong"
            labels = len(truth["cls"])
            self._images[str(truth["im_file"])] = {
                "score": round(f1(hits, labels), 5),
                "truth": self._objects(validator, truth, truth),
                "boxes": boxes,
                "missed": sorted(set(range(labels)) - set(label.tolist())),
            }

    def _objects(
        self, validator: Any, told: Mapping[str, Any], truth: Mapping[str, Any]
    ) -> list[Object]:
        """Turn what is reported in pixels of the letterboxed image into fractions of the image."""
        frame = _Frame(truth)
        outlines = self._outlines(told, truth["imgsz"])
        boxes = _around(outlines) if self._task == "obb" else told["bboxes"][:, :4]
        sure = told["conf"].tolist() if "conf" in told else None
        found = []
        for number, (left, top, right, bottom) in enumerate(frame.boxes(boxes)):
            name = str(validator.names[int(told["cls"][number])])
            middle = ((left + right) / 2, (top + bottom) / 2)
            thing = box(name, *middle, right - left, bottom - top)
            if outlines and len(outlines[number]):
                thing["points"] = frame.points(outlines[number])
            if "keypoints" in told:
                thing["keypoints"] = frame.points(told["keypoints"][number])
            if sure is not None:
                thing["confidence"] = round(sure[number], 4)
            found.append(thing)
        return found

    def _outlines(self, told: Mapping[str, Any], size: Sequence[int]) -> list[Any]:
        """Return an outline for every object, in pixels of the letterboxed image, or none."""
        import torch
        from ultralytics.utils import ops

        if self._task == "obb":
            return list(ops.xywhr2xyxyxyxy(told["bboxes"][:, :5].float().cpu()))
        if self._task != "segment" or not len(told["cls"]):
            return []
        masks = told["masks"] > 0
        scale = torch.tensor([size[1] / masks.shape[2], size[0] / masks.shape[1]])
        lines = ops.masks2segments(masks.byte())
        # A contour names pixels; a mask's pixel is several of the image's, and its middle is meant.
        return [(torch.from_numpy(line[:: _step(len(line))]) + 0.5) * scale for line in lines]


def _step(points: int) -> int:
    return max(1, -(-points // POINTS))


def _around(outlines: Sequence[Any]) -> Any:
    """Return the upright box around every turned one, shape (n, 4)."""
    import torch

    if not outlines:
        return torch.zeros(0, 4)
    points = torch.stack(list(outlines))
    return torch.cat([points.amin(1), points.amax(1)], 1)


class _Frame:
    """Where an image is in the letterboxed one that the network saw."""

    def __init__(self, truth: Mapping[str, Any]) -> None:
        self._seen, self._own = truth["imgsz"], truth["ori_shape"]
        self._pad = truth["ratio_pad"]

    def boxes(self, boxes: Any) -> list[list[float]]:
        """Turn boxes (n, 4: corners in pixels) into fractions of the image, cut at its edges."""
        from ultralytics.utils import ops

        height, width = self._own
        scaled = ops.scale_boxes(self._seen, boxes.float().cpu().clone(), self._own, self._pad)
        return [
            [left / width, top / height, right / width, bottom / height]
            for left, top, right, bottom in scaled.tolist()
        ]

    def points(self, points: Any) -> list[list[float]]:
        """Turn points (n, 2 or 3: pixels, and how visible) into fractions of the image."""
        from ultralytics.utils import ops

        told = points.float().cpu().clone()
        ops.scale_coords(self._seen, told, self._own, self._pad, normalize=True)
        return [[round(value, 5) for value in row] for row in told.tolist()]


def _overlaps(
    validator: Any, said: Mapping[str, Any], truth: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Return how far predictions and labels are alike, in the task's own sense.

    The validator matches boxes first, and then masks or keypoints: the last is what counts.
    """
    shape = len(truth["cls"]), len(said["cls"])
    if 0 in shape:
        return np.zeros(shape)
    told: list[Any] = []
    own = validator.match_predictions

    def listen(kinds: Any, true: Any, overlaps: Any, *rest: Any, **more: Any) -> Any:
        told.append((overlaps * (true[:, None] == kinds)).cpu().numpy())
        return own(kinds, true, overlaps, *rest, **more)

    validator.match_predictions = listen
    try:
        validator._process_batch(said, truth)
    finally:
        del validator.match_predictions
    return np.asarray(told[-1], float)


class ClassWatch:
    """Keeps what a validator of classes sees on every image, as `BoxWatch` does for boxes.

    Parameters
    ----------
    images : dict
        Filled likewise; the objects have a class and, where guessed, a confidence.
    """

    def __init__(self, images: Seen) -> None:
        self._images = images
        self._next = 0

    def __call__(self, validator: Any, preds: Any, batch: Any) -> None:
        """Take in a batch; batches come in the order of the images."""
        files = validator.dataloader.dataset.im_files
        for odds, right in zip(preds.float().cpu(), batch["cls"].tolist(), strict=True):
            best = odds.argsort(descending=True)[:GUESSES].tolist()
            guesses = [_guess(validator, n, float(odds[n]), int(right)) for n in best]
            self._images[str(files[self._next])] = {
                "score": round(float(odds[int(right)]), 5),
                "truth": [{"class": str(validator.names[int(right)])}],
                "boxes": guesses,
                "missed": [] if best[0] == int(right) else [0],
            }
            self._next += 1


def _guess(validator: Any, number: int, confidence: float, right: int) -> Object:
    outcome = "found" if number == right else "wrong"
    name = str(validator.names[number])
    return {"class": name, "confidence": round(confidence, 4), "outcome": outcome}


class MapWatch:
    """Keeps the score of every image of which a network finds a map; there are no objects.

    Parameters
    ----------
    images : dict
        Filled likewise: of semantic segmentation the score is mIoU, of depth δ1.
    """

    def __init__(self, images: Seen) -> None:
        self._images = images

    def __call__(self, validator: Any, preds: Any, batch: Any) -> None:
        """Take in a batch."""
        for file, counted in zip(
            batch["im_file"], counted_alone(validator, preds, batch), strict=True
        ):
            score = float(counted.figures(np.ones((1, 1)))[0])
            self._images[str(file)] = {
                "score": round(score, 5) if np.isfinite(score) else 0.0,
                "truth": [],
                "boxes": [],
                "missed": [],
            }


def watch_of(images: Seen, task: str) -> BoxWatch | ClassWatch | MapWatch:
    """Return what keeps the images of an evaluation for a task."""
    if task in DENSE:
        return MapWatch(images)
    return ClassWatch(images) if task == "classify" else BoxWatch(images, task)


def image_by_image(seen: Sequence[Seen], shown: int) -> list[ComparedImage]:
    """Join what the networks said on every image.

    Parameters
    ----------
    seen : sequence of dict
        Of every network, as its watch filled it.
    shown : int
        For every two of the networks, as many images are handed on, the worst changes from the
        earlier to the later one.

    Returns
    -------
    list of ComparedImage
        The worst change first.
    """
    files = [file for file in seen[0] if all(file in images for images in seen)]
    scores = np.array([[images[file]["score"] for images in seen] for file in files])
    wanted: set[int] = set()
    for one, other in combinations(range(len(seen)), 2):
        changes = scores[:, other] - scores[:, one] if files else np.zeros(0)
        order = sorted(zip(changes.tolist(), files, range(len(files)), strict=True))
        wanted.update(number for _, _, number in order[:shown])
    rows: list[ComparedImage] = []
    for number in wanted:
        told = [images[files[number]] for images in seen]
        rows.append(
            {
                "image": files[number],
                "change": round(told[-1]["score"] - told[0]["score"], 5),
                "scores": [entry["score"] for entry in told],
                "truth": told[0]["truth"],
                "boxes": [entry["boxes"] for entry in told],
                "missed": [entry["missed"] for entry in told],
            }
        )
    return sorted(rows, key=lambda row: (row["change"], row["image"]))
