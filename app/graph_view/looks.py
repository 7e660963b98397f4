"""What each block and line shows, worked out from the table and the state. No Qt.

The items compare these values: only a block whose look changed is painted again.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.graph_view.colours import Palette, ramp_colour
from app.graph_view.state import GraphState
from core.drawing.places import EdgePlace, InsidePlace
from core.graph.table import ChannelTable

TAGS = {"cascade": "follows", "coupled": "coupled", "blocked": "blocked"}


@dataclass(frozen=True, slots=True)
class BlockLook:
    """Everything a block's picture depends on, apart from its place and the palette."""

    title: str
    widths: str
    share: str
    tag: str
    role: str
    fill: str
    kept: float
    locked: bool
    fixed: bool
    eligible: bool
    selected: bool
    focused: bool
    lit: bool
    matched: bool
    pieces: tuple[float, ...]
    layers: tuple[str, ...]
    changed_layers: frozenset[int]


@dataclass(frozen=True, slots=True)
class EdgeLook:
    """Everything a line's picture depends on, apart from its place and the palette."""

    label: str
    role: str
    lit: bool
    path: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """What the view itself knows: selection, keyboard focus, search, hovering."""

    selection: frozenset[int] = frozenset()
    focus: int | None = None
    matches: frozenset[int] = frozenset()
    hovered: int | None = None
    ring: bool = False
    """Whether the focus is drawn: only while a person uses the keyboard."""


def widths_text(before_in: int, before_out: int, after_in: int, after_out: int) -> str:
    """Say a block's or layer's widths; what was there before is named where it changed."""
    inputs = f"{after_in}"
    outputs = f"{after_out}" if after_out == before_out else f"{after_out} of {before_out}"
    return f"{inputs} → {outputs}"


def percent(share: float) -> str:
    """Write a share with as many digits as it deserves."""
    if share <= 0:
        return ""
    if share < 0.0005:
        return "<0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


class Looks:
    """Works looks out for one table.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        total = sum(block.macs for block in table.blocks) or 1
        self.shares = {b.index: b.macs / total for b in table.blocks}
        self.fixed = {b.index: self._is_fixed(b.index) for b in table.blocks}
        self.plain = {
            n: widths_text(i, o, i, o)
            for n, (i, o) in enumerate(
                zip(table.in_counts.tolist(), table.out_counts.tolist(), strict=True)
            )
        }
        self.outputs = {b.index: b.out_channels or self._last_width(b.index) for b in table.blocks}

    def _last_width(self, block: int) -> int:
        """Width of the last layer, for a block that puts out no feature map."""
        layers = self.table.layers_of(block)
        return int(self.table.out_counts[layers[-1]]) if layers else 0

    def _is_fixed(self, block: int) -> bool:
        """Whether the network itself lets no channel of any layer of the block go."""
        table = self.table
        layers = [n for n in table.layers_of(block) if table.layers[n].mixes]
        if not layers:
            return False
        return not any(
            (atoms >= 0).any() and (table.fixed[atoms[atoms >= 0]] < 0).any()
            for atoms in (table.outputs(n) for n in layers)
        )

    def block(
        self,
        index: int,
        state: GraphState,
        marks: Marks,
        palette: Palette,
        inside: InsidePlace | None,
    ) -> BlockLook:
        """Return the look of one block."""
        block = self.table.blocks[index]
        role = state.roles.get(index, "")
        ratio = state.ratios.get(index, 0.0)
        layers, changed = self._layers(inside, state)
        total = block.in_channels or 1
        pieces = tuple(c / total for c in block.source_channels) if block.type == "Concat" else ()
        share = state.macs_share.get(index, self.shares[index])
        return BlockLook(
            title=block.type,
            widths=widths_text(
                block.in_channels,
                self.outputs[index],
                state.widths_in.get(index, block.in_channels),
                state.widths_out.get(index) or self.outputs[index],
            ),
            share=state.overlay_texts.get(index, percent(share)),
            tag=f"−{ratio * 100:.0f} %" if ratio > 0 else TAGS.get(role, ""),
            role=role,
            fill=self._fill(index, state, palette),
            kept=state.share_kept.get(index, 1.0),
            locked=index in state.locked,
            fixed=self.fixed[index],
            eligible=index in state.eligible,
            selected=index in marks.selection,
            focused=marks.ring and index == marks.focus,
            lit=index in state.highlighted or index == marks.hovered,
            matched=index in marks.matches,
            pieces=pieces,
            layers=layers,
            changed_layers=changed,
        )

    def _fill(self, index: int, state: GraphState, palette: Palette) -> str:
        if state.overlay == "stage":
            return palette.stages.get(self.table.blocks[index].stage, palette.box)
        if state.overlay != "none" and index in state.overlay_values:
            return ramp_colour(palette, state.overlay_values[index], state.overlay)
        return ""

    def _layers(
        self, inside: InsidePlace | None, state: GraphState
    ) -> tuple[tuple[str, ...], frozenset[int]]:
        """Return widths of all layers in an opened block, and which of them changed."""
        if inside is None:
            return (), frozenset()
        texts = []
        changed = set()
        for node in inside.nodes:
            if node.layer < 0:
                texts.append("")
                continue
            widths = state.layer_widths.get(node.name)
            if widths is None or (widths[0] == widths[1] and widths[2] == widths[3]):
                texts.append(self.plain[node.layer])
                continue
            texts.append(f"{widths[1]} → {widths[3]}")
            changed.add(node.layer)
        return tuple(texts), frozenset(changed)

    def edge(
        self,
        place: EdgePlace,
        state: GraphState,
        marks: Marks,
        path: frozenset[tuple[int, int]],
    ) -> EdgeLook:
        """Return the look of one line."""
        source = place.source
        kept = state.widths_out.get(source, place.channels) if source >= 0 else place.channels
        before = self.table.blocks[source].out_channels if source >= 0 else place.channels
        changed = kept != before
        on_path = (source, place.target) in path
        return EdgeLook(
            label=str(kept) if changed else place.label,
            role="cascade" if changed else "",
            lit=marks.hovered is not None and marks.hovered in (source, place.target),
            path=on_path,
        )

    # ---- in words ------------------------------------------------------------------------------

    def tip(self, index: int, state: GraphState) -> str:
        """Return the tip of one block: its facts, and what the state adds to them."""
        block = self.table.blocks[index]
        sources = ", ".join("the image" if s < 0 else str(s) for s in block.sources)
        share = percent(state.macs_share.get(index, self.shares[index])) or "0 %"
        lines = [
            f"Block {index}: {block.type}, reads {sources}",
            f"{block.parameters:,} parameters, {block.macs / 1e6:,.0f} M multiply-adds "
            f"({share} of the network's)",
        ]
        if block.reason:
            lines.append(f"Locked: {block.reason}")
        lines += [note for note in (state.notes.get(index),) if note]
        return "\n".join(lines)

    def summary(self, focus: int | None, look: BlockLook | None) -> str:
        """Say what a screen reader should read out: the focused block, or how many there are."""
        if focus is None:
            return f"{len(self.table.blocks)} blocks. The arrow keys move between them."
        block = self.table.blocks[focus]
        words = [f"Block {focus}, {block.type}, {block.stage}, stride {block.stride}"]
        if look is not None:
            words.append(look.widths.replace("→", "to") + " channels")
            words += [w for w in (look.role, "selected" if look.selected else "") if w]
        return ", ".join(dict.fromkeys(words)) + "."
