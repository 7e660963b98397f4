"""Criteria, strategies and allocations: names and explanations for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.plan.schema import Plan


@dataclass(frozen=True, slots=True)
class CriterionWords:
    """A criterion of the engine in words; ``by_images`` tells that it needs a data set."""

    title: str
    tip: str
    by_images: bool = False


C = CriterionWords
CRITERIA: dict[str, CriterionWords] = {
    "l2": C("L2 norm", "Channels with the smallest weights (L2) go first"),
    "l1": C("L1 norm", "Channels with the smallest weights (L1) go first"),
    "bn_scale": C("BatchNorm scale", "Channels that BatchNorm scales down most go first"),
    "lamp": C("LAMP", "Small against the larger channels of the same layer go first"),
    "fpgm": C("Geometric median", "Channels most like the others of their layer go first"),
    "random": C("Random", "For comparison: channels are drawn by lot"),
    "fisher": C("Fisher", "What the loss would miss least on your images goes first", True),
    "taylor": C("Taylor", "Smallest first-order effect on the loss goes first", True),
    "hessian": C("Hessian", "Smallest second-order effect on the loss goes first", True),
    "activation": C("Activation", "What stays quietest on your images goes first", True),
    "separability": C(
        "Class separability",
        "Channels that tell your classes apart least, or repeat another channel, go first",
        True,
    ),
}
"""The engine's own registry is ``core.pruning.criteria``; a test holds the two together."""

REPRESENTATIVES: dict[str, tuple[str, str]] = {
    "medoid": ("the medoid", "Of channels that act alike, the most typical one stays"),
    "weight": ("largest weight", "Of channels that act alike, the one with the largest weights"),
    "gamma": ("largest gamma", "Of channels that act alike, the one BatchNorm scales up most"),
}

STRATEGIES: dict[str, str] = {
    "structural": "Any selection; everything coupled to it follows. The usual choice.",
    "independent": "Only blocks that touch nothing but their own reader; the graph marks them.",
    "all_at_once": "One plan over the whole network from one ranking, one surgery.",
    "one_by_one": "Each line of the plan on a fresh copy, measured on your images, kept or undone.",
}

ALLOCATIONS: dict[str, tuple[str, str]] = {
    "auto": ("Automatic", "What measured best for the criterion chosen"),
    "cost": ("Least loss per saving", "What costs least for what it saves goes first, anywhere"),
    "global": ("One threshold", "The lowest scores of the whole network go first"),
    "isomorphic": ("Within like groups", "Ranks only channels of the same structure together"),
    "uniform": ("Same ratio everywhere", "Every block gives the same share"),
    "ratios": ("Ratios of the plan", "The ratios you gave, raised or lowered together"),
}


def by_images(criterion: str) -> bool:
    """Whether a criterion looks at images."""
    return criterion in CRITERIA and CRITERIA[criterion].by_images


def replays(plan: Plan) -> bool:
    """Whether a plan needs no ranking: exact channels need no images to be removed again."""
    exact = all(entry.channels is not None for entry in plan.selection)
    return plan.target is None and exact and by_images(plan.criterion)


def title(criterion: str) -> str:
    """Return a criterion's name for people."""
    return CRITERIA[criterion].title if criterion in CRITERIA else criterion
