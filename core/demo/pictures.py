"""What the networks see on the same images, side by side, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from core.system.files import write_atomically

ROWS, SIDE, HEAD, GAP = 4, 320, 40, 8
INK, PAPER, LABEL = (32, 34, 38), (255, 255, 255), (0, 0, 0)
COLOURS = ((230, 57, 70), (255, 200, 0), (190, 80, 220), (0, 160, 255), (255, 120, 0))
NAMES = ("original", "pruned", "fine-tuned")


def draw_comparison(compared: Mapping[str, Any], output: Path) -> None:
    """Draw what every network says on a few images.

    Parameters
    ----------
    compared : mapping
        A result of `core.compare.files.compare_files`, of three networks.
    output : Path
        A ``.png``; its folder is made.

    Raises
    ------
    UserError
        When it cannot be written.
    """
    rows = telling(compared["images"])
    classes = sorted(compared["models"][0]["classes"])
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(classes)}
    width = len(NAMES) * (SIDE + GAP) + GAP
    sheet = Image.new("RGB", (width, HEAD + len(rows) * (SIDE + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, (name, model) in enumerate(zip(NAMES, compared["models"], strict=True)):
        accuracy = model["figures"]["map50_95"]
        text = f"{name}: {model['parameters'] / 1e6:.2f} M parameters, mAP50-95 {accuracy:.3f}"
        place = (GAP + column * (SIDE + GAP) + 2, 11)
        pen.text(place, text, fill=INK, font=ImageFont.load_default(15))
    for line, row in enumerate(rows):
        with Image.open(row["image"]) as image:
            scene = image.convert("RGB").resize((SIDE, SIDE))
        for column, boxes in enumerate(row["boxes"]):
            place = (GAP + column * (SIDE + GAP), HEAD + line * (SIDE + GAP))
            sheet.paste(_with_boxes(scene, boxes, colours), place)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, lambda stream: sheet.save(stream, "PNG"))


def telling(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose images: where the pruned network lost most, then those with most objects."""
    by_loss = sorted(rows, key=lambda row: (row["scores"][1] - row["scores"][0], row["image"]))
    lost = by_loss[: ROWS // 2]
    rest = [row for row in rows if row not in lost]
    full = sorted(rest, key=lambda row: (-len(row["truth"]), row["image"]))
    return [*lost, *full][:ROWS]


def _with_boxes(
    scene: Image.Image, boxes: Sequence[Mapping[str, Any]], colours: Mapping[str, Any]
) -> Image.Image:
    picture = scene.copy()
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for box in boxes:
        x, y, w, h = (box[key] * SIDE for key in ("x", "y", "width", "height"))
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        colour = colours.get(box["class"], COLOURS[0])
        pen.rectangle(corners, outline=colour, width=3)
        text = f" {box['class']} {box['confidence']:.2f} "
        around = pen.textbbox((0, 0), text, font=font)
        wide, tall = around[2], around[3] + 3
        left = min(max(corners[0], 0), SIDE - wide)
        top = corners[1] - tall if corners[1] >= tall else max(corners[1], 0)
        pen.rectangle((left, top, left + wide, top + tall), fill=colour)
        pen.text((left, top), text, fill=LABEL, font=font)
    return picture
