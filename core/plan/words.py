"""Strategies, allocations and representatives: names and explanations for people."""

from __future__ import annotations

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
