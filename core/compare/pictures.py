"""Pictures of a comparison as files: every model's objects side by side, the labels before them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.compare.result import ComparedImage, Comparison
from core.data.labels import Object
from core.errors import UserError, reason_of
from core.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

SIDE = 640
"""Longest side of a picture's panels, in pixels."""
HEAD = 22
QUALITY = 88
COLOURS = {"found": "#3ddc84", "missed": "#ff6a60", "wrong": "#ffb627", "label": "#ffffff"}
"""The same as in the window (`app.pictures.drawing`)."""


def check_free(folder: Path) -> Path:
    """Return the folder if pictures can be written to it: it is new, or empty.

    Raises
    ------
    UserError
        When it holds something, or its parent does not exist.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty.", "Choose a new folder for the pictures.")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file.", "Choose a new folder for the pictures.")
    if not folder.absolute().parent.is_dir():
        raise UserError(
            f"The folder {folder.parent} does not exist.", "Create it, or choose another."
        )
    return folder


def write_pictures(result: Comparison, folder: Path, progress: Progress = silent) -> list[Path]:
    """Write the images of a comparison, the worst change first.

    Parameters
    ----------
    result : Comparison
        With images.
    folder : Path
        New or empty; it appears only when all pictures are in it.

    Returns
    -------
    list of Path
        An image that cannot be read any more has none.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    check_free(folder)
    titles = ["labels", *(Path(model["path"]).name for model in result["models"])]
    rows, names = result["images"], []
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        try:
            for number, row in enumerate(rows, 1):
                progress(number / (len(rows) + 1), f"Drawing image {number} of {len(rows)}")
                name = f"{number:03d}{row['change']:+.2f}-{Path(row['image']).stem}.jpg"
                if _write(row, titles, part / name):
                    names.append(name)
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            part.chmod(0o755)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise UserError(f"Could not write pictures to {folder}: {reason_of(error)}.") from error
    progress(1.0, "Done")
    return [folder / name for name in names]


def _write(row: ComparedImage, titles: Sequence[str], path: Path) -> bool:
    from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

    try:
        with Image.open(str(row["image"])) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return False
    image.thumbnail((SIDE, SIDE))
    font = ImageFont.load_default(13)
    gap = 6
    width = image.width + gap
    sheet = Image.new("RGB", (width * len(titles) - gap, image.height + HEAD), "#16191e")
    draw = ImageDraw.Draw(sheet)
    for place, title in enumerate(titles):
        left = place * width
        sheet.paste(image, (left, HEAD))
        told = f"{title}  {row['scores'][place - 1]:.2f}" if place else title
        draw.text((left + 2, 3), told, fill="#eef1f5", font=font)
        _draw(draw, panel_marks(row, place - 1), (left, HEAD, image.width, image.height), font)
    sheet.save(path, quality=QUALITY)
    return True


def panel_marks(row: ComparedImage, model: int) -> list[Object]:
    """Return what to draw of an image for a model: its objects, and the labels it missed.

    Parameters
    ----------
    row : ComparedImage
    model : int
        -1 represents the labels.
    """
    truth = row["truth"]
    if model < 0:
        return [{**thing, "outcome": "label"} for thing in truth]
    missed: list[Object] = [{**truth[n], "outcome": "missed"} for n in row["missed"][model]]
    return [*missed, *row["boxes"][model]]


def _draw(
    draw: ImageDraw,
    marks: Sequence[Object],
    frame: tuple[int, int, int, int],
    font: ImageFont | FreeTypeFont,
) -> None:
    left, top, *_ = frame
    lines = 0
    for mark in marks:
        colour = COLOURS[str(mark["outcome"])]
        words = [str(mark["class"])]
        words += [f"{mark['confidence']:.2f}"] if "confidence" in mark else []
        words += [str(mark["outcome"])] if mark["outcome"] in ("missed", "wrong") else []
        if "x" not in mark:
            corner = (left + 4.0, top + 4.0 + 17 * lines)
            lines += 1
        else:
            corner = _shape(draw, mark, frame, colour)
        x, y = corner[0], max(corner[1], float(top))
        text = " ".join(words)
        draw.rectangle((x, y, x + draw.textlength(text, font=font) + 5, y + 15), fill=colour)
        draw.text((x + 2, y), text, fill="#10151c", font=font)


def _shape(
    draw: ImageDraw, mark: Object, frame: tuple[int, int, int, int], colour: str
) -> tuple[float, float]:
    """Draw an outline or a box with its keypoints; return where its name goes."""
    left, top, width, height = frame

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * (width - 1), top + y * (height - 1)

    x, y = float(mark["x"]), float(mark["y"])
    w, h = float(mark["width"]) / 2, float(mark["height"]) / 2
    corners = [at(x - w, y - h), at(x + w, y - h), at(x + w, y + h), at(x - w, y + h)]
    line = [at(*point) for point in mark["points"]] if mark.get("points") else corners
    thick = 1 if mark["outcome"] == "missed" else 2
    draw.line([*line, line[0]], fill=colour, width=thick)
    for px, py, seen in mark.get("keypoints") or ():
        if seen >= 0.5:
            kx, ky = at(px, py)
            draw.ellipse((kx - 2, ky - 2, kx + 2, ky + 2), fill=colour)
    return corners[0][0], corners[0][1] - 15
