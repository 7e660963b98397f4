"""The icon in the forms that systems ask for."""

from __future__ import annotations

import numpy as np
from PIL import Image


def test_every_size_is_drawn_with_round_corners(icons) -> None:
    assert {16, 32, 48, 128, 256, 512} <= set(icons.pictures)
    for side, path in icons.pictures.items():
        image = Image.open(path)
        pixels = np.asarray(image)
        assert image.size == (side, side)
        assert image.mode == "RGBA"
        assert pixels[0, 0, 3] < 128  # outside of the round corner
        assert pixels[side // 2, side // 8, 3] == 255
        assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 8


def test_windows_and_macos_get_all_their_sizes(icons) -> None:
    ico = Image.open(icons.ico)
    assert ico.format == "ICO"
    assert {(16, 16), (32, 32), (48, 48), (256, 256)} <= set(ico.info["sizes"])
    icns = Image.open(icons.icns)
    assert icns.format == "ICNS"
    assert {size[0] * size[2] for size in icns.info["sizes"]} >= {32, 128, 256, 512, 1024}


def test_windows_small_picture_is_the_one_drawn_for_it(icons) -> None:
    ico = Image.open(icons.ico)
    ico.size = (16, 16)
    ico.load()
    drawn = np.asarray(Image.open(icons.pictures[16]))
    assert np.abs(np.asarray(ico.convert("RGBA")).astype(int) - drawn).max() <= 2
