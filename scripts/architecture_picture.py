"""The map of the code in one picture, for docs/architecture.md.

Packages, their layers and who imports whom, from the imports themselves and the contracts in
``pyproject.toml``: ``python scripts/architecture_picture.py``.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from core.system.files import write_text

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs" / "images" / "architecture.svg"
SIDES = ("app", "core")
TITLES = {
    "app": "window process: PySide6, numpy, pyqtgraph; never torch",
    "core": "engine process and command line: torch, ultralytics; never Qt",
}
BOX_W, BOX_H, GAP_X, TOP, MARGIN, BETWEEN = 96, 26, 8, 56, 22, 84
GAPS = {"app": 30, "core": 8}
"""Between two layers; only the window's imports are drawn as lines, those of core as words."""
STAGES = {
    "checkpoint": "load",
    "graph": "understand",
    "plan": "plan",
    "pruning": "prune",
    "tune": "tune",
    "ship": "ship",
}
"""The way of a model, by the package that takes it on."""
STAGE_W = 74
MOST = 6
"""Boxes side by side; a layer with more takes several lines."""
STYLE = (
    "text{font-family:Inter,'DejaVu Sans',sans-serif;fill:#1b2430}"
    ".small{font-size:9px;fill:#5c6a7a}.name{font-size:12px;font-weight:600}"
    ".title{font-size:13px;font-weight:600}.line{stroke:#5b7fa6;fill:none;stroke-opacity:.35}"
    ".app{fill:#e7f0fb;stroke:#7ba3d1}.core{fill:#eaf5ea;stroke:#7fb283}"
    ".stage{font-size:12px;font-style:italic;fill:#3d7a45}"
    ".frame{fill:#fff;stroke:#c6ced8}.wire{stroke:#a0522d;stroke-width:2;fill:none}"
)


@dataclass(frozen=True)
class Box:
    """A package, or a module at the root, as it is drawn."""

    name: str
    x: int
    y: int


