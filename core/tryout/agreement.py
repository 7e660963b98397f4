"""What a network keeps of the baseline's objects, at any confidence. Needs no torch.

An object is kept if the other network finds one of its class that overlaps it by 0.5 or more:
boxes, masks or turned boxes by their overlap, poses by the similarity of their keypoints. Objects
are matched in the order of their confidence, each at most once, as Ultralytics matches predictions
to labels. Of an image that is classified, only the likeliest class counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from core.data.labels import Object
from core.tryout.result import OVERLAP, STEPS, Milliseconds, TriedImage, Tryout

FEW = 5
"""Images below which times have no spread."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a network finds on an image at a confidence, next to the baseline.

    Attributes
    ----------
    kept, new : tuple of int
        Numbers of its own objects.
    lost : tuple of int
        Numbers of the baseline's.
    """

    kept: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many objects a network finds, and how they relate to the baseline's."""

    found: int = 0
    kept: int = 0
    lost: int = 0
    new: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.found + other.found,
            self.kept + other.kept,
            self.lost + other.lost,
            self.new + other.new,
        )

    def to_json(self) -> dict[str, int]:
        """Return plain data."""
        return asdict(self)


def counted(objects: Sequence[Object], confidence: float) -> list[int]:
    """Return the numbers of the objects that count at a confidence."""
    sure = [n for n, one in enumerate(objects) if one.get("confidence", -1.0) >= confidence]
    return sure[:1] if objects and "x" not in objects[0] else sure


def outcome(image: TriedImage, network: int, confidence: float) -> Outcome:
    """Return which of the baseline's objects a network keeps on an image.

    Parameters
    ----------
    image : TriedImage
    network : int
        0 is the baseline, which keeps all of its own.
    confidence : float
    """
    before = counted(image["objects"][0], confidence)
    own = counted(image["objects"][network], confidence)
    if not network:
        return Outcome(kept=tuple(own))
    found = matched(image["overlaps"][network], set(before), own)
    lost = set(before) - set(found.values())
    return Outcome(
        tuple(number for number in own if number in found),
        tuple(number for number in own if number not in found),
        tuple(sorted(lost)),
    )


def matched(
    overlaps: Sequence[tuple[int, int, float]], before: Set[int], own: Sequence[int]
) -> dict[int, int]:
    """Return the baseline's object by the number of the one that found it.

    The same as `core.compare.images.match` at the overlap 0.5, for the few pairs that overlap.

    Parameters
    ----------
    overlaps : sequence of (int, int, float)
        Of `TriedImage`.
    before : set of int
        The baseline's objects that count.
    own : sequence of int
        Those of the other network, by falling confidence.
    """
    near: dict[int, list[tuple[float, int]]] = {}
    for one, other, overlap in overlaps:
        if one in before and overlap >= OVERLAP:
            near.setdefault(other, []).append((-overlap, one))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for number in own:
        free = [pair for pair in near.get(number, ()) if pair[1] not in taken]
        if free:
            found[number] = min(free)[1]
            taken.add(found[number])
    return found


def marks(image: TriedImage, network: int, confidence: float) -> list[Object]:
    """Return what to draw of a network: its objects with their outcome, and those it lost."""
    result = outcome(image, network, confidence)
    lost: list[Object] = []
    for number in result.lost:
        gone: Object = {**image["objects"][0][number], "outcome": "lost"}
        del gone["confidence"]
        lost.append(gone)
    drawn = lost
    for number, one in enumerate(image["objects"][network]):
        if number in result.kept:
            drawn.append({**one, "outcome": "kept" if network else "found"})
        elif number in result.new:
            drawn.append({**one, "outcome": "new"})
        elif "x" not in one and one.get("confidence", 1.0) >= confidence:
            drawn.append(one)  # a class that is less likely, or one of a map
    return drawn


def count(image: TriedImage, network: int, confidence: float) -> Count:
    """Count the objects of a network on an image."""
    result = outcome(image, network, confidence)
    kept, new = len(result.kept), len(result.new)
    return Count(kept + new, kept, len(result.lost), new)


def total(result: Tryout, network: int, confidence: float) -> Count:
    """Count the objects of a network on all images."""
    return sum((count(image, network, confidence) for image in result["images"]), Count())


def same(result: Tryout, network: int) -> float | None:
    """Return the share of pixels that a network has in common with the baseline, on all images.

    None where networks find objects, and no maps.
    """
    shares = [image["same"][network] for image in result["images"] if "same" in image]
    return sum(shares) / len(shares) if shares else None


def class_counts(result: Tryout, confidence: float) -> dict[str, list[int]]:
    """Count the objects of every class for every network, the most frequent class first."""
    counts = [
        Counter(
            image["objects"][network][number]["class"]
            for image in result["images"]
            for number in counted(image["objects"][network], confidence)
        )
        for network in range(len(result["networks"]))
    ]
    names = sorted(set().union(*counts), key=lambda name: (-counts[0][name], name))
    return {name: [one[name] for one in counts] for name in names}


def whole(times: Milliseconds) -> float:
    """Return how long an image took from the picture to the objects, in milliseconds."""
    return times["preprocess"] + times["inference"] + times["postprocess"]


def spread(result: Tryout, network: int) -> float | None:
    """Return half the interquartile range of a network's times in milliseconds; None for few."""
    times = [whole(image["milliseconds"][network]) for image in result["images"]]
    if len(times) < FEW:
        return None
    low, _, high = quantiles(times, n=4)
    return (high - low) / 2


def ratio(result: Tryout, network: int) -> tuple[float, float, float] | None:
    """Return the quartiles of a network's time over the baseline's, image by image.

    Both ran on an image one after the other, so that a busy machine was as busy for both.

    Returns
    -------
    (float, float, float) or None
        Lower quartile, median, upper quartile; None for few images.
    """
    rows = [image["milliseconds"] for image in result["images"]]
    found = [whole(row[network]) / whole(row[0]) for row in rows if whole(row[0]) > 0]
    if len(found) < FEW:
        return None
    low, middle, high = quantiles(found, n=4)
    return low, middle, high


def typical(result: Tryout, network: int) -> Milliseconds:
    """Return the median of each step of a network over all images, in milliseconds."""
    rows = [image["milliseconds"][network] for image in result["images"]]
    found: Milliseconds = {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}
    for step in STEPS if rows else ():
        found[step] = round(median(row[step] for row in rows), 3)  # type: ignore[literal-required]
    return found
