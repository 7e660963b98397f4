"""Labelled objects of one image as plain data, read from its label file. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Required, TypedDict

from core.errors import UserError
from core.system.budget import LABELS, read_text

Object = TypedDict(
    "Object",
    {
        "class": Required[str],
        "x": float,
        "y": float,
        "width": float,
        "height": float,
        "points": list[list[float]],
        "keypoints": list[list[float]],
        "confidence": float,
        "outcome": str,
        "share": float,
        "colour": str,
    },
    total=False,
)
"""An object of an image: the name of its ``class``; centre and size of its upright box, as
fractions of the image (none where it is the class of the whole image); where the task has them,
``points`` (corners of its outline or of its turned box) and ``keypoints`` [[x, y, visible]]; in a
comparison, a model's ``confidence`` and the ``outcome``: found, wrong, missed or label; without
labels, kept, lost or new. Of a map of pixels, a class has its ``share`` of them, 0 to 1, and the
``colour`` it is drawn in, as #rrggbb."""
POINTS = 200
"""Corners of an outline to hand on; finer ones are thinned out evenly."""
OUTLINED = ("segment", "obb")
"""Tasks whose objects have an outline."""


def read_objects(
    file: str | Path, task: str, names: Mapping[int, str], keypoints: Sequence[int] | None = None
) -> list[Object]:
    """Read a label file as Ultralytics does, without its checks.

    Parameters
    ----------
    file : path
        Where there is none, the image has no objects.
    task : str
    names : mapping
        Classes by number.
    keypoints : sequence of int, optional
        How many there are for an object and how many numbers each has, as ``kpt_shape``.

    Raises
    ------
    UserError
        When the file cannot be read, or holds something else.
    """
    path = Path(file)
    if not path.is_file():
        return []
    try:
        lines = read_text(path, LABELS).removeprefix("\ufeff").splitlines()
        rows = [[float(word) for word in line.split()] for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} contains no labels.", "Correct the file.") from error
    return [_object(row, task, names, keypoints) for row in rows if len(row) >= 5]


def _object(
    row: Sequence[float], task: str, names: Mapping[int, str], keypoints: Sequence[int] | None
) -> Object:
    number, rest = int(row[0]), row[1:]
    name = names.get(number, str(number))
    if task == "pose" and keypoints and len(rest) >= 4 + keypoints[0] * keypoints[1]:
        found = box(name, *rest[:4])
        found["keypoints"] = _keypoints(rest[4:], *keypoints[:2])
        return found
    posed = keypoints and len(rest) == 4 + keypoints[0] * keypoints[1]
    if len(rest) < 6 or posed:
        return box(name, *rest[:4])
    outline = list(zip(rest[0::2], rest[1::2], strict=False))
    return outlined(name, outline, keep=task in OUTLINED)


def box(name: str, x: float, y: float, width: float, height: float) -> Object:
    """Return an object that is a box."""
    x, y, width, height = (round(value, 5) for value in (x, y, width, height))
    return {"class": name, "x": x, "y": y, "width": width, "height": height}


def outlined(name: str, outline: Sequence[Sequence[float]], keep: bool = True) -> Object:
    """Return an object with an outline, or only the box around it."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    found = box(name, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    if keep:
        step = -(-len(outline) // POINTS)
        found["points"] = [[round(x, 5), round(y, 5)] for x, y in outline[::step]]
    return found


def _keypoints(numbers: Sequence[float], count: int, each: int) -> list[list[float]]:
    points = []
    for start in range(0, count * each, each):
        x, y = numbers[start : start + 2]
        seen = numbers[start + 2] if each > 2 else float(x >= 0 and y >= 0)
        points.append([round(x, 5), round(y, 5), seen])
    return points
