"""What the graph should show in addition to the network itself. Plain values, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = ("", "selected", "cascade", "coupled", "blocked")
"""What a plan means for a block: nothing, asked for, follows, shares its channels, refused."""


ROLE_WORDS = (
    ("selected", "in the plan"),
    ("cascade", "adjusted automatically"),
    ("coupled", "coupled partner"),
    ("blocked", "blocked"),
)
"""What the roles of blocks are called."""


@dataclass(frozen=True, slots=True)
class GraphState:
    """Everything the graph draws that a plan or the user can change.

    A block or layer that a mapping does not name is drawn as the channel table has it.

    Attributes
    ----------
    widths_in, widths_out : dict of int to int
        Channels a block still reads and still puts out.
    share_kept : dict of int to float
        Part of the block's channels that stay, 0 to 1; the bar.
    roles : dict of int to str
        One of ``ROLES`` for each block.
    locked : frozenset of int
        Blocks the user locked. (What the network itself locks is in the table.)
    eligible : frozenset of int
        Blocks that the independent strategy may take.
    ratios : dict of int to float
        Ratio asked for, 0 to 1.
    overlay : str
        Names what the fill of the blocks tells.
    overlay_scale : str
        The colours it runs through: ``ramp``, or ``heat`` for losses; empty where every block has
        the colour of its part of the network.
    overlay_values : dict of int to float
        Colour of the overlay for each block, 0 (nothing) to 1 (most). Blocks that are missing
        keep their own colour.
    overlay_texts : dict of int to str
        The overlay's figure of each block, instead of its share of the multiply-adds.
    overlay_title : str
        What the overlay's figures are, for the legend.
    overlay_ends : (str, str)
        What the lightest and the strongest of its colours mean, for the legend.
    notes : dict of int to str
        Further lines of the tips of blocks.
    layer_widths : dict of str to (int, int, int, int)
        Layer name to channels (in before, in after, out before, out after).
    highlighted : frozenset of int
        Blocks lit while the pointer rests on another one.
    path : tuple of (int, int)
        The coupling path, as pairs of blocks in order.
    path_text : str
        The reason, drawn next to the path.
    macs_share : dict of int to float
        Part of the (pruned) network's multiply-adds; the table's own where missing.
    gone : frozenset of int
        Blocks that the plan removes as a whole.
    gone_modules : tuple of str
        Modules inside other blocks that it removes, by their dotted names.
    gone_links : frozenset of (int, int)
        Source and block of the connections that end with them.
    gone_texts : dict of int to str
        What goes of a block besides channels: ``−1 unit``.
    """

    widths_in: dict[int, int] = field(default_factory=dict)
    widths_out: dict[int, int] = field(default_factory=dict)
    share_kept: dict[int, float] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    locked: frozenset[int] = frozenset()
    eligible: frozenset[int] = frozenset()
    ratios: dict[int, float] = field(default_factory=dict)
    overlay: str = "none"
    overlay_scale: str = ""
    overlay_values: dict[int, float] = field(default_factory=dict)
    overlay_texts: dict[int, str] = field(default_factory=dict)
    overlay_title: str = ""
    overlay_ends: tuple[str, str] = ("", "")
    notes: dict[int, str] = field(default_factory=dict)
    layer_widths: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    highlighted: frozenset[int] = frozenset()
    path: tuple[tuple[int, int], ...] = ()
    path_text: str = ""
    macs_share: dict[int, float] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    gone_modules: tuple[str, ...] = ()
    gone_links: frozenset[tuple[int, int]] = frozenset()
    gone_texts: dict[int, str] = field(default_factory=dict)
