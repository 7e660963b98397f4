"""Draws the demo's data set: garden things on textured grounds, annotated in YOLO's format.

Every scene follows from a seed and its number, so the same data set comes out on every machine and
nothing has to be shipped or downloaded. Shapes are polygons in a square from -1 to 1, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from core.system.files import write_text

Points = NDArray[np.float64]
Colour = tuple[int, int, int]
Random = np.random.Generator

CLASSES = ("apple", "lemon", "flower", "mushroom", "ladybird")
"""Names, in the order of their numbers in the label files."""

SIZE = 320
"""Side of a scene in pixels."""

TRAIN, VAL = 240, 80
"""Scenes of the splits unless told otherwise."""

_FINER = 2  # everything is drawn this much larger and scaled down, for smooth edges


@dataclass(frozen=True, slots=True)
class Box:
    """One object of a scene, as a label file has it.

    Attributes
    ----------
    kind : int
        Number of the class.
    x, y, width, height : float
        Centre and sides as fractions of the scene's.
    """

    kind: int
    x: float
    y: float
    width: float
    height: float

    def line(self) -> str:
        """Return its line of a label file."""
        return f"{self.kind} {self.x:.6f} {self.y:.6f} {self.width:.6f} {self.height:.6f}"


@dataclass(frozen=True, slots=True)
class _Shape:
    points: Points
    colour: Colour


def write_dataset(
    folder: Path,
    *,
    train: int = TRAIN,
    val: int = VAL,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> Path:
    """Draw a data set into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there; files of an earlier data set in it are written anew.
    train, val : int
        Scenes of each split.
    seed : int
    progress : callable
        Told the share drawn, 0 to 1, and what is done; what it raises ends the drawing.

    Returns
    -------
    Path
        The ``data.yaml``. It is written last, so a data set that has one is whole.
    """
    done = 0
    for number, (split, count) in enumerate((("train", train), ("val", val))):
        images, labels = folder / "images" / split, folder / "labels" / split
        for place in (images, labels):
            place.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            progress(done / (train + val), f"Drawing scenes: {done + 1} of {train + val}")
            scene, boxes = draw_scene(np.random.default_rng((seed, number, index)))
            name = f"scene-{index:04}"
            scene.save(images / f"{name}.jpg", quality=90)
            text = "".join(f"{box.line()}\n" for box in boxes)
            (labels / f"{name}.txt").write_text(text, encoding="utf-8")
            done += 1
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASSES))
    description = folder / "data.yaml"
    write_text(
        description,
        "# Drawn by Secateur's scene generator.\n"
        f"train: images/train\nval: images/val\nnames:\n{names}",
    )
    return description


def draw_scene(rng: Random, size: int = SIZE) -> tuple[Image.Image, list[Box]]:
    """Draw one scene.

    Parameters
    ----------
    rng : numpy.random.Generator
        All that the scene depends on.
    size : int
        Side in pixels.

    Returns
    -------
    Image
        RGB, ``size`` by ``size``.
    list of Box
        The objects, each with the box around all of it that lies in the scene.
    """
    picture = _ground(rng, size)
    for _ in range(rng.integers(2, 7)):
        _lay(picture, _clutter(rng), *_somewhere(rng, size, 0.04, 0.12), rng)
    placed: list[tuple[float, float, float]] = []
    boxes: list[Box] = []
    for _ in range(rng.integers(2, 7)):
        kind = int(rng.integers(len(CLASSES)))
        x, y, radius = _somewhere(rng, size, 0.08, 0.20)
        if any(math.hypot(x - a, y - b) < 0.85 * (radius + r) for a, b, r in placed):
            continue
        placed.append((x, y, radius))
        covered = _lay(picture, _DRAWN[kind](rng), x, y, radius, rng, shadow=True)
        left, top, right, bottom = (value / size for value in covered)
        boxes.append(Box(kind, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top))
    return picture, boxes


def _somewhere(rng: Random, size: int, least: float, most: float) -> tuple[float, float, float]:
    radius = rng.uniform(least, most) * size
    x, y = rng.uniform(0.6 * radius, size - 0.6 * radius, 2)
    return float(x), float(y), float(radius)


def _lay(
    picture: Image.Image,
    shapes: Sequence[_Shape],
    x: float,
    y: float,
    radius: float,
    rng: Random,
    *,
    shadow: bool = False,
) -> tuple[float, float, float, float]:
    """Turn, scale and draw a thing; return left, top, right and bottom within the scene."""
    angle, light = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = [_Shape(shape.points @ turn.T * radius, shape.colour) for shape in shapes]
    reach = math.ceil(max(float(np.abs(shape.points).max()) for shape in turned)) + 2
    side = 2 * reach * _FINER
    layer = Image.new("RGBA", (side, side))
    mask = Image.new("L", (side, side))
    pen, stencil = ImageDraw.Draw(layer), ImageDraw.Draw(mask)
    for shape in turned:
        outline = [tuple(point) for point in (shape.points + reach) * _FINER]
        pen.polygon(outline, fill=shape.colour)
        stencil.polygon(outline, fill=255)
    small = (2 * reach, 2 * reach)
    layer, mask = layer.resize(small, Image.Resampling.BOX), mask.resize(small)
    layer = _lit(layer, light, 0.28)
    left, top = round(x) - reach, round(y) - reach
    if shadow:
        soft = mask.filter(ImageFilter.GaussianBlur(radius / 10)).point(lambda v: v * 0.45)
        away = (int(-math.cos(light) * radius / 7), int(-math.sin(light) * radius / 7))
        picture.paste((12, 12, 16), (left + away[0], top + away[1]), soft)
    picture.paste(layer, (left, top), mask)
    points = np.concatenate([shape.points for shape in turned])
    points += np.array((left + reach, top + reach))
    low, high = points.min(0).clip(0, picture.width), points.max(0).clip(0, picture.width)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _lit(layer: Image.Image, light: float, strength: float) -> Image.Image:
    """Brighten a thing towards the light, and darken it away from there."""
    pixels = np.asarray(layer, dtype=np.float32).copy()
    steps = np.linspace(-1, 1, pixels.shape[0], dtype=np.float32)
    slope = math.cos(light) * steps[None, :] + math.sin(light) * steps[:, None]
    pixels[..., :3] *= 1 + strength * slope[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


# The ground: coarse and fine noise in a colour, and what makes it grass, wood, cloth or gravel.


def _ground(rng: Random, size: int) -> Image.Image:
    kind = _GROUNDS[int(rng.integers(len(_GROUNDS)))]
    pixels = kind(rng, size)
    pixels *= 1 + rng.uniform(-0.15, 0.15)
    pixels += rng.normal(0, 5, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")


def _noise(rng: Random, size: int, cells: int) -> NDArray[np.float64]:
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), "F")
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)


def _clouds(rng: Random, size: int, colour: Colour, strength: float) -> NDArray[np.float64]:
    height = sum(_noise(rng, size, 4 * 3**n) / (1 + n) for n in range(4))
    return np.array(colour) * (1 + strength * np.asarray(height)[..., None])


def _soil(rng: Random, size: int) -> NDArray[np.float64]:
    return _clouds(rng, size, (104, 78, 56), 0.30)


def _gravel(rng: Random, size: int) -> NDArray[np.float64]:
    return _clouds(rng, size, (138, 136, 130), 0.25)


def _grass(rng: Random, size: int) -> NDArray[np.float64]:
    picture = Image.fromarray(
        _clouds(rng, size, (70, 104, 48), 0.2).clip(0, 255).astype(np.uint8), "RGB"
    )
    pen = ImageDraw.Draw(picture)
    for _ in range(500):
        x, y = rng.uniform(0, size, 2)
        dx, dy, shade = rng.uniform(-8, 8), rng.uniform(-18, -6), rng.uniform(0.7, 1.4)
        colour = (int(70 * shade), int(110 * shade), int(45 * shade))
        pen.line((x, y, x + dx, y + dy), fill=colour, width=int(rng.integers(1, 3)))
    return np.asarray(picture, dtype=np.float64)


def _wood(rng: Random, size: int) -> NDArray[np.float64]:
    across = np.linspace(0, rng.uniform(10, 26), size)[:, None] + 1.2 * _noise(rng, size, 5)
    grain = np.sin(2 * math.pi * across) * 0.12 + _noise(rng, size, 60) * 0.05
    pixels = np.array((168, 128, 86)) * (1 + grain[..., None])
    return pixels if rng.random() < 0.5 else pixels.swapaxes(0, 1)


def _cloth(rng: Random, size: int) -> NDArray[np.float64]:
    steps = np.arange(size)
    width = int(rng.integers(14, 40))
    bands = (steps // width % 2) * 0.22
    checks = 1 - bands[:, None] - bands[None, :] + _noise(rng, size, 80) * 0.05
    colour = rng.uniform(90, 225, 3)
    return np.asarray(colour * checks[..., None])


_GROUNDS = (_soil, _gravel, _grass, _wood, _cloth)


# The things. Each function returns what is drawn one over the other.


def _ellipse(x: float, y: float, a: float, b: float, angle: float = 0.0) -> Points:
    steps = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    u, v = a * np.cos(steps), b * np.sin(steps)
    c, s = math.cos(angle), math.sin(angle)
    return np.stack((x + c * u - s * v, y + s * u + c * v), 1)


def _tint(rng: Random, colour: Colour, spread: int = 18) -> Colour:
    red, green, blue = (np.array(colour) + rng.integers(-spread, spread + 1, 3)).clip(0, 255)
    return int(red), int(green), int(blue)


def _pick(rng: Random, *colours: Colour) -> Colour:
    return _tint(rng, colours[int(rng.integers(len(colours)))])


def _apple(rng: Random) -> list[_Shape]:
    steps = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    radius = 0.80 - 0.16 * np.exp(-8 * (1 - np.cos(steps + math.pi / 2)))
    radius -= 0.06 * np.exp(-8 * (1 - np.cos(steps - math.pi / 2)))
    body = np.stack((radius * np.cos(steps), radius * np.sin(steps) + 0.12), 1)
    skin = _pick(rng, (190, 32, 36), (150, 190, 60), (214, 84, 44))
    stem = np.array([(-0.05, -0.5), (0.05, -0.5), (0.16, -0.95), (0.06, -0.97)])
    return [
        _Shape(body, skin),
        _Shape(stem, (84, 58, 34)),
        _Shape(_ellipse(0.36, -0.76, 0.26, 0.11, -0.4), _tint(rng, (74, 140, 58))),
        _Shape(_ellipse(-0.34, -0.14, 0.13, 0.22, 0.5), _brighter(skin)),
    ]


def _lemon(rng: Random) -> list[_Shape]:
    steps = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    tip = 0.22 * (np.abs(np.cos(steps)) ** 14)
    body = np.stack(((0.76 + tip) * np.cos(steps), 0.58 * np.sin(steps)), 1)
    skin = _tint(rng, (238, 208, 52))
    return [
        _Shape(body, skin),
        _Shape(_ellipse(-0.9, 0, 0.07, 0.07), (150, 140, 50)),
        _Shape(_ellipse(-0.2, -0.24, 0.26, 0.10, 0.2), _brighter(skin)),
    ]


def _flower(rng: Random) -> list[_Shape]:
    count = int(rng.integers(5, 9))
    petal = _pick(rng, (232, 120, 170), (244, 240, 236), (132, 96, 204), (96, 140, 226))
    shapes = []
    for number in range(count):
        angle = 2 * math.pi * number / count
        x, y = 0.6 * math.cos(angle), 0.6 * math.sin(angle)
        shapes.append(
            _Shape(_ellipse(x, y, 0.38, 0.9 / (count - 1.5), angle), _tint(rng, petal, 8))
        )
    return [*shapes, _Shape(_ellipse(0, 0, 0.28, 0.28), _tint(rng, (240, 186, 40)))]


def _mushroom(rng: Random) -> list[_Shape]:
    steps = np.linspace(math.pi, 2 * math.pi, 30)
    dome = np.stack((0.9 * np.cos(steps), 0.1 + 0.95 * np.sin(steps)), 1)
    rim = _ellipse(0, 0.1, 0.9, 0.16)
    stem = np.array([(-0.22, 0.1), (0.22, 0.1), (0.32, 0.9), (-0.32, 0.9)])
    cap = _pick(rng, (196, 48, 40), (150, 96, 60))
    spots = ((-0.45, -0.2, 0.13), (0.1, -0.5, 0.15), (0.5, -0.12, 0.12), (-0.05, -0.06, 0.09))
    return [
        _Shape(stem, _tint(rng, (232, 222, 200))),
        _Shape(rim, _tint(rng, (206, 190, 164))),
        _Shape(dome, cap),
        *(_Shape(_ellipse(x, y, r, 0.8 * r), (244, 240, 230)) for x, y, r in spots),
    ]


def _ladybird(rng: Random) -> list[_Shape]:
    wings = _pick(rng, (206, 36, 30), (232, 120, 32))
    dots = ((-0.36, -0.1, 0.15), (0.36, -0.1, 0.15), (-0.32, 0.42, 0.14), (0.32, 0.42, 0.14))
    return [
        _Shape(_ellipse(0, -0.62, 0.38, 0.30), (22, 22, 26)),
        _Shape(_ellipse(0, 0.12, 0.72, 0.80), wings),
        _Shape(_ellipse(0, 0.12, 0.04, 0.80), (22, 22, 26)),
        *(_Shape(_ellipse(x, y, r, r), (22, 22, 26)) for x, y, r in dots),
        _Shape(_ellipse(-0.18, -0.72, 0.07, 0.07), (240, 240, 240)),
        _Shape(_ellipse(0.18, -0.72, 0.07, 0.07), (240, 240, 240)),
    ]


_DRAWN = (_apple, _lemon, _flower, _mushroom, _ladybird)


def _clutter(rng: Random) -> list[_Shape]:
    """Return a pebble, a twig or a leaf: drawn, and not to be found."""
    kind = int(rng.integers(3))
    if kind == 0:
        grey = int(rng.integers(90, 190))
        return [_Shape(_ellipse(0, 0, 0.9, rng.uniform(0.5, 0.9)), (grey, grey, grey - 8))]
    if kind == 1:
        twig = np.array([(-1.8, -0.08), (1.8, -0.14), (1.8, 0.04), (-1.8, 0.12)])
        return [_Shape(twig, _tint(rng, (92, 66, 42)))]
    steps = np.linspace(-1, 1, 24)
    edge = 0.45 * (1 - steps**2)
    leaf = np.concatenate((np.stack((steps, edge), 1), np.stack((steps, -edge), 1)[::-1]))
    vein = np.array([(-1.0, -0.03), (1.0, 0.0), (-1.0, 0.03)])
    green = _pick(rng, (88, 140, 60), (156, 120, 48), (120, 160, 70))
    return [_Shape(leaf, green), _Shape(vein, _brighter(green))]


def _brighter(colour: Colour) -> Colour:
    red, green, blue = (value + (255 - value) * 2 // 5 for value in colour)
    return red, green, blue
