"""The help's pictures: drawn in the theme's colours, so that they fit light and dark. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

Colours = Mapping[str, str]
CELL, TALL, STEP = 13, 26, 16
"""Width and height of a channel's cell, and from one to the next."""


class _Sheet:
    """Collects the parts of one SVG.

    Parameters
    ----------
    width, height : int
    colours : mapping of str to str
        Names of the theme's colours and what they are.
    """

    def __init__(self, width: int, height: int, colours: Colours) -> None:
        self._size, self._colours = (width, height), colours
        self._parts: list[str] = []

    def text(self, x: float, y: float, text: str, colour: str = "text", **more: str) -> None:
        """Write a line; ``anchor`` and ``weight`` as SVG has them."""
        anchor, weight = more.get("anchor", "start"), more.get("weight", "normal")
        self._parts.append(
            f'<text x="{x}" y="{y}" font-family="sans-serif" font-size="13" '
            f'text-anchor="{anchor}" font-weight="{weight}" fill="{self._colours[colour]}">'
            f"{text}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str = "border") -> None:
        """Draw a layer."""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" '
            f'fill="{self._colours["raised"]}" stroke="{self._colours[colour]}" '
            f'stroke-width="1.6"/>'
        )

    def cells(
        self,
        x: float,
        y: float,
        count: int,
        colour: str,
        gone: Collection[int] = (),
        zero: bool = False,
    ) -> None:
        """Draw channels in a row; those gone are hollow, or hold a zero."""
        for number in range(count):
            left, hollow = x + STEP * number, number in gone
            fill = "none" if hollow else self._colours[colour]
            edge = self._colours["blocked" if hollow else colour]
            dash = ' stroke-dasharray="3 2"' if hollow else ""
            self._parts.append(
                f'<rect x="{left}" y="{y}" width="{CELL}" height="{TALL}" rx="2" fill="{fill}" '
                f'stroke="{edge}" stroke-width="1.2"{dash}/>'
            )
            if hollow and zero:
                middle = left + CELL / 2
                self.text(middle, y + TALL / 2 + 5, "0", "blocked", anchor="middle")

    def arrow(self, points: Sequence[tuple[float, float]], colour: str = "muted") -> None:
        """Draw a line with a head at its end."""
        (x1, y1), (x2, y2) = points[-2:]
        across = (y2 == y1) * 5, (x2 == x1) * 5
        back = ((x2 > x1) - (x2 < x1)) * 8, ((y2 > y1) - (y2 < y1)) * 8
        path = " ".join(f"{x},{y}" for x, y in points)
        head = " ".join(
            f"{x2 - back[0] + sign * across[1]},{y2 - back[1] + sign * across[0]}"
            for sign in (1, -1)
        )
        ink = self._colours[colour]
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="1.6"/>'
            f'<polygon points="{x2},{y2} {head}" fill="{ink}"/>'
        )

    def svg(self) -> str:
        """Return the whole."""
        width, height = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">{"".join(self._parts)}</svg>'
        )


def _pruning(sheet: _Sheet) -> None:
    """Three rows: the network, masked, pruned."""
    gone = (1, 4, 6)
    rows = (
        ("original", "8 filters", "8 inputs", 8, (), False),
        ("masked", "3 of 8 filters are zero: same size", "", 8, gone, True),
        ("pruned", "5 filters", "5 inputs", 5, (), False),
    )
    for line, (name, one, other, count, missing, zero) in enumerate(rows):
        y = 14 + 76 * line
        sheet.text(8, y + 31, name, weight="bold")
        sheet.box(100, y, 150, 46)
        sheet.cells(112, y + 10, count, "selected", missing, zero)
        sheet.arrow(((250, y + 23), (330, y + 23)))
        sheet.box(332, y, 150, 46)
        sheet.cells(344, y + 10, count, "cascade", missing, zero)
        sheet.text(100, y + 62, one, "muted")
        sheet.text(332, y + 62, other, "muted")


