"""The channel table in one picture, for docs/how-it-works.md.

Block 2 of YOLOv8n with the layer before and the one behind it, exactly as the table has them: a
cell is a channel, and cells of one colour are one atom: ``python scripts/channel_picture.py``.
"""

from __future__ import annotations

import argparse
import colorsys
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from core.system.files import write_text

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs" / "images" / "channel-table.svg"
MODEL = "yolov8n.yaml"
LAYERS = ("model.1", "model.2.cv1", "model.2.m.0.cv1", "model.2.m.0.cv2", "model.2.cv2", "model.3")
CELL, STRIP, WIDTH, GAP, TOP, LEFT = 7, 18, 132, 64, 92, 14
HUES = (212, 150, 28, 280, 350)
"""One for each group of channels that are made together, in order."""


@dataclass(frozen=True)
class Column:
    """A layer as it is drawn: the atoms it reads and makes, from the top."""

    name: str
    x: int
    reads: tuple[int, ...]
    makes: tuple[int, ...]


def columns() -> list[Column]:
    """Return the layers; of the first only what it makes, of the last only what it reads."""
    from core.pipeline import analyse

    table = analyse(MODEL, cache=False).table
    found = []
    for number, name in enumerate(LAYERS):
        layer = table.resolve_layer(name)
        assert layer is not None
        reads = () if number == 0 else tuple(int(atom) for atom in table.inputs(layer))
        last = number == len(LAYERS) - 1
        makes = () if last else tuple(int(atom) for atom in table.outputs(layer))
        found.append(Column(name, LEFT + number * (WIDTH + GAP), reads, makes))
    return found


def runs(atoms: Sequence[int], borders: set[int]) -> Iterator[tuple[int, int]]:
    """Return the pieces of consecutive atoms that are between borders, as start and end."""
    start = 0
    for place in range(1, len(atoms) + 1):
        ends = place == len(atoms)
        if ends or atoms[place] != atoms[place - 1] + 1 or atoms[place] in borders:
            yield start, place
            start = place


def colours(found: Sequence[Column], borders: set[int]) -> dict[int, str]:
    """Return a colour for every atom: a hue for those made together, darker from first to last."""
    chosen: dict[int, str] = {}
    hue = iter(HUES)
    for column in found:
        for start, end in runs(column.makes, borders):
            if column.makes[start] in chosen:
                continue
            own = next(hue)
            for place in range(start, end):
                light = 0.76 - 0.34 * (place - start) / max(end - start - 1, 1)
                parts = colorsys.hls_to_rgb(own / 360, light, 0.62)
                chosen[column.makes[place]] = "#" + "".join(f"{round(255 * p):02x}" for p in parts)
    return chosen


def top(count: int, tallest: int) -> float:
    return TOP + (tallest - count) * CELL / 2


def band(x0: float, y0: float, x1: float, y1: float, height: float, colour: str) -> str:
    """Return a ribbon from one strip's right edge to another's left edge."""
    half = (x0 + x1) / 2
    there = f"M{x0},{y0:g} C{half:g},{y0:g} {half:g},{y1:g} {x1},{y1:g}"
    back = (
        f"V{y1 + height:g} C{half:g},{y1 + height:g} {half:g},{y0 + height:g} {x0},{y0 + height:g}Z"
    )
    return f'<path d="{there} {back}" fill="{colour}" opacity="0.22"/>'


def text(x: float, y: float, words: str, size: int = 12, anchor: str = "middle") -> str:
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


