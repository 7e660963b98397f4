"""Pictures as files: what every model finds on an image, side by side."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.compare.result import ComparedImage, Comparison
from core.data.labels import Object
from core.data.picture import open_picture
from core.errors import UserError, reason_of
from core.progress import Progress, silent
from core.system.files import check_folder, write_bytes
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

SIDE = 640
"""Longest side of a picture's panels, in pixels."""
LEAST = 320
"""Longest side that smaller images are enlarged towards, in whole factors."""
HEAD = 22
QUALITY = 88
COLOURS = {
    "found": "#3ddc84",
    "kept": "#3ddc84",
    "missed": "#ff6a60",
    "lost": "#ff6a60",
    "wrong": "#ffb627",
    "new": "#ffb627",
    "label": "#ffffff",
}
"""The same as in the window (`app.pictures.drawing`)."""
NO_OUTCOME = "#c8d0da"
GONE = ("missed", "lost")
"""Outcomes of objects that a model does not find; drawn with a thin line."""
SAID = (*GONE, "wrong", "new")
"""Outcomes that are written next to an object."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One model's view of an image: a title, what to draw, and on which file if on another."""

    title: str
    marks: Sequence[Object]
    image: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An image with panels side by side; ``name`` is that of its file, without the ending."""

    image: str
    name: str
    panels: Sequence[Panel]


def check_free(folder: Path) -> Path:
    """Return the folder if pictures can be written to it: it is new, or empty.

    Raises
    ------
    UserError
        When it holds something, or its parent does not exist or is not writable.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty.", "Choose a new folder for the pictures.")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file.", "Choose a new folder for the pictures.")
    check_folder(folder, is_folder=True)
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
    names = [Path(model["path"]).name for model in result["models"]]
    sheets = [_compared(row, number, names) for number, row in enumerate(result["images"], 1)]
    return write_sheets(sheets, folder, progress)


def _compared(row: ComparedImage, number: int, names: Sequence[str]) -> Sheet:
    panels = [Panel("labels", panel_marks(row, -1))]
    for model, name in enumerate(names):
        panels.append(Panel(f"{name}  {row['scores'][model]:.2f}", panel_marks(row, model)))
    return Sheet(
        row["image"], f"{number:03d}{row['change']:+.2f}-{Path(row['image']).stem}", panels
    )


def write_sheets(sheets: Sequence[Sheet], folder: Path, progress: Progress = silent) -> list[Path]:
    """Write sheets to a folder.

    Parameters
    ----------
    sheets : sequence of Sheet
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
    names = []
    try:
        with Scratch("pictures", folder.absolute().parent) as place:
            part = Path(place, "drawn")
            part.mkdir()
            for number, sheet in enumerate(sheets, 1):
                progress(number / (len(sheets) + 1), f"Drawing image {number} of {len(sheets)}")
                drawn = draw_sheet(sheet)
                if drawn is not None:
                    drawn.save(part / f"{sheet.name}.jpg", quality=QUALITY)
                    names.append(f"{sheet.name}.jpg")
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            part.rename(folder)
    except OSError as error:
        raise UserError(f"Could not write pictures to {folder}: {reason_of(error)}.") from error
    progress(1.0, "Done")
    return [folder / name for name in names]


def write_sheet(sheet: Sheet, path: Path, side: int = SIDE) -> None:
    """Write one sheet as a file; its ending, .png or .jpg, names the format.

    Raises
    ------
    UserError
        When the image cannot be read any more, or the file cannot be written.
    """
    drawn = draw_sheet(sheet, side)
    if drawn is None:
        raise UserError(f"{sheet.image} cannot be read any more.", "Try the image again.")
    data = io.BytesIO()
    if path.suffix.lower() == ".png":
        drawn.save(data, "PNG")
    else:
        drawn.save(data, "JPEG", quality=QUALITY)
    write_bytes(path, data.getvalue())


def draw_sheet(sheet: Sheet, side: int = SIDE) -> Image | None:
    """Draw a sheet; None if its image cannot be read.

    Parameters
    ----------
    sheet : Sheet
    side : int
        Longest side of a panel, in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    files = dict.fromkeys(panel.image or sheet.image for panel in sheet.panels)
    read = {file: _picture(file, side) for file in files}
    pictures = {file: picture for file, picture in read.items() if picture is not None}
    if not pictures or len(pictures) < len(read):
        return None
    image, font = next(iter(pictures.values())), ImageFont.load_default(13)
    gap = 6
    width = image.width + gap
    whole = (width * len(sheet.panels) - gap, image.height + HEAD)
    drawn = Image.new("RGB", whole, "#16191e")
    draw = ImageDraw.Draw(drawn)
    for place, panel in enumerate(sheet.panels):
        left = place * width
        title = _fitting(draw, panel.title, image.width - 4, font)
        draw.text((left + 2, 3), title, fill="#eef1f5", font=font)
        drawn.paste(pictures[panel.image or sheet.image], (left, HEAD))
        _draw(draw, panel.marks, (left, HEAD, image.width, image.height), font)
    return drawn


def _picture(file: str, side: int) -> Image | None:
    """Return an image as it is drawn; None if it cannot be read."""
    from PIL import ImageOps, UnidentifiedImageError

    try:
        image = open_picture(file)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    return ImageOps.contain(image, (side, side)) if max(image.size) > side else _enlarged(image)


def _enlarged(image: Image) -> Image:
    """Return a small image large enough for names on it."""
    times = LEAST // max(image.size)
    return image.resize((image.width * times, image.height * times)) if times > 1 else image


def _fitting(draw: ImageDraw, text: str, width: float, font: FreeTypeFont | ImageFont) -> str:
    """Return as much of a text as fits."""
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"


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
        outcome = str(mark.get("outcome"))
        colour = str(mark.get("colour") or COLOURS.get(outcome, NO_OUTCOME))
        words = [str(mark["class"])]
        words += [f"{mark['share']:.0%}"] if "share" in mark else []
        words += [f"{mark['confidence']:.2f}"] if "confidence" in mark else []
        words += [outcome] if outcome in SAID else []
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
    thick = 1 if mark.get("outcome") in GONE else 2
    draw.line([*line, line[0]], fill=colour, width=thick)
    for px, py, seen in mark.get("keypoints") or ():
        if seen >= 0.5:
            kx, ky = at(px, py)
            draw.ellipse((kx - 2, ky - 2, kx + 2, ky + 2), fill=colour)
    return corners[0][0], corners[0][1] - 15
