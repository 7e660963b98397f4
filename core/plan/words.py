"""Strategies, allocations, representatives, targets: names and explanations for people."""

from __future__ import annotations

from dataclasses import dataclass

REPRESENTATIVES: dict[str, tuple[str, str]] = {
    "medoid": ("the medoid", "Of similar channels, keeps the most typical one"),
    "weight": ("largest weight", "Of similar channels, keeps the one with the largest weights"),
    "gamma": (
        "largest gamma",
        "Of similar channels, keeps the one with the largest BatchNorm scale",
    ),
}

STRATEGIES: dict[str, str] = {
    "structural": "Any selection; all coupled layers are adjusted. The usual choice.",
    "independent": "Only blocks that change nothing but their one reader; the graph marks them.",
    "all_at_once": "One plan for the whole network from one ranking.",
    "one_by_one": "Each entry of the plan on a fresh copy, measured on your images, then kept or "
    "reverted.",
}

ALLOCATIONS: dict[str, tuple[str, str]] = {
    "auto": ("Automatic", "The best measured choice for the selected criterion"),
    "cost": (
        "Least loss per saving",
        "Removes the channels with the lowest score per saving, in the whole network",
    ),
    "global": ("One threshold", "Removes the channels with the lowest scores of the whole network"),
    "isomorphic": ("Within similar groups", "Compares only channels of the same structure"),
    "uniform": ("Same ratio everywhere", "Prunes every block by the same ratio"),
    "ratios": ("Ratios of the plan", "Scales the ratios of the plan, all by the same factor"),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a target is about, for people.

    Attributes
    ----------
    name, tip : str
    wish : str
        What is asked for, with a place for the amount.
    result : str
        What holds once it is met, with a place for the wish.
    unit : str
        Of the amount as people read it.
    one : float
        The amount of one such unit in a target.
    """

    name: str
    tip: str
    wish: str
    result: str = "{} are kept"
    unit: str = "%"
    one: float = 0.01

    @property
    def by_share(self) -> bool:
        """Whether it is a share of the unpruned network's."""
        return self.unit == "%"


TARGETS: dict[str, Quantity] = {
    "macs": Quantity(
        "GFLOPs",
        "Floating-point operations for one image, twice the multiply-adds",
        "{}% of the GFLOPs",
    ),
    "params": Quantity(
        "parameters",
        "The number of weights, which determines the file size",
        "{}% of the parameters",
    ),
    "latency": Quantity(
        "time per image",
        "Share of the unpruned network's time, measured on this machine",
        "{}% of the time per image",
        "{} is left",
    ),
    "latency_ms": Quantity(
        "ms per image",
        "Milliseconds, measured on this machine",
        "{} ms",
        "an image takes {}",
        " ms",
        1.0,
    ),
    "file_bytes": Quantity(
        "file size",
        "Megabytes of the saved file (a million bytes each)",
        "a file of {} MB",
        "{} is enough",
        " MB",
        1e6,
    ),
    "peak_memory": Quantity(
        "peak memory",
        "The most that activations take at once, for one image of the model's image size",
        "{}% of the peak memory",
        "{} is enough",
    ),
}
"""By their keys in a target; what a version's targets do not have is not offered."""
