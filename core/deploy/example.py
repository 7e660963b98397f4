"""Finds objects on images with an exported network; needs onnxruntime, numpy and Pillow.

    python detect.py images/a.jpg [MORE …]

prints the objects of every image as JSON, and ``python detect.py --check`` compares those of the
sample images with ``expected.json``. ``kit.json`` next to this file says which network is run, its
classes and its image size. Boxes are left, top, right, bottom in pixels of the image.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

GREY = 114
MOST = 300
"""Objects of one image."""
APART = 7680.0
"""Boxes of different classes are moved apart by this, so that they do not suppress each other."""


def read_image(path: str | Path) -> Any:
    """Return an image as an array, shape (height, width, 3): red, green, blue; turned upright."""
    with Image.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


def places(old: int, new: int) -> tuple[Any, Any, Any]:
    """Return the two pixels that each new pixel is between, and the weight of the second."""
    at = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0.0)
    first = np.minimum(at.astype(int), old - 1)
    weight = np.where(first < old - 1, np.rint((at - first) * 2048), 0).astype(np.int64)
    return first, np.minimum(first + 1, old - 1), weight


def resized(image: Any, height: int, width: int) -> Any:
    """Scale an image as OpenCV does, bilinear without smoothing: as the network saw its images."""
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    whole = image.astype(np.int64)
    if (rows, columns) == (2 * height, 2 * width):
        parts = whole[::2, ::2] + whole[1::2, ::2] + whole[::2, 1::2] + whole[1::2, 1::2]
        return ((parts + 2) >> 2).astype(np.uint8)
    left, right, across = places(columns, width)
    above, below, down = places(rows, height)
    across, down = across[None, :, None], down[:, None, None]
    line = whole[:, left] * (2048 - across) + whole[:, right] * across
    line >>= 4
    mixed = ((line[above] * (2048 - down)) >> 16) + ((line[below] * down) >> 16)
    return np.clip((mixed + 2) >> 2, 0, 255).astype(np.uint8)


def letterboxed(image: Any, size: list[int]) -> tuple[Any, tuple[float, float, int, int]]:
    """Scale an image to a size, with grey around it.

    Returns the input of the network, shape (1, 3, height, width), 0 to 1; and how to get back:
    scale across, scale down, columns left, rows above.
    """
    height, width = image.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inner = max(round(height * scale), 1), max(round(width * scale), 1)
    top = round((size[0] - inner[0]) / 2 - 0.1)
    left = round((size[1] - inner[1]) / 2 - 0.1)
    canvas = np.full((size[0], size[1], 3), GREY, np.uint8)
    canvas[top : top + inner[0], left : left + inner[1]] = resized(image, *inner)
    ready = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    return ready, (inner[1] / width, inner[0] / height, left, top)


def decoded(output: Any, about: dict[str, Any]) -> Any:
    """Return what the network found, shape (objects, 6): corners in its input, score, class."""
    if about["rows"]:  # the network picks its objects itself
        found = output[0].astype(np.float32)
        return found[found[:, 4] > about["confidence"]][:MOST, :6]
    found = output[0].T.astype(np.float32)
    scores = found[:, 4 : 4 + len(about["names"])]
    best = scores.argmax(1)
    score = scores[np.arange(len(best)), best]
    sure = score > about["confidence"]
    middle, half = found[sure, :2], found[sure, 2:4] / 2
    boxes = np.concatenate([middle - half, middle + half], 1)
    apart = boxes + best[sure, None].astype(np.float32) * APART
    kept = suppressed(apart, score[sure], about["iou"])
    return np.column_stack([boxes[kept], score[sure][kept], best[sure][kept]])[:MOST]


def suppressed(boxes: Any, scores: Any, overlap: float) -> Any:
    """Return the numbers of the boxes that no better one overlaps (NMS), the best first."""
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        common = np.clip(high - low, 0, None).prod(1)
        order = order[common / (area[best] + area[order] - common) <= overlap]
    return np.array(kept, int)


class Detector:
    """A network of a kit, ready for images."""

    def __init__(self, folder: Path) -> None:
        self.about = json.loads((folder / "kit.json").read_text("utf-8"))
        self.session = onnxruntime.InferenceSession(
            str(folder / self.about["model"]), providers=["CPUExecutionProvider"]
        )
        self.entry = self.session.get_inputs()[0]

    def __call__(self, image: Any) -> list[dict[str, Any]]:
        """Return the objects of an image, the surest first."""
        ready, (across, down, left, top) = letterboxed(image, self.about["image_size"])
        if self.entry.type == "tensor(float16)":
            ready = ready.astype(np.float16)
        output = self.session.run(None, {self.entry.name: ready})[0]
        found = decoded(output, self.about)
        height, width = image.shape[:2]
        boxes = (found[:, :4] - [left, top, left, top]) / [across, down, across, down]
        boxes = np.clip(boxes, 0, [width, height, width, height])
        return [
            {
                "class": self.about["names"][int(row[5])],
                "confidence": round(float(row[4]), 4),
                "box": [round(float(value), 2) for value in box],
            }
            for box, row in zip(boxes, found, strict=True)
        ]


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two objects are the same: class, score within 0.001, corners within a pixel."""
    near = all(abs(a - b) <= 1.0 for a, b in zip(one["box"], other["box"], strict=True))
    same = one["class"] == other["class"]
    return bool(same and near and abs(one["confidence"] - other["confidence"]) <= 1e-3)


def same_objects(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Whether every object has its like among the others, and there are as many."""
    left = list(wanted)
    for one in found:
        match = next((other for other in left if alike(one, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def check(detector: Detector, folder: Path) -> int:
    """Compare with the objects that are expected; return the exit status."""
    wanted = json.loads((folder / "expected.json").read_text("utf-8"))
    wrong = 0
    for entry in wanted:
        found = detector(read_image(folder / entry["image"]))
        same = same_objects(found, entry["objects"])
        wrong += not same
        print(f"{entry['image']}: {len(found)} objects, {'as expected' if same else 'OTHERS'}")
    return int(wrong > 0)


def main() -> int:
    """Print the objects of the images that are named, or check those of the kit."""
    parser = argparse.ArgumentParser(description="Find objects on images.")
    parser.add_argument("images", nargs="*", help="JPEG, PNG and other images")
    parser.add_argument("--check", action="store_true", help="compare with expected.json")
    options = parser.parse_args()
    folder = Path(__file__).resolve().parent
    detector = Detector(folder)
    if options.check or not options.images:
        return check(detector, folder)
    found = [{"image": name, "objects": detector(read_image(name))} for name in options.images]
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
