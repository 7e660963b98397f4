"""What networks find on images, as tables: pure functions of the engine's result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app.kit.formats import percent
from app.kit.table_model import Column
from core.tryout import agreement
from core.tryout.agreement import Count
from core.tryout.pictures import names_of
from core.tryout.result import Milliseconds, Tryout

KEPT = "Objects of the first network that this one finds, too: same class, overlap of 0.5 or more"
LOST = "Objects of the first network that this one does not find"
CHANGE = (
    "Total time from that of the first network, image by image; no difference if the quartiles "
    "lie on both sides"
)
CHANGE_PLACE = 7
"""Of the column with it, which is about all images."""
OBJECT_PLACES, MAP_PLACES = (1, 2, 3, 4), (5,)
"""Of the columns about objects, and of those about maps of pixels."""
SAME = "Pixels with the class that the first network finds, or a depth within 25% of its depth"
NEW = "Objects that this network finds and the first one does not"


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network on one image, or on all.

    Attributes
    ----------
    same : float or None
        Share of the pixels at which it finds the same as the first network, where maps are found.
    spread : float or None
        Of its time in milliseconds; None for few images.
    ratio : (float, float, float) or None
        Quartiles of its time over that of the first network.
    """

    name: str
    path: str
    first: bool
    count: Count
    times: Milliseconds
    same: float | None = None
    spread: float | None = None
    ratio: tuple[float, float, float] | None = None

    @property
    def total(self) -> float:
        """Milliseconds from the image to the objects."""
        return agreement.whole(self.times)


Step = Literal["preprocess", "inference", "postprocess"]
ClassRow = tuple[Any, ...]


def image_rows(result: Tryout, number: int, confidence: float) -> list[NetworkRow]:
    """Return the networks on one image."""
    image = result["images"][number]
    return [
        NetworkRow(
            name,
            result["networks"][network]["path"],
            network == 0,
            agreement.count(image, network, confidence),
            image["milliseconds"][network],
            image["same"][network] if "same" in image else None,
        )
        for network, name in enumerate(names_of(result))
    ]


def all_rows(result: Tryout, confidence: float) -> list[NetworkRow]:
    """Return the networks on all images; times are medians."""
    return [
        NetworkRow(
            name,
            result["networks"][network]["path"],
            network == 0,
            agreement.total(result, network, confidence),
            agreement.typical(result, network),
            agreement.same(result, network),
            agreement.spread(result, network),
            agreement.ratio(result, network) if network else None,
        )
        for network, name in enumerate(names_of(result))
    ]


def class_rows(result: Tryout, confidence: float) -> list[ClassRow]:
    """Return the classes, with how many objects of them every network finds on all images."""
    counts = agreement.class_counts(result, confidence)
    return [(name, *numbers) for name, numbers in counts.items()]


def network_columns() -> tuple[Column[NetworkRow], ...]:
    """Return the columns of networks."""
    return (
        Column("Network", lambda row: row.name, hint=lambda row: row.path),
        _counted("Found", lambda row: row.count.found, "Objects at this confidence or above"),
        _counted("Kept", lambda row: row.count.kept, KEPT, _kept),
        _counted("Lost", lambda row: row.count.lost, LOST, _related(lambda c: c.lost)),
        _counted("New", lambda row: row.count.new, NEW, _related(lambda c: c.new)),
        Column("Same pixels", _same, lambda row: row.same or 0.0, SAME, right=True),
        Column(
            "Total, ms",
            lambda row: _with_spread(row.total, row.spread),
            lambda row: row.total,
            "From the image to the objects; of all images, the median ± half the interquartile "
            "range",
            right=True,
        ),
        Column("Change", _change, lambda row: row.ratio or (), CHANGE, right=True),
        _timed("Preprocess, ms", "preprocess", "Scale the image and make a tensor of it"),
        _timed("Inference, ms", "inference", "The network itself"),
        _timed("Postprocess, ms", "postprocess", "Make objects of what the network puts out"),
    )


def class_columns(result: Tryout) -> tuple[Column[ClassRow], ...]:
    """Return the columns of classes: one for each network."""
    first = Column[ClassRow]("Class", lambda row: str(row[0]))
    return (first, *(_class_column(name, n) for n, name in enumerate(names_of(result), 1)))


def _class_column(name: str, place: int) -> Column[ClassRow]:
    return Column(
        name,
        lambda row: f"{row[place]:,}",
        lambda row: row[place],
        f"Objects that {name} finds on all images at this confidence or above",
        right=True,
    )


def _counted(
    title: str,
    value: Callable[[NetworkRow], int],
    tip: str,
    show: Callable[[NetworkRow], str] | None = None,
) -> Column[NetworkRow]:
    shown = show or (lambda row: f"{value(row):,}")
    return Column(title, shown, value, tip, right=True)


def _same(row: NetworkRow) -> str:
    return "" if row.first or row.same is None else f"{row.same:.1%}"


def _kept(row: NetworkRow) -> str:
    count = row.count
    return "" if row.first else f"{count.kept:,} of {count.kept + count.lost:,}"


def _related(value: Callable[[Count], int]) -> Callable[[NetworkRow], str]:
    return lambda row: "" if row.first else f"{value(row.count):,}"


def _timed(title: str, step: Step, tip: str) -> Column[NetworkRow]:
    def value(row: NetworkRow) -> float:
        return float(row.times[step])

    return Column(title, lambda row: f"{value(row):.2f}", value, tip, right=True)


def _change(row: NetworkRow) -> str:
    if row.ratio is None:
        return ""
    low, middle, high = row.ratio
    return "no difference" if low <= 1.0 <= high else percent(middle)


def _with_spread(value: float, spread: float | None) -> str:
    return f"{value:.2f}" if spread is None else f"{value:.2f} ± {spread:.2f}"
