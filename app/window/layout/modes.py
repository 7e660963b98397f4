"""Work modes: the order of the work, and what each shows beside or instead of the graph.

A panel that no row names is in the drawer, which every mode has.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode.

    Attributes
    ----------
    id, title : str
    tip : str
        What the mode is for.
    side : tuple of str
        Ids of the panels in the inspector, on the right.
    main : tuple of str
        Ids of the panels in the place of the graph; the graph stays when empty.
    actions : tuple of str
        Ids of the actions on the scorecard; the last is the one to take next.
    """

    id: str
    title: str
    tip: str
    side: tuple[str, ...] = ()
    main: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


MODES: tuple[Mode, ...] = (
    Mode(
        "explore",
        "Explore",
        "See the network: blocks, channels, cost, and what depends on what",
        side=("inspector", "model"),
        actions=("why", "mode_plan"),
    ),
    Mode(
        "plan",
        "Plan",
        "Choose what to remove, by hand or by a goal, and see what is adjusted automatically",
        side=("plan", "choose", "inspector"),
        actions=("prune",),
    ),
    Mode(
        "prune",
        "Prune",
        "Prune a copy, prove it, repair it and save it",
        side=("plan", "inspector"),
        actions=("verify", "prune"),
    ),
    Mode(
        "tune",
        "Fine-tune",
        "Train the pruned network in its new shape",
        main=("tuning", "data"),
        actions=("mode_compare",),
    ),
    Mode(
        "compare",
        "Compare",
        "Measure networks on the same images, or try them on your own",
        main=("compare", "tryout"),
        actions=("mode_ship",),
    ),
    Mode(
        "ship",
        "Ship",
        "Export, time on this computer or another device, and report",
        main=("export", "latency"),
        actions=("report",),
    ),
)


def mode_of(panel: str, current: Mode) -> Mode | None:
    """Return the mode that shows a panel, the current one first; None for the drawer's."""
    for mode in (current, *MODES):
        if panel in (*mode.side, *mode.main):
            return mode
    return None
