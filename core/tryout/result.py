"""What networks find on images without labels, as plain data. Needs no torch."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from core.data.labels import Object

STEPS = ("preprocess", "inference", "postprocess")
FLOOR = 0.05
"""Confidence from which on objects are handed on: one can choose any above it afterwards."""
OVERLAP = 0.5
"""From which overlap on two networks found the same object."""


class Milliseconds(TypedDict):
    """How long an image took, as Ultralytics reports it."""

    preprocess: float
    inference: float
    postprocess: float


class TriedNetwork(TypedDict):
    """One network; the first is the baseline.

    Attributes
    ----------
    parameters : int or None
        None of an exported file, which does not say.
    image_size : int or list of int, optional
        The only size that an exported file takes, where it ran at that.
    """

    path: str
    family: str
    parameters: int | None
    image_size: NotRequired[int | list[int]]


class TriedImage(TypedDict):
    """One image, and what every network found on it.

    Attributes
    ----------
    image : str
        The file that shows it; empty for a frame that was not kept.
    title : str
        Its name; of a frame, with its number and time.
    objects : list
        Of every network, by falling confidence.
    milliseconds : list of Milliseconds
        Of every network.
    overlaps : list
        Of every network, what it has in common with the baseline: [number of the baseline's
        object, number of its own, overlap], where the classes are the same.
    maps : list of str, optional
        Where every network finds a map of pixels: of each, the file with it over the image, or an
        empty text where it was not kept. What the colours say is in ``objects``.
    same : list of float, optional
        Then, the share of pixels at which each network finds the same as the baseline, 0 to 1.
    """

    image: str
    title: str
    objects: list[list[Object]]
    milliseconds: list[Milliseconds]
    overlaps: list[list[tuple[int, int, float]]]
    maps: NotRequired[list[str]]
    same: NotRequired[list[float]]


class Unread(TypedDict):
    """A file that cannot be read, and why."""

    file: str
    reason: str


class Tryout(TypedDict):
    """Networks tried on images.

    Attributes
    ----------
    task : str
    image_size : int or list of int
        That networks ran at, unless theirs is in ``networks``.
    device : str
    confidence : float
        From which on objects are in it.
    skipped : list of Unread
    left_out : list of str
        What was not read because there is too much of it, a sentence each.
    """

    task: str
    image_size: int | list[int]
    device: str
    confidence: float
    networks: list[TriedNetwork]
    images: list[TriedImage]
    skipped: list[Unread]
    left_out: list[str]
