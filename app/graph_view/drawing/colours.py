"""All colours of the graph, light and dark, in one table. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Role:
    """Colours of one role: outline, tint of the box, tag behind white or dark text, tag text."""

    line: str
    fill: str
    tag: str
    tag_text: str


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one scheme, as ``#rrggbb``.

    ``ramp`` runs from nothing to most and stays pale (light) or deep (dark) enough for ``text``;
    so does ``heat``, from blue to orange: its lightness falls (light) or rises (dark) all the way,
    and the two hues stay apart for every kind of colour blindness.
    ``stages`` are tints of boxes, ``stage_lines`` their borders and gauges.
    ``text`` meets WCAG AA on every fill a box can have, ``text_dim`` on all but the ramp.
    """

    background: str
    band: str
    box: str
    pill: str
    inner: str
    border: str
    text: str
    text_dim: str
    heading: str
    bar: str
    stroke: str
    edge: str
    edge_lit: str
    focus: str
    match: str
    lock: str
    eligible: str
    node: str
    node_border: str
    operation: str
    callout: str
    callout_text: str
    locked: str
    roles: dict[str, Role]
    stages: dict[str, str]
    stage_lines: dict[str, str]
    ramp: tuple[str, str, str]
    heat: tuple[str, str, str]


LIGHT = Palette(
    background="#f6f7f9",
    band="#eceef2",
    box="#ffffff",
    pill="#ffffff",
    inner="#f5f7fa",
    border="#c3cad5",
    text="#1b2430",
    text_dim="#4a5565",
    heading="#4f5b6b",
    bar="#e4e8ee",
    stroke="#8794a8",
    edge="#7d8ba1",
    edge_lit="#1f5fd1",
    focus="#1f5fd1",
    match="#0b7d6e",
    lock="#5b6675",
    eligible="#1d8348",
    node="#ffffff",
    node_border="#cfd6e0",
    operation="#e3e8f0",
    callout="#1b2430",
    callout_text="#ffffff",
    roles={
        "selected": Role("#c0281f", "#fdeae8", "#b3211a", "#ffffff"),
        "cascade": Role("#b36b00", "#fff4e0", "#8f5500", "#ffffff"),
        "coupled": Role("#8e24aa", "#f9ebfc", "#8e24aa", "#ffffff"),
        "blocked": Role("#8a0f3c", "#fce8ef", "#8a0f3c", "#ffffff"),
    },
    locked="#e2e4e8",
    stages={"backbone": "#dbe8fb", "neck": "#e7dffa", "head": "#d4efe1"},
    stage_lines={"backbone": "#3b78d8", "neck": "#7d5bc9", "head": "#1f8a5b"},
    ramp=("#f2f6f5", "#a9d8cd", "#56b5a2"),
    heat=("#e3effb", "#f6dc9c", "#e9924a"),
)

DARK = Palette(
    background="#14171c",
    band="#1b2026",
    box="#252b34",
    pill="#20252d",
    inner="#1d2229",
    border="#434d5b",
    text="#eef1f5",
    text_dim="#b6c0cd",
    heading="#a3aebc",
    bar="#363e4a",
    stroke="#8593a8",
    edge="#66738a",
    edge_lit="#7fb0ff",
    focus="#7fb0ff",
    match="#4fd1bd",
    lock="#aab4c2",
    eligible="#5fd08f",
    node="#2a313b",
    node_border="#465161",
    operation="#39424f",
    callout="#eef1f5",
    callout_text="#16191e",
    roles={
        "selected": Role("#ff7b72", "#4a2321", "#ff8f87", "#260706"),
        "cascade": Role("#e8a33d", "#40311a", "#f0b45c", "#1d1404"),
        "coupled": Role("#e08cf5", "#45254d", "#e3a3f5", "#22082b"),
        "blocked": Role("#ff9fc4", "#4d2034", "#ffb0cf", "#2b0616"),
    },
    locked="#363b44",
    stages={"backbone": "#1d2d49", "neck": "#2f2549", "head": "#17362a"},
    stage_lines={"backbone": "#6b9bea", "neck": "#a98cf0", "head": "#4ec48c"},
    ramp=("#242c30", "#1f4f49", "#1b6b5f"),
    heat=("#1b2a3d", "#55451f", "#96500f"),
)

PALETTES = {"light": LIGHT, "dark": DARK}


@lru_cache(maxsize=4096)
def mix(one: str, other: str, share: float) -> str:
    """Blend two colours; ``share`` of the second."""
    pairs = zip(rgb(one), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def rgb(colour: str) -> Rgb:
    """Return red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def scale_of(palette: Palette, scale: str) -> tuple[str, str, str]:
    """Return the colours an overlay runs through: ``heat`` for losses, else ``ramp``."""
    return palette.heat if scale == "heat" else palette.ramp


def ramp_colour(palette: Palette, value: float, scale: str = "ramp") -> str:
    """Return the overlay colour of a value, 0 to 1."""
    value = min(max(value, 0.0), 1.0)
    low, middle, high = scale_of(palette, scale)
    return mix(low, middle, value * 2) if value < 0.5 else mix(middle, high, value * 2 - 1)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG defines it, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [c / 255 for c in rgb(colour)]
    red, green, blue = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
