"""The graph as a comparison sees it: which channels one model still has of another's, and its cost.

While one of these overlays colours the blocks, every width on the graph is the second model's of
the pair, beside the first one's; the plan shows again with any other overlay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.compare import tables
from app.compare.tables import LayerChange, Pair
from app.kit import formats
from core.compare.result import Comparison

if TYPE_CHECKING:
    from app.graph_view.state import GraphState
    from app.state.session import Session

CHANNELS, COST = "compared_channels", "compared_macs"
OVERLAYS = {CHANNELS: "channels left", COST: "GFLOPs saved"}


@dataclass(frozen=True, slots=True)
class BlockChange:
    """How a block differs between two models.

    Attributes
    ----------
    outputs, macs : (int, int)
    inputs : int
        Of the second model.
    left : float or None
        Share of the first model's channels, over all layers of the block, that the second still
        has; None where that is not known, or the block has no layers.
    """

    inputs: int
    outputs: tuple[int, int]
    macs: tuple[int, int]
    left: float | None

    @property
    def saved(self) -> float | None:
        """Share of the multiply-adds that are saved; negative for more, None without any."""
        return 1.0 - self.macs[1] / self.macs[0] if self.macs[0] else None


def block_changes(result: Comparison, pair: Pair) -> dict[int, BlockChange]:
    """Return how the blocks differ that both models of a pair have."""
    _, other = pair
    layers: dict[int, list[LayerChange]] = {}
    for change in tables.layer_changes(result, pair):
        layers.setdefault(change.block, []).append(change)
    found = {}
    for block in result.get("blocks", ()):
        inputs, outputs = block["inputs"][other], _both(block["outputs"], pair)
        number, macs = block["block"], _both(block["macs"], pair)
        if inputs is not None and outputs is not None and macs is not None:
            found[number] = BlockChange(inputs, outputs, macs, _left(layers.get(number, [])))
    return found


def _both(values: Sequence[int | None], pair: Pair) -> tuple[int, int] | None:
    before, after = values[pair[0]], values[pair[1]]
    return None if before is None or after is None else (before, after)


def _left(layers: list[LayerChange]) -> float | None:
    """Return the share of channels that are left over all layers."""
    if not layers or any(layer.common is None for layer in layers):
        return None
    total = sum(layer.outputs[0] or 0 for layer in layers)
    return sum(layer.common or 0 for layer in layers) / total if total else None


def is_shown(session: Session) -> bool:
    """Whether the graph shall show a comparison, and there is one of the open model's kin."""
    result = session.measured.comparison
    return session.overlay in OVERLAYS and result is not None and is_kin(session, result)


def is_kin(session: Session, result: Comparison) -> bool:
    """Whether a comparison is of models that came of the same file as the open one."""
    if session.model is None:
        return False
    from core.checkpoint.facts import origin_of

    origin = origin_of(session.model.facts)
    return any(origin == model.get("origin") for model in result["models"])


def compared_state(session: Session, state: GraphState) -> GraphState:
    """Return what the graph shall show instead of the plan."""
    result = session.measured.comparison
    assert result is not None
    pair = session.measured.pair
    changes = block_changes(result, pair)
    told = tables.names(result)
    total = sum(change.macs[1] for change in changes.values()) or 1
    title = OVERLAYS[session.overlay].capitalize()
    return replace(
        state,
        widths_in={n: change.inputs for n, change in changes.items()},
        widths_out={n: change.outputs[1] for n, change in changes.items()},
        share_kept={n: _kept(change) for n, change in changes.items()},
        roles={},
        eligible=frozenset(),
        ratios={},
        overlay_values=_values(session.overlay, changes),
        overlay_texts=_texts(session.overlay, changes),
        overlay_title=f"{title}: {told[pair[1]]}",
        notes={n: note(change, told[pair[0]], told[pair[1]]) for n, change in changes.items()},
        layer_widths=_layer_widths(result, pair),
        path=(),
        path_text="",
        macs_share={n: change.macs[1] / total for n, change in changes.items()},
    )


def _kept(change: BlockChange) -> float:
    """Return how far the bar of a block reaches."""
    if change.left is not None:
        return change.left
    before, after = change.outputs
    return min(1.0, after / before) if before else 1.0


def _values(overlay: str, changes: dict[int, BlockChange]) -> dict[int, float]:
    shares = {n: c.left if overlay == CHANNELS else c.saved for n, c in changes.items()}
    return {n: max(0.0, share) for n, share in shares.items() if share is not None}


def _texts(overlay: str, changes: dict[int, BlockChange]) -> dict[int, str]:
    """Return the figure of every block; none for those without layers."""
    if overlay == CHANNELS:
        return {n: "" if c.left is None else f"{100 * c.left:.0f} %" for n, c in changes.items()}
    texts = {}
    for number, change in changes.items():
        saved = change.saved
        texts[number] = "" if saved is None else _percent(1.0 - saved)
    return texts


def _percent(share: float) -> str:
    """Write a change without digits that a block has no room for."""
    change = 100 * (share - 1)
    return "0 %" if abs(change) < 0.5 else f"{'−' if change < 0 else '+'}{abs(change):.0f} %"


def note(change: BlockChange, one: str, other: str) -> str:
    """Say in a tip how a block differs."""
    words = (
        [f"{other}: {formats.widths(*change.outputs)} channels out"] if change.outputs[0] else []
    )
    if change.left is not None:
        words.append(f"{100 * change.left:.0f} % of the channels of {one} remain")
    if change.macs[0]:
        words.append(f"GFLOPs {formats.percent(change.macs[1] / change.macs[0])}")
    return "; ".join(words)


def _layer_widths(result: Comparison, pair: Pair) -> dict[str, tuple[int, int, int, int]]:
    """Return inputs and outputs of every layer, before and after."""
    widths: dict[str, tuple[int, int, int, int]] = {}
    for layer in result["channels"]:
        inputs, outputs = _both(layer["inputs"], pair), _both(layer["outputs"], pair)
        if inputs is not None and outputs is not None:
            widths[layer["layer"]] = (*inputs, *outputs)
    return widths
