"""What a plan's structure leaves of the open network, as the engine found it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.graph.table import ChannelTable
    from core.plan.live import Predictor
    from core.plan.schema import Plan
    from core.plan.why.conflicts import Conflict


@dataclass(frozen=True)
class Left:
    """A network without the structure that some plans take away.

    Attributes
    ----------
    predictor : Predictor
        Predicts what such a plan does, in the layers and blocks of the open network.
    sha256 : str
        Names what is left; empty for the network as it is.
    blocks : frozenset of int
        Blocks that went.
    modules : tuple of str
        Units, branches and parts of the head that went, by their dotted names.
    scales : tuple of int
        Strides of the scales that went.
    conflicts : tuple of Conflict
        What would break if only that were taken out.
    """

    predictor: Predictor
    sha256: str = ""
    blocks: frozenset[int] = frozenset()
    modules: tuple[str, ...] = ()
    scales: tuple[int, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def key_of(plan: Plan) -> str:
    """Name the structure that a plan takes away; empty where it takes channels only.

    Locks count: what they hold may not go.
    """
    if not plan.restructures:
        return ""
    entries = sorted(json.dumps(entry.to_json(), sort_keys=True) for entry in plan.structure)
    return json.dumps([entries, plan.classes, sorted(map(str, plan.locked))])


def structure_only(plan: Plan) -> dict[str, Any]:
    """Return what the engine is asked to take away, as plain data."""
    return plan.model_copy(
        update={"selection": (), "target": None, "model_sha256": None, "strategy": "structural"}
    ).to_json()


def left_from(result: Mapping[str, Any], whole: ChannelTable) -> Left:
    """Read what the engine's task ``restructure`` found.

    Raises
    ------
    UserError
        When its file cannot be read.
    """
    from core.graph.cache import read_table
    from core.plan.left import LeftPredictor
    from core.plan.why.conflicts import Conflict

    table, _ = read_table(Path(result["table"]))
    blocks = frozenset(int(n) for n in result["blocks"])
    return Left(
        LeftPredictor(table, whole, blocks),
        str(result["sha256"]),
        blocks,
        tuple(result["modules"]),
        tuple(int(n) for n in result["scales"]),
        tuple(Conflict(**told) for told in result["conflicts"]),
    )
