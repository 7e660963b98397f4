"""The graph as a comparison sees it: which channels one model still has of another's, and its cost.

While one of these overlays colours the blocks, every width on the graph is the second model's of
the pair, next to the first one's; the plan shows again with any other overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.compare import tables
from app.compare.tables import LayerChange, Pair
from app.kit import formats
from app.state.session import Overlay, Session
from core.compare.result import Comparison

Fields = Callable[[Session], Mapping[str, Any]]


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


def is_kin(session: Session, result: Comparison) -> bool:
    """Whether a comparison is of models with the same origin as the open one."""
    if session.model is None:
        return False
    from core.checkpoint.facts import origin_of

    origin = origin_of(session.model.facts)
    return any(origin == model.get("origin") for model in result["models"])


def has_compared(session: Session) -> bool:
    """While two models of the open network are compared."""
    comparison = session.measured.comparison
    return comparison is not None and is_kin(session, comparison)


def _fields(title: str, read: Callable[[BlockChange], tuple[float | None, str]]) -> Fields:
    """Return what tells the graph's state of the second model of the pair, next to the first.

    Parameters
    ----------
    title : str
        Of what colours the blocks.
    read : callable
        Returns that of a block, as a share and as text; None where it has none.
    """

    def fields(session: Session) -> dict[str, Any]:
        result = session.measured.comparison
        if result is None or not is_kin(session, result):
            return {}
        pair = session.measured.pair
        changes = block_changes(result, pair)
        told = tables.names(result)
        total = sum(change.macs[1] for change in changes.values()) or 1
        shown = {n: read(change) for n, change in changes.items()}
        shares = {n: share for n, (share, _) in shown.items() if share is not None}
        return {
            "widths_in": {n: change.inputs for n, change in changes.items()},
            "widths_out": {n: change.outputs[1] for n, change in changes.items()},
            "share_kept": {n: _kept(change) for n, change in changes.items()},
            "roles": {},
            "eligible": frozenset(),
            "ratios": {},
            "overlay_values": {n: max(0.0, share) for n, share in shares.items()},
            "overlay_texts": {n: text for n, (_, text) in shown.items()},
            "overlay_title": f"{title}: {told[pair[1]]}",
            "notes": {n: note(c, told[pair[0]], told[pair[1]]) for n, c in changes.items()},
            "layer_widths": _layer_widths(result, pair),
            "path": (),
            "path_text": "",
            "macs_share": {n: change.macs[1] / total for n, change in changes.items()},
        }

    return fields


def _kept(change: BlockChange) -> float:
    """Return how far the bar of a block reaches."""
    if change.left is not None:
        return change.left
    before, after = change.outputs
    return min(1.0, after / before) if before else 1.0


def _left_of(change: BlockChange) -> tuple[float | None, str]:
    return change.left, "" if change.left is None else f"{100 * change.left:.0f}%"


def _saved_of(change: BlockChange) -> tuple[float | None, str]:
    return change.saved, "" if change.saved is None else _percent(1.0 - change.saved)


def _percent(share: float) -> str:
    """Write a change without digits that a block has no room for."""
    change = 100 * (share - 1)
    return "0%" if abs(change) < 0.5 else f"{'−' if change < 0 else '+'}{abs(change):.0f}%"


def note(change: BlockChange, one: str, other: str) -> str:
    """Describe in a tip how a block differs."""
    words = (
        [f"{other}: {formats.widths(*change.outputs)} channels out"] if change.outputs[0] else []
    )
    if change.left is not None:
        words.append(f"{100 * change.left:.0f}% of the channels of {one} remain")
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


OVERLAYS = (
    Overlay(
        "compared_channels",
        "&Channels left, compared",
        "Channels left",
        "none",
        "all",
        fields=_fields("Channels left", _left_of),
        shortcut="Ctrl+9",
        tip="Remaining channels of one compared model in the other",
        needs=has_compared,
    ),
    Overlay(
        "compared_macs",
        "GFLOPs sa&ved, compared",
        "GFLOPs saved",
        "0%",
        "100%",
        fields=_fields("GFLOPs saved", _saved_of),
        tip="GFLOPs saved per block between two compared models",
        needs=has_compared,
    ),
)
NAMES = frozenset(overlay.id for overlay in OVERLAYS)
"""While one of these is chosen, the graph shows a comparison."""
