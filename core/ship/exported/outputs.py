"""Whether what an exported file puts out is what its metadata say. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.ship.exported.metadata import Metadata

Shape = tuple[int, ...]
_BOX = 4
"""Numbers of a box."""
_CHOSEN = 6
"""Numbers of a detection that the file has chosen itself: a box, a confidence and a class."""


def check_outputs(path: Path, about: Metadata, outputs: Any) -> None:
    """Refuse a file whose outputs are of another task, or other classes, than it says.

    Parameters
    ----------
    path : Path
        As messages name it.
    about : Metadata
    outputs : tensor, or list or tuple of tensors
        As Ultralytics' wrapper returns them; the first is that of boxes or classes.

    Raises
    ------
    UserError
    """
    first = outputs[0] if isinstance(outputs, list | tuple) and outputs else outputs
    shape = tuple(getattr(first, "shape", ()))
    if _FITS[about.task](about, shape):
        return
    classes = f"{len(about.names)} classes" if len(about.names) != 1 else "1 class"
    raise UserError(
        f"The outputs of {path} are not those of the task “{about.task}” with {classes}, as its "
        "metadata say.",
        "Export the checkpoint again with Ultralytics or Secateur.",
    )


def _boxes(about: Metadata, shape: Shape) -> bool:
    if len(shape) != 3:
        return False
    if about.head == "RTDETRDecoder":  # which chooses in some versions of Ultralytics
        return shape[2] in (_CHOSEN, _BOX + len(about.names))
    width = shape[2] if about.end2end else shape[1]
    own = _CHOSEN if about.end2end else _BOX + len(about.names)
    return width == own + _further(about, width - own)


def _further(about: Metadata, found: int) -> int:
    """Return how many numbers of a row are of the task alone; any number of masks' weights."""
    if about.task == "pose":
        points, each = about.further["kpt_shape"]
        return int(points * each)
    return {"obb": 1, "segment": max(found, 1)}.get(about.task, 0)


_FITS: Mapping[str, Callable[[Metadata, Shape], bool]] = {
    **dict.fromkeys(("detect", "segment", "pose", "obb"), _boxes),
    "classify": lambda about, shape: len(shape) == 2 and shape[1] == len(about.names),
    **dict.fromkeys(("semantic", "depth"), lambda about, shape: len(shape) in (3, 4)),
}
