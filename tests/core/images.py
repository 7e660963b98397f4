"""Tiny generated datasets: noise with coloured boxes, in the label format of every task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

BOXES = np.array([[0.3, 0.3, 0.4, 0.4], [0.7, 0.6, 0.3, 0.5]])
LABELS = {
    "detect": lambda c, x, y, w, h: [c, x, y, w, h],
    "segment": lambda c, x, y, w, h: [c, *_corners(x, y, w, h)],
    "obb": lambda c, x, y, w, h: [c, *_corners(x, y, w, h)],
    "pose": lambda c, x, y, w, h: [0, x, y, w, h, *([x, y, 2] * 17)],
}


def _corners(x: float, y: float, w: float, h: float) -> list[float]:
    left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    return [left, top, right, top, right, bottom, left, bottom]


def make_dataset(
    folder: Path, classes: Mapping[int, str], task: str = "detect", images: int = 6, side: int = 96
) -> Path:
    """Write images, labels and a description; the same every time.

    For classification, folders of images by class: the folder is what describes them.
    """
    if task == "classify":
        return _make_folders(folder, classes, images, side)
    if task in ("semantic", "depth"):
        return _make_maps(folder, classes, task, images, side)
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(images):
            pixels = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
            lines = []
            for box in BOXES:
                x, y, w, h = box
                span = [int(side * v) for v in (y - h / 2, y + h / 2, x - w / 2, x + w / 2)]
                pixels[span[0] : span[1], span[2] : span[3]] = rng.integers(0, 255, 3)
                label = LABELS[task](int(rng.integers(len(classes))), *box)
                lines.append(" ".join(str(value) for value in label))
            name = f"{number:03d}"
            Image.fromarray(pixels).save(folder / "images" / split / f"{name}.png")
            (folder / "labels" / split / f"{name}.txt").write_text("\n".join(lines))
    description = {"train": "images/train", "val": "images/val", "names": dict(classes)}
    if task == "pose":
        description["kpt_shape"] = [17, 3]
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(description))
    return path


def _make_maps(folder: Path, classes: Mapping[int, str], task: str, images: int, side: int) -> Path:
    """Write images of rectangles, with the class or the depth of every pixel."""
    rng = np.random.default_rng(0)
    place = "masks" if task == "semantic" else "depth"
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / place / split).mkdir(parents=True)
        for number in range(images):
            pixels = rng.integers(0, 255, (side, side + 8, 3), dtype=np.uint8)
            kinds = np.zeros((side, side + 8), np.uint8)
            for kind in range(1, 4 if task == "depth" else min(max(len(classes), 2), 4)):
                top, left = rng.integers(0, side // 2, 2)
                area = slice(top, top + side // 3), slice(left, left + side // 3)
                pixels[area], kinds[area] = 60 * kind, kind
            name = f"{number:03d}"
            Image.fromarray(pixels).save(folder / "images" / split / f"{name}.png")
            target = folder / place / split / f"{name}.png"
            if task == "semantic":
                Image.fromarray(kinds).save(target)
            else:
                np.save(target.with_suffix(".npy"), 1.0 + kinds.astype(np.float32))
    description = {"train": "images/train", "val": "images/val", "names": dict(classes)}
    if task == "semantic":
        description["masks_dir"] = "masks"
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(description))
    return path


def _make_folders(folder: Path, classes: Mapping[int, str], images: int, side: int) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(images):
            place = folder / split / classes[number % len(classes)]
            place.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 255, (side, side + 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number:03d}.png")
    return folder
