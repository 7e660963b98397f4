"""The structure of the open network: what can go, and what the plan leaves of it.

A part of the session. Views subscribe; whatever asks the engine writes through the methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.state.structure.left import Left, key_of
from app.state.structure.parts import Parts

if TYPE_CHECKING:
    from core.plan.latency.clock import Clock
    from core.plan.live import Predictor
    from core.plan.schema import Plan


class Structures(QObject):
    """What is left for the plan's structure, kept by what the plan takes away.

    Until the engine has told of another structure, what was left before stays in force.

    Parameters
    ----------
    use : callable
        The session's own setter of what is left.

    Attributes
    ----------
    left : Left or None
        In force; None where no model is open.
    parts : Parts or None
        What can go; None while that is not known.
    pending : bool
        Whether the plan takes structure away that the engine has not told of yet.

    Signals
    -------
    needed(Plan)
        Find what this plan's structure leaves.
    partsNeeded
        Find what can go.
    partsChanged
    pendingChanged
        The plan's structure is being looked at, or that is over.
    """

    needed = Signal(object)
    partsNeeded = Signal()
    partsChanged = Signal()
    pendingChanged = Signal()

    def __init__(self, use: Callable[[Left], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._use = use
        self.left: Left | None = None
        self.parts: Parts | None = None
        self._known: dict[str, Left] = {}
        self._wanted, self._asked = "", False
        self._clocks: tuple[Clock, Left, Clock] | None = None

    def begin(self, predictor: Predictor | None) -> None:
        """Another model is open, or none."""
        self._known = {} if predictor is None else {"": Left(predictor)}
        self.left, self.parts = self._known.get(""), None
        self._wanted, self._asked, self._clocks = "", False, None

    @property
    def pending(self) -> bool:
        """Whether what is left is that of another plan still."""
        return self.left is not None and self._known.get(self._wanted) is not self.left

    @property
    def digest(self) -> str:
        """Names what is left; empty for the network as it is."""
        return self.left.sha256 if self.left is not None else ""

    def follow(self, plan: Plan) -> None:
        """Let what is left be that of a plan: at once where it is known, or once it is found."""
        if self.left is None:
            return
        before, self._wanted = self._wanted, key_of(plan)
        if self._wanted == before and self.pending:
            return
        if self._wanted not in self._known:
            self.needed.emit(plan)
        elif self.pending:
            self._take(self._known[self._wanted])
        if self._wanted != before:
            self.pendingChanged.emit()

    def add(self, key: str, left: Left) -> None:
        """Take in what a structure leaves; one that was found by another way is the same."""
        same = next((one for one in self._known.values() if one.sha256 == left.sha256), left)
        self._known[key] = same
        if key == self._wanted:
            if same is not self.left:
                self._take(same)
            self.pendingChanged.emit()

    def _take(self, left: Left) -> None:
        self.left = left
        self._use(left)

    def is_wanted(self, key: str) -> bool:
        """Whether the plan still takes this structure away."""
        return key == self._wanted

    # ---- what can go --------------------------------------------------------------------------

    def want_parts(self) -> None:
        """Find what can go, if that is not known yet."""
        if self.left is not None and self.parts is None and not self._asked:
            self._asked = True
            self.partsNeeded.emit()

    def set_parts(self, parts: Parts | None) -> None:
        """Take in what can go; None where it could not be found."""
        self.parts, self._asked = parts, parts is not None
        self.partsChanged.emit()

    # ---- its time -----------------------------------------------------------------------------

    def clock(self, whole: Clock | None) -> Clock | None:
        """Return what tells the milliseconds of what is left, from the clock of the whole."""
        if whole is None or self.left is None or not self.left.sha256:
            return whole
        if self._clocks is None or self._clocks[:2] != (whole, self.left):
            from core.plan.left import clock_left

            self._clocks = whole, self.left, clock_left(whole, self.left.predictor.table)
        return self._clocks[2]
