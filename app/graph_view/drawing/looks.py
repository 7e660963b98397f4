"""What each block and line shows, worked out from the table and the state. No Qt.

The items compare these values: only a block whose look changed is painted again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.graph_view.drawing.colours import Palette, ramp_colour
from app.graph_view.drawing.ghosts import GONE, gone_inside, is_gone, with_gone
from app.graph_view.drawing.scales import Scales
from app.graph_view.drawing.state import ROLE_WORDS, GraphState
from core.drawing.places import EdgePlace, InsidePlace
from core.drawing.shapes import entering, pill_text, width_of
from core.graph.table import ChannelTable
from core.plan.cost import gflops

TAGGED = ("selected", "cascade", "coupled")
"""Roles whose blocks say in figures what goes or changes."""


@dataclass(frozen=True, slots=True)
class PartLook:
    """What a block shows of one source: a piece of a Concat's bar, or a scale of a head.

    ``level`` is the height of its gauge, 0 to 1; ``gone`` whether the plan removes it.
    """

    source: int
    title: str
    widths: str
    share: str
    tag: str
    fill: str
    line: str
    before: int
    after: int
    level: float = 0.0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class BlockLook:
    """Everything a block's picture depends on, apart from its place and the palette.

    ``before`` and ``after`` are the channels it puts out; ``level`` is the height of its gauge,
    0 to 1; ``dim`` whether quiet text can be read on its fill; ``gone`` whether the plan removes
    the block; ``gone_nodes`` and ``gone_lines`` what it removes inside, by their places.
    """

    title: str
    widths: str
    share: str
    tag: str
    role: str
    fill: str
    line: str
    dim: bool
    kept: float
    before: int
    after: int
    level: float
    locked: bool
    fixed: bool
    eligible: bool
    selected: bool
    focused: bool
    lit: bool
    matched: bool
    parts: tuple[PartLook, ...]
    layers: tuple[str, ...]
    changed_layers: frozenset[int]
    gone: bool = False
    gone_nodes: frozenset[int] = frozenset()
    gone_lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class EdgeLook:
    """Everything a line's picture depends on, apart from its place and the palette."""

    label: str
    role: str
    lit: bool
    path: bool
    channels: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What the view itself knows: selection, keyboard focus, search, hovering."""

    selection: frozenset[int] = frozenset()
    focus: int | None = None
    matches: frozenset[int] = frozenset()
    hovered: int | None = None
    ring: bool = False
    """Whether the focus is drawn: only while the user uses the keyboard."""


def widths_text(before_in: int, before_out: int, after_in: int, after_out: int) -> str:
    """Describe a block's or layer's widths; what was there before is named where it changed."""
    inputs = f"{after_in}"
    outputs = f"{after_out}" if after_out == before_out else f"{after_out} of {before_out}"
    return f"{inputs} → {outputs}"


def minus(share: float) -> str:
    """Write what goes, without digits that say nothing: −50%, −12.5%."""
    return f"−{100 * share:.1f}".removesuffix(".0") + "%"


def percent(share: float) -> str:
    """Write a share with as many digits as it deserves."""
    if share <= 0:
        return ""
    if share < 0.0005:
        return "<0.1%"
    return f"{share * 100:.1f}%" if share < 0.0995 else f"{share * 100:.0f}%"


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
        self.scales = Scales(table)
        self.most = max((self._most(b.index) for b in table.blocks), default=0.0) or 1.0
        self.fixed = {b.index: self._is_fixed(b.index) for b in table.blocks}
        self.plain = {
            n: widths_text(i, o, i, o)
            for n, (i, o) in enumerate(
                zip(table.in_counts.tolist(), table.out_counts.tolist(), strict=True)
            )
        }
        self.outputs = {b.index: width_of(table, b) for b in table.blocks}
        self.pills = {
            b.index: pill_text(table, b) for b in table.blocks if not table.layers_of(b.index)
        }

    def _most(self, block: int) -> float:
        """Return the largest share of the cost that one box of a block shows."""
        return self.shares[block] * max(self.scales.plain(block).values(), default=1.0)

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
        layers, changed = self._layers(inside, state)
        gone = gone_inside(index, inside, state)
        before = self.outputs[index]
        after = state.widths_out.get(index) or before
        share = state.macs_share.get(index, self.shares[index])
        locked = index in state.locked
        fill = self._fill(index, state, palette, locked or self.fixed[index])
        look = BlockLook(
            title=self.pills.get(index, block.type),
            widths=widths_text(
                block.in_channels, before, state.widths_in.get(index, block.in_channels), after
            ),
            share=state.overlay_texts.get(index, percent(share)),
            tag=self._tag(index, role, state),
            role=role,
            fill=fill,
            line=palette.lock if locked else palette.stage_lines.get(block.stage, palette.border),
            dim=not state.overlay_scale,
            kept=state.share_kept.get(index, 1.0),
            before=before,
            after=after,
            level=min(1.0, share / self.most),
            locked=locked,
            fixed=self.fixed[index],
            eligible=index in state.eligible,
            selected=index in marks.selection,
            focused=marks.ring and index == marks.focus,
            lit=index in state.highlighted or index == marks.hovered,
            matched=index in marks.matches,
            parts=self._parts(index, state, palette, fill, share),
            layers=with_gone(layers, gone[0], inside),
            changed_layers=changed,
            gone_nodes=gone[0],
            gone_lines=gone[1],
        )
        return _gone(look, palette) if index in state.gone else look

    def _tag(self, index: int, role: str, state: GraphState) -> str:
        """Describe what goes, for a block in the plan, or what changes in one that is adjusted."""
        if role not in TAGGED:
            return ""
        if role == "selected" and index in state.gone_texts:
            ratio = state.ratios.get(index, 0.0)
            return state.gone_texts[index] + (f", {minus(ratio)}" if ratio > 0 else "")
        if role == "selected":
            ratio = state.ratios.get(index, 0.0)
            gone = 1.0 - state.share_kept.get(index, 1.0 - ratio)
            return minus(gone) if ratio > 0 or gone > 0 else ""
        block, before = self.table.blocks[index], self.outputs[index]
        inputs = block.in_channels - state.widths_in.get(index, block.in_channels)
        outputs = before - (state.widths_out.get(index) or before)
        first = (outputs, "out") if role == "coupled" else (inputs, "in")
        second = (inputs, "in") if role == "coupled" else (outputs, "out")
        for count, what in (first, second):
            if count > 0:
                return f"−{count} {what}"
        return "inside"

    def _fill(self, index: int, state: GraphState, palette: Palette, locked: bool) -> str:
        block = self.table.blocks[index]
        if state.overlay_scale and index in state.overlay_values:
            return ramp_colour(palette, state.overlay_values[index], state.overlay_scale)
        if locked:
            return palette.locked
        if index in self.pills and block.type not in self.pills[index]:
            return palette.pill
        return palette.stages.get(block.stage, palette.box)

    def _parts(
        self, index: int, state: GraphState, palette: Palette, fill: str, share: float
    ) -> tuple[PartLook, ...]:
        """Return the pieces of a Concat, or the scales of a head, in order of the sources."""
        block = self.table.blocks[index]
        scales = self.scales.of(index, state.layer_widths)
        if not scales and not (index in self.pills and len(block.sources) > 1):
            return ()
        parts: list[PartLook] = []
        for source, before in entering(self.table, block):
            if (source, index) in state.gone_links:
                title = block.type if scales else ""
                dim = palette.border
                parts.append(
                    PartLook(
                        source, title, GONE, "", "", palette.band, dim, before, before, 0, True
                    )
                )
                continue
            after = state.widths_out.get(source, before) if source >= 0 else before
            stage = self.table.blocks[source].stage if source >= 0 else block.stage
            widths, level, tint = f"{after}", 0.0, palette.stages.get(stage, palette.box)
            line, text = palette.stage_lines.get(stage, palette.border), ""
            if source in scales:
                part = scales[source] * share
                level, tint = min(1.0, part / self.most), fill
                text = self._part_text(index, part, bool(parts), state)
                if state.overlay == "macs" and index in state.overlay_values:
                    value = state.overlay_values[index] * scales[source]
                    tint = ramp_colour(palette, value, state.overlay)
                line = palette.stage_lines.get(block.stage, palette.border)
                widths = self.scales.widths(index, source, before, after, state.layer_widths)
            tag = f"−{before - after} in" if after < before else ""
            title = block.type if scales else ""
            parts.append(
                PartLook(source, title, widths, text, tag, tint, line, before, after, level)
            )
        return tuple(parts)

    def _part_text(self, index: int, part: float, later: bool, state: GraphState) -> str:
        """Describe a scale's share of the cost; an overlay's figure is that of the whole head."""
        if index in state.overlay_texts:
            return "" if later else state.overlay_texts[index]
        return percent(part)

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
        if is_gone(place, state):
            lit = marks.hovered is not None and marks.hovered in (source, place.target)
            return EdgeLook(GONE, "", lit, False, place.channels, True)
        kept = state.widths_out.get(source, place.channels) if source >= 0 else place.channels
        before = self.table.blocks[source].out_channels if source >= 0 else place.channels
        changed = kept != before
        on_path = (source, place.target) in path
        return EdgeLook(
            label=str(kept) if changed else place.label,
            role="cascade" if changed else "",
            lit=marks.hovered is not None and marks.hovered in (source, place.target),
            path=on_path,
            channels=kept,
        )

    # ---- in words ------------------------------------------------------------------------------

    def tip(self, index: int, state: GraphState) -> str:
        """Return the tip of one block: its facts, and what the state adds to them."""
        block = self.table.blocks[index]
        sources = ", ".join("the image" if s < 0 else str(s) for s in block.sources)
        share = percent(state.macs_share.get(index, self.shares[index])) or "0%"
        if index in state.gone:
            return (
                f"Block {index}: {block.type}, removed by the plan: only what is removed reads it"
            )
        lines = [
            f"Block {index}: {block.type}, reads {sources}",
            f"{block.parameters:,} parameters, {gflops(block.macs)} GFLOPs "
            f"({share} of the network)",
        ]
        if block.reason:
            lines.append(f"Locked: {block.reason}")
        lines += [note for note in (state.notes.get(index),) if note]
        return "\n".join(lines)

    def words(self, index: int, look: BlockLook) -> str:
        """Describe a block for a screen reader: what it is, its channels, its part in the plan."""
        block = self.table.blocks[index]
        words = [f"Block {index}, {block.type}, {block.stage}, stride {block.stride}"]
        if look.gone:
            return ", ".join([*words, "removed", *["selected"] * look.selected]) + "."
        words.append(look.widths.replace("→", "to") + " channels")
        role = dict(ROLE_WORDS).get(look.role, "")
        words += [f"{role} {look.tag}".strip()] if role else []
        words += [f"{part.title} {part.source} removed".strip() for part in look.parts if part.gone]
        words += ["locked"] * look.locked
        words += ["cannot be pruned"] * (look.fixed and not look.locked)
        words += ["selected"] * look.selected
        return ", ".join(words) + "."


def _gone(look: BlockLook, palette: Palette) -> BlockLook:
    """Return the look of a block that the plan removes, from that of one that stays."""
    return replace(
        look,
        widths=GONE,
        share="",
        tag="",
        role="",
        fill=palette.band,
        line=palette.border,
        dim=True,
        kept=0.0,
        after=look.before,
        level=0.0,
        locked=False,
        fixed=False,
        eligible=False,
        changed_layers=frozenset(),
        gone=True,
    )