class Picture:
    """Draws the columns, the ribbons between them and the words around them."""

    def __init__(self) -> None:
        self.columns = columns()
        self.tallest = max(len(atoms) for c in self.columns for atoms in (c.reads, c.makes))
        self.borders = self._borders()
        self.colours = colours(self.columns, self.borders)
        self.parts: list[str] = []

    def _borders(self) -> set[int]:
        """Return the atoms at which something made in one is read in pieces."""
        return {
            column.reads[place]
            for column in self.columns
            for place in range(len(column.reads))
            if place == 0 or column.reads[place] != column.reads[place - 1] + 1
        }

    def _strip(self, x: float, atoms: Sequence[int]) -> None:
        y = top(len(atoms), self.tallest)
        for place, atom in enumerate(atoms):
            self.parts.append(
                f'<rect x="{x:g}" y="{y + place * CELL:g}" width="{STRIP}" height="{CELL - 1}" '
                f'fill="{self.colours[atom]}"/>'
            )

    def _numbers(self, column: Column) -> None:
        sides = ((column.reads, column.x + STRIP + 4, "start"),)
        sides += ((column.makes, column.x + WIDTH - STRIP - 4, "end"),)
        for atoms, x, anchor in sides:
            y = top(len(atoms), self.tallest)
            for start, end in runs(atoms, self.borders):
                middle = y + (start + end) * CELL / 2 + 4
                self.parts.append(text(x, middle, f"{atoms[start]}–{atoms[end - 1]}", 11, anchor))

    def _ribbons(self, column: Column) -> None:
        """Every piece that is read comes from the last layer that made it and was not yet asked."""
        asked: dict[int, int] = {}
        for start, end in runs(column.reads, self.borders):
            first = column.reads[start]
            makers = [c for c in self.columns if first in c.makes and c.x < column.x]
            maker = makers[min(asked.get(first, 0), len(makers) - 1)]
            asked[first] = asked.get(first, 0) + 1
            y0 = top(len(maker.makes), self.tallest) + maker.makes.index(first) * CELL
            y1 = top(len(column.reads), self.tallest) + start * CELL
            height = (end - start) * CELL - 1
            colour = self.colours[column.reads[(start + end) // 2]]
            self.parts.append(band(maker.x + WIDTH, y0, column.x, y1, height, colour))

    def svg(self) -> str:
        """Return the picture."""
        width = self.columns[-1].x + WIDTH + LEFT
        height = TOP + self.tallest * CELL + 74
        for column in self.columns:
            self._ribbons(column)
        for column in self.columns:
            rows = max(len(column.reads), len(column.makes))
            y, tall = top(rows, self.tallest) - 6, rows * CELL + 11
            self.parts.append(
                f'<rect x="{column.x}" y="{y:g}" width="{WIDTH}" height="{tall}" rx="5" '
                'fill="#ffffff" stroke="#8a8f98"/>'
            )
            self._strip(column.x, column.reads)
            self._strip(column.x + WIDTH - STRIP, column.makes)
            self._numbers(column)
            middle = column.x + WIDTH / 2
            self.parts.append(text(middle, y - 24, column.name, 13))
            self.parts.append(text(middle, y - 9, self._counts(column), 11))
        self._words(width, height)
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" fill="#24292f">\n'
            f'<rect width="{width}" height="{height}" rx="10" fill="#f6f8fa"/>\n{body}\n</svg>\n'
        )

    @staticmethod
    def _counts(column: Column) -> str:
        parts = [f"reads {len(column.reads)}"] if column.reads else []
        parts += [f"writes {len(column.makes)}"] if column.makes else []
        return ", ".join(parts)

    def _words(self, width: int, height: int) -> None:
        by_name = {column.name: column for column in self.columns}
        split, added = by_name["model.2.cv1"], by_name["model.2.m.0.cv2"]
        common = [atom for atom in added.makes if atom in split.makes]
        half, last = common[0], common[-1]
        lines = (
            (24, 15, "Block 2 of YOLOv8n, a C2f: each cell is a channel, and each number an atom"),
            (
                height - 42,
                12,
                "chunk: model.2.cv1 is read in two halves. add: model.2.m.0.cv2 is added to the "
                f"second half, so both are atoms {half}–{last}.",
            ),
            (
                height - 22,
                12,
                "Concat: model.2.cv2 reads the halves and the sum. Removing atom "
                f"{half} removes these {self._places(half)} channels.",
            ),
        )
        self.parts += [text(width / 2, y, words, size) for y, size, words in lines]

    def _places(self, atom: int) -> int:
        return sum((column.reads + column.makes).count(atom) for column in self.columns)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PATH)
    options = parser.parse_args()
    write_text(options.output, Picture().svg())
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
