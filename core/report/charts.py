"""Charts as SVG: curves and bars, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from core.system.escape import html_text

WIDTH, HEIGHT = 380, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 34
SERIES = 6
"""Colours and dashes that the style sheet has."""


def curves(
    series: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
    *,
    line: tuple[str, float] | None = None,
    x_title: str = "epoch",
) -> str:
    """Draw curves.

    Parameters
    ----------
    series : mapping of str to {x, y}
        By name; at most ``SERIES`` are drawn.
    title : str
        Read aloud; the page writes its own heading.
    line : (str, float), optional
        A value to hold them against, drawn across.
    x_title : str

    Returns
    -------
    str
        An ``svg`` element with its legend below; empty without points.
    """
    drawn = {n: s for n, s in list(series.items())[:SERIES] if s["x"]}
    if not drawn:
        return ""
    xs = [x for s in drawn.values() for x in s["x"]]
    ys = [y for s in drawn.values() for y in s["y"]] + ([line[1]] if line else [])
    scale_x = _Scale(min(0.0, *xs), max(xs) or 1.0, LEFT, WIDTH - RIGHT, whole=True)
    scale_y = _Scale(*_room(min(ys), max(ys)), HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html_text(title)}">'
    ]
    parts += _axes(scale_x, scale_y, x_title)
    if line is not None:
        y = scale_y(line[1])
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" class="line"/>')
    for number, s in enumerate(drawn.values()):
        points = [f"{scale_x(x):.1f} {scale_y(y):.1f}" for x, y in zip(s["x"], s["y"], strict=True)]
        if len(points) == 1:
            across, _, down = points[0].partition(" ")
            parts.append(f'<circle cx="{across}" cy="{down}" r="3" class="dot s{number}"/>')
        else:
            parts.append(f'<path d="M{" L".join(points)}" class="curve s{number}"/>')
    return "".join([*parts, "</svg>", _legend(list(drawn.items()), line)])


def _legend(drawn: Sequence[tuple[str, Any]], line: tuple[str, float] | None) -> str:
    names = [
        f'<span class="key s{number}">{html_text(name)} {s["y"][-1]:.3g}</span>'
        for number, (name, s) in enumerate(drawn)
    ]
    if line is not None:
        names.append(f'<span class="key line">{html_text(line[0])} {line[1]:.3g}</span>')
    return f'<p class="legend">{" ".join(names)}</p>'


def _room(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    return (low if low == 0 else low - room), high + room


class _Scale:
    """Maps values to places, and knows where ticks are."""

    def __init__(
        self, low: float, high: float, start: float, end: float, *, whole: bool = False
    ) -> None:
        self._low, self._high, self._start, self._end = low, high, start, end
        self._whole = whole

    def __call__(self, value: float) -> float:
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        return self._start + share * (self._end - self._start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values across the range."""
        span = (self._high - self._low) or 1.0
        step = 10.0 ** floor(log10(span / about))
        step *= min((1, 2, 5, 10), key=lambda m: abs(span / (step * m) - about))
        step = max(1.0, round(step)) if self._whole else step
        first = ceil(self._low / step - 1e-9)
        return [n * step for n in range(first, floor(self._high / step + 1e-9) + 1)]


def _axes(scale_x: _Scale, scale_y: _Scale, x_title: str) -> list[str]:
    base = HEIGHT - BOTTOM
    parts = []
    for value in scale_y.ticks():
        y = scale_y(value)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" class="grid"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>'
        )
    for value in scale_x.ticks():
        x = scale_x(value)
        parts.append(
            f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{_number(value)}</text>'
        )
    parts.append(f'<path d="M{LEFT} {base}H{WIDTH - RIGHT}" class="axis"/>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">'
        f"{html_text(x_title)}</text>"
    )
    return parts


def _number(value: float) -> str:
    if abs(value) < 1e-12:
        return "0"
    if abs(value) >= 1e-3:
        return f"{value:.4g}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def boxes(
    sample: Mapping[str, Any], found: Sequence[Mapping[str, Any]], href: str, title: str
) -> str:
    """Draw boxes over a sample image.

    Parameters
    ----------
    sample : mapping
        Of `core.report.images.sample`.
    found : sequence of mapping
        Boxes in fractions of the image, those without a confidence being labels. Guesses of a
        classifier have no place and are listed.
    href : str
        Of the picture: a data URI, or ``#name`` of one that is elsewhere in the page.
    title : str
        Read aloud.
    """
    width, height = sample["width"], sample["height"]
    picture = (
        f'<use href="{html_text(href)}"/>'
        if href.startswith("#")
        else f'<image href="{html_text(href)}" width="{width}" height="{height}"/>'
    )
    parts = [
        f'<svg class="sample" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html_text(title)}">{picture}'
    ]
    guesses = [one for one in found if "x" not in one]
    parts += [
        f'<text x="4" y="{13 * (line + 1)}" class="{_kind(one)}">{html_text(_words(one))}</text>'
        for line, one in enumerate(guesses)
    ]
    placed = [one for one in found if "x" in one]
    for box in sorted(placed, key=lambda b: -float(b["width"]) * float(b["height"])):
        x, y = (box["x"] - box["width"] / 2) * width, (box["y"] - box["height"] / 2) * height
        wide, high, kind = box["width"] * width, box["height"] * height, _kind(box)
        below = y < 12
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
            f'class="{kind}"/>'
            f'<text x="{max(x, 0) + 2:.1f}" y="{(y + 11) if below else (y - 3):.1f}" '
            f'class="{kind}">{html_text(_words(box))}</text>'
        )
    return "".join([*parts, "</svg>"])


def _kind(found: Mapping[str, Any]) -> str:
    return "label" if found.get("confidence") is None else "found"


def _words(found: Mapping[str, Any]) -> str:
    sure = found.get("confidence")
    return str(found["class"]) if sure is None else f"{found['class']} {sure:.2f}"
