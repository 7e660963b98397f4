"""Strategies, allocations and representatives: names and explanations for people."""

from __future__ import annotations

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
