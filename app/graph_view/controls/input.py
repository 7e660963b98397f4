"""Clicks and keys of the graph view: turned into requests, never into changes.

Arrows move the focus to the next block in that direction, Enter opens and closes it, Space toggles
its selection, Escape selects none; + and - zoom, 0 shows everything, Home goes to the first block,
[ and ] to the block read and to the next reader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QKeyEvent

from app.graph_view.drawing.scene import GraphScene

Mods = Qt.KeyboardModifier
ADDS = Mods.ControlModifier | Mods.ShiftModifier
NO_BLOCK = -1
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class InputTarget(Protocol):
    """What pointer and keyboard act on: the view, as far as they know it.

    The signals are requests to whoever owns the state; the methods change only what is shown.
    ``GraphView`` reports what each signal carries.
    """

    @property
    def selectionRequested(self) -> SignalInstance:
        """Blocks, and ``replace``, ``toggle`` or ``add``."""

    @property
    def ratioStepped(self) -> SignalInstance:
        """A block, and steps of the wheel."""

    @property
    def blockHovered(self) -> SignalInstance:
        """The block under the pointer, or None."""

    @property
    def layerClicked(self) -> SignalInstance:
        """The name of a layer."""

    @property
    def contextMenuRequested(self) -> SignalInstance:
        """A block or ``NO_BLOCK``, and a place on the screen."""

    def toggle_block(self, block: int) -> None:
        """Open or close a block."""

    def focus_block(self, block: int) -> None:
        """Give a block the keyboard focus and bring it to the middle."""

    def move_focus(self, block: int) -> None:
        """Give a block the keyboard focus, and move only as far as it needs to be seen."""

    def zoom_in(self) -> None:
        """Zoom in about the middle."""

    def zoom_out(self) -> None:
        """Zoom out about the middle."""

    def fit(self) -> None:
        """Show the whole drawing."""

    def jump(self, direction: str) -> int | None:
        """Go to a neighbour along the lines."""


class SelectionInput:
    """What a click or a key on a block asks of the selection.

    Parameters
    ----------
    scene : GraphScene
    target : InputTarget
    """

    def __init__(self, scene: GraphScene, target: InputTarget) -> None:
        self._scene, self._target = scene, target
        self._anchor: int | None = None

    def forget(self) -> None:
        """Drop everything that named a block of the network before."""
        self._anchor = None

    def click(self, block: int, modifiers: Mods) -> None:
        """Ask for what a click on a block means under these modifiers."""
        if modifiers & Mods.ShiftModifier and self._anchor is not None:
            low, high = sorted((self._anchor, block))
            self._ask(frozenset(range(low, high + 1)), "add")
        elif modifiers & Mods.ShiftModifier:
            self._anchor = block
            self._ask(frozenset({block}), "add")
        elif modifiers & Mods.ControlModifier:
            self.toggle(block)
        else:
            self._anchor = block
            self._ask(frozenset({block}), "replace")

    def toggle(self, block: int) -> None:
        """Ask for one block to be added or taken away."""
        self._anchor = block
        self._ask(frozenset({block}), "toggle")

    def take(self, blocks: frozenset[int], modifiers: Mods = Mods.NoModifier) -> None:
        """Ask for several blocks, besides those selected where a modifier is held."""
        self._ask(blocks, "add" if modifiers & ADDS else "replace")

    def clear(self) -> None:
        """Ask for no block at all."""
        self._ask(frozenset(), "replace")

    def _ask(self, blocks: frozenset[int], mode: str) -> None:
        self._target.selectionRequested.emit(blocks, mode)


class Keyboard:
    """Moves the focus, opens, selects and zooms by key.

    Parameters
    ----------
    scene : GraphScene
    selection : SelectionInput
        Shared with the pointer: a range may begin with a key and end with a click.
    target : InputTarget
    """

    def __init__(self, scene: GraphScene, selection: SelectionInput, target: InputTarget) -> None:
        self._scene, self._selection, self._target = scene, selection, target
        self._jumps: dict[tuple[int, str], int] = {}
        self._space = self._dragged = False

    def forget(self) -> None:
        """Drop everything that named a block of the network before."""
        self._jumps.clear()
        self._space = False

    def takes_drag(self) -> bool:
        """Whether a press of the pointer moves the drawing because Space is down.

        Space that was held for a drag selects nothing when it is released.
        """
        self._dragged |= self._space
        return self._space

    def press(self, event: QKeyEvent) -> bool:
        """Do what a key represents; returns whether it represents something here."""
        if self._scene.layout is None:
            return False
        key, text = Qt.Key(event.key()), event.text()
        focus, blocks = self._scene.marks.focus, self._scene.blocks
        control = bool(event.modifiers() & Mods.ControlModifier)
        if key in ARROWS and not control:
            self._step_focus(*ARROWS[key])
        elif key == Qt.Key.Key_Home:
            self._target.focus_block(min(blocks))
        elif key == Qt.Key.Key_End:
            self._target.focus_block(max(blocks))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and focus is not None:
            self._target.toggle_block(focus)
        elif key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space, self._dragged = True, False
        elif key == Qt.Key.Key_Escape:
            self._selection.clear()
        elif text in KEY_ACTIONS:
            KEY_ACTIONS[text](self._target)
        else:
            return False
        return True

    def release(self, event: QKeyEvent) -> bool:
        """Select or unselect the focused block, unless Space was held for a drag."""
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat() or not self._space:
            return False
        self._space = False
        focus = self._scene.marks.focus
        if focus is not None and not self._dragged:
            self._selection.toggle(focus)
        return True

    def leave(self) -> None:
        """Notice that another part of the window has the keyboard now."""
        self._space = False

    def _step_focus(self, dx: int, dy: int) -> None:
        """Move the focus to the nearest block in a direction; straight ahead counts as nearer."""
        assert self._scene.layout is not None
        boxes = self._scene.layout.by_index
        focus = self._scene.marks.focus
        if focus is None:
            self._target.move_focus(min(boxes))
            return
        x, y = boxes[focus].middle
        best: tuple[float, int] | None = None
        for index, box in boxes.items():
            if index == focus:
                continue
            ahead = (box.middle[0] - x) * dx + (box.middle[1] - y) * dy
            # Boxes are compared by their nearest edge across the direction: heads are tall.
            if dx:
                aside = max(box.y - y, y - box.bottom, 0.0)
            else:
                aside = max(box.x - x, x - box.right, 0.0)
            if ahead > 1 and (best is None or (ahead + 3 * aside, index) < best):
                best = (ahead + 3 * aside, index)
        if best is not None:
            self._target.move_focus(best[1])

    def neighbour(self, direction: str) -> int | None:
        """Return the focused block's next ``source`` or ``target``, each in its turn."""
        table, focus = self._scene.table, self._scene.marks.focus
        if table is None:
            return None
        if focus is None:
            return min(self._scene.blocks)
        if direction == "source":
            found = [s for s in table.blocks[focus].sources if s >= 0]
        else:
            found = [b.index for b in table.blocks if focus in b.sources]
        if not found:
            return None
        turn = self._jumps.get((focus, direction), 0)
        self._jumps[focus, direction] = turn + 1
        return found[turn % len(found)]


GESTURES = (
    ("Wheel, pinch", "Zoom at the pointer"),
    ("Drag, two fingers", "Move the graph; with Space also over blocks"),
    ("Alt+wheel", "Prune more or less of the block under the pointer"),
    ("Click; Ctrl, Shift", "Select a block; add or remove, extend"),
    ("Ctrl or Shift and drag", "Select by a frame"),
    ("Double-click, Enter", "Open or close a block"),
    ("Arrows", "Go to the next block in that direction"),
    ("Space", "Select or unselect the block with the focus"),
    ("Escape", "Select none"),
    ("[  ]", "Go to a source, to a reader"),
    ("Home, End", "Go to the first, to the last block"),
    ("+  -  0", "Zoom in, zoom out, fit"),
)
"""What pointer and keys do in the graph, for people."""

KEY_ACTIONS: dict[str, Callable[[InputTarget], object]] = {
    "+": lambda target: target.zoom_in(),
    "=": lambda target: target.zoom_in(),
    "-": lambda target: target.zoom_out(),
    "0": lambda target: target.fit(),
    "[": lambda target: target.jump("source"),
    "]": lambda target: target.jump("target"),
}