def _cascade(sheet: _Sheet) -> None:
    """A layer loses outputs; its reader loses the inputs and keeps its own outputs."""
    gone = (2, 5)
    sheet.text(20, 22, "block 5, selected", "selected", weight="bold")
    sheet.box(20, 32, 150, 46, "selected")
    sheet.cells(32, 42, 8, "selected", gone)
    sheet.text(20, 98, "two outputs removed", "muted")
    sheet.arrow(((170, 55), (232, 55)), "cascade")
    sheet.text(235, 22, "block 6 reads it and is adjusted", "cascade", weight="bold")
    sheet.box(235, 32, 290, 46, "cascade")
    sheet.cells(247, 42, 8, "cascade", gone)
    sheet.arrow(((380, 55), (404, 55)))
    sheet.cells(412, 42, 6, "muted")
    sheet.text(235, 98, "the same two inputs removed", "muted")
    sheet.text(412, 98, "its outputs stay", "muted")


def _coupled(sheet: _Sheet) -> None:
    """Two layers whose outputs are added lose the same channels."""
    gone = (3,)
    for y, name, colour in ((26, "A, selected", "selected"), (116, "B shares them", "coupled")):
        sheet.text(20, y - 6, name, colour, weight="bold")
        sheet.box(20, y, 134, 46, colour)
        sheet.cells(32, y + 10, 7, colour, gone)
    sheet.arrow(((154, 49), (250, 49), (250, 78)))
    sheet.arrow(((154, 139), (250, 139), (250, 110)))
    sheet.box(234, 79, 32, 30)
    sheet.text(250, 99, "+", anchor="middle", weight="bold")
    sheet.arrow(((266, 94), (330, 94)))
    sheet.text(332, 62, "adjusted reader", "cascade", weight="bold")
    sheet.box(332, 71, 134, 46, "cascade")
    sheet.cells(344, 81, 7, "cascade", gone)
    sheet.text(160, 180, "channel 3 of the sum is channel 3 of A and of B", "muted")


def _concat(sheet: _Sheet) -> None:
    """Concat puts channels side by side: numbers shift by what is before."""
    sheet.text(20, 20, "block 13, 6 channels", "muted")
    sheet.cells(20, 28, 6, "muted")
    sheet.text(20, 92, "block 4, 4 channels, selected", "selected", weight="bold")
    sheet.cells(20, 100, 4, "selected", (1,))
    sheet.arrow(((120, 41), (250, 41), (250, 75), (272, 75)))
    sheet.arrow(((90, 113), (250, 113), (250, 75), (272, 75)))
    sheet.text(275, 50, "block 14, Concat: 13 then 4", "muted")
    sheet.cells(275, 62, 6, "muted")
    sheet.cells(275 + 6 * STEP, 62, 4, "selected", (1,))
    x = 275 + 7 * STEP + CELL / 2
    sheet.arrow(((x, 124), (x, 92)), "cascade")
    sheet.text(x, 140, "channel 1 of block 4 is input 6 + 1", "cascade", anchor="middle")


PICTURES: Mapping[str, tuple[int, int, Callable[[_Sheet], None], str]] = {
    "pruning": (500, 236, _pruning, "A layer with 8 filters, with 3 of them zero, and with 5"),
    "cascade": (550, 110, _cascade, "A layer loses outputs, its reader the same inputs"),
    "coupled": (490, 192, _coupled, "Two layers that are added lose the same channels"),
    "concat": (560, 152, _concat, "Concat shifts the channel indices"),
}
"""By name: width, height, what draws it, and what it shows in words."""


def picture(name: str, colours: Colours) -> str:
    """Return a picture as SVG.

    Parameters
    ----------
    name : str
        A key of `PICTURES`.
    colours : mapping of str to str
        Colours by the names of `app.kit.theme.Colours`.
    """
    width, height, draw, _ = PICTURES[name]
    sheet = _Sheet(width, height, colours)
    draw(sheet)
    return sheet.svg()