def layers(side: str) -> list[list[str]]:
    """Return the layers of a side, the highest first, as the contracts have them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (found,) = (c for c in contracts if c["type"] == "layers" and c["containers"] == [side])
    return [[name.strip() for name in row.split("|")] for row in found["layers"]]


def imports() -> dict[str, set[str]]:
    """Return which package imports which, as ``app.files`` to ``core.plan``."""
    graph = grimp.build_graph("app", "core", cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in sorted(graph.modules):
        source = ".".join(module.split(".")[:2])
        for other in graph.find_modules_directly_imported_by(module):
            target = ".".join(other.split(".")[:2])
            if source != target and source.count(".") and target.count("."):
                found.setdefault(source, set()).add(target)
    return found


class Picture:
    """Both processes, layer by layer."""

    def __init__(self) -> None:
        self.imports = imports()
        self.boxes: dict[str, Box] = {}
        width = MOST * (BOX_W + GAP_X) - GAP_X
        self.lefts = {"app": MARGIN, "core": MARGIN + width + BETWEEN}
        self.width = self.lefts["core"] + width + MARGIN
        self.height = max(self._place(side, layers(side), width) for side in SIDES) + MARGIN

    def _place(self, side: str, rows: Sequence[Sequence[str]], width: int) -> int:
        """Lay the boxes of a side out; return where they end."""
        y = TOP
        for row in rows:
            for start in range(0, len(row), MOST):
                part = row[start : start + MOST]
                used = len(part) * (BOX_W + GAP_X) - GAP_X
                x = self.lefts[side] + ((width - used) // 2 if side == "app" else STAGE_W)
                for name in part:
                    self.boxes[f"{side}.{name}"] = Box(name, x, y)
                    x += BOX_W + GAP_X
                y += BOX_H + GAPS["core"]
            y += GAPS[side] - GAPS["core"]
        return y

    def svg(self) -> str:
        """Draw it."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}"><style>{STYLE}</style>',
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>',
        ]
        for side in SIDES:
            parts.extend(self._frame(side))
        parts.extend(self._lines())
        parts.extend(self._wire())
        for name in self.boxes:
            parts.extend(self._box(name))
        for row in layers("core"):
            parts.extend(self._words(row))
        return "\n".join([*parts, "</svg>", ""])

    def _frame(self, side: str) -> list[str]:
        left = self.lefts[side] - 10
        width = MOST * (BOX_W + GAP_X) - GAP_X + 20
        height = self.height - TOP + 24
        return [
            f'<rect class="frame" x="{left}" y="{TOP - 34}" width="{width}" height="{height}" '
            'rx="8"/>',
            f'<text class="title" x="{left + 12}" y="{TOP - 16}">{side}: {TITLES[side]}</text>',
        ]

    def _lines(self) -> list[str]:
        drawn = []
        for source, targets in sorted(self.imports.items()):
            for target in sorted(targets):
                if {source, target} <= set(self.boxes) and _side(source) == _side(target) == "app":
                    one, other = self.boxes[source], self.boxes[target]
                    x1, y1, x2, y2 = (
                        one.x + BOX_W // 2,
                        one.y + BOX_H,
                        other.x + BOX_W // 2,
                        other.y,
                    )
                    bend = (y2 - y1) // 2
                    drawn.append(
                        f'<path class="line" d="M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} '
                        f'{x2} {y2}"/>'
                    )
        return drawn

    def _wire(self) -> list[str]:
        """The line between the processes: from the client of the engine to its server."""
        one, other = self.boxes["app.engine"], self.boxes["core.engine"]
        left = self.lefts["core"] - BETWEEN // 2 - 5
        y1, y2 = one.y + BOX_H // 2, other.y + BOX_H // 2
        words = ("JSON lines", "stdin/stdout")
        return [
            f'<path class="wire" d="M{one.x + BOX_W} {y1}H{left}V{y2}H{other.x}"/>',
            *(
                f'<text class="small" x="{left + 4}" y="{(y1 + y2) // 2 + 12 * n}">{word}</text>'
                for n, word in enumerate(words)
            ),
        ]

    def _box(self, name: str) -> list[str]:
        box, side = self.boxes[name], _side(name)
        uses = sorted(
            target.partition(".")[2]
            for target in self.imports.get(name, ())
            if _side(target) != side
        )
        tip = f"imports core: {', '.join(uses)}" if uses else box.name
        return [
            f'<g><title>{escape(tip)}</title><rect class="{side}" x="{box.x}" y="{box.y}" '
            f'width="{BOX_W}" height="{BOX_H}" rx="5"/>',
            f'<text class="name" x="{box.x + 8}" y="{box.y + 17}">{escape(box.name)}</text></g>',
        ]

    def _words(self, row: Sequence[str]) -> list[str]:
        """Describe at the side of a layer of core which stage it is, and what it imports."""
        own = [f"core.{name}" for name in row]
        last = self.boxes[own[-1]]
        found = {t for name in own for t in self.imports.get(name, ()) if _side(t) == "core"}
        names = [n.partition(".")[2] for n in self.boxes if n in found and n not in own]
        y, x = last.y + BOX_H // 2 + 4, last.x + BOX_W + 12
        drawn = [
            f'<text class="stage" x="{self.lefts["core"]}" y="{y}">{STAGES[name]}</text>'
            for name in row
            if name in STAGES
        ]
        lines = textwrap.wrap(" ".join(names), (self.width - MARGIN - x) // 5)
        for number, line in enumerate(lines):
            at = y + 11 * number - 5 * (len(lines) - 1)
            drawn.append(f'<text class="small" x="{x}" y="{at}">{line}</text>')
        return drawn


def _side(name: str) -> str:
    return name.partition(".")[0]


def upward(picture: Picture, sides: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """Return imports that point from a layer to a higher one; the contracts allow none."""
    level = {
        f"{side}.{name}": number
        for side, rows in sides.items()
        for number, row in enumerate(rows)
        for name in row
    }
    return [
        f"{source} -> {target}"
        for source, targets in picture.imports.items()
        for target in targets
        if source in level
        and target in level
        and _side(source) == _side(target)
        and level[source] > level[target]
    ]


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PATH)
    output: Path = parser.parse_args().output
    write_text(output, Picture().svg())
    print(output)


if __name__ == "__main__":
    main()
