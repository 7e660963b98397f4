"""What will really go of a block: one figure for slider, badge, inspector and tables.

What was asked for is rounded, limited by what has to stay, and raised by what other blocks take
along; only the prediction knows what results from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state import plan_edits

if TYPE_CHECKING:
    from app.state.session import Session


@dataclass(frozen=True, slots=True)
class Removal:
    """Channels before and after, and the ratio that was asked for.

    Attributes
    ----------
    before, after : int
        Channels of the block's own layers that are left, or of one layer.
    asked : float or None
        The ratio that the plan names; None where it names exact channels, or nothing.
    """

    before: int
    after: int
    asked: float | None = None

    @property
    def share(self) -> float:
        """Part that goes, 0 to 1."""
        return 1.0 - self.after / self.before if self.before else 0.0

    @property
    def text(self) -> str:
        """The share in a word: −12.5%."""
        figure = f"{100 * self.share:.1f}".removesuffix(".0")
        return f"−{figure}%" if figure != "0" else "0%"

    @property
    def words(self) -> str:
        """The share with the channels it comes from: 112 of 128 channels stay: −12.5%."""
        return f"{self.after} of {self.before} channels stay: {self.text}"

    @property
    def tip(self) -> str:
        """The words, and what was asked for."""
        asked = "" if self.asked is None else f" (asked: {100 * self.asked:.3g}%)"
        return self.words + asked


def of_block(session: Session, block: int) -> Removal:
    """Return what goes of a block under the predicted plan."""
    entry = plan_edits.entry_of(session.plan, block)
    asked = None if entry is None else entry.ratio
    prediction, model = session.prediction, session.model
    if prediction is None or model is None:
        return Removal(0, 0, asked)
    left, index = model.left, model.table.index
    own = [n for n in left.layers_of(block) if left.layers[n].mixes]
    before = sum(int(left.out_counts[n]) for n in own)
    after = sum(int(prediction.after.outputs[index[left.layers[n].name]]) for n in own)
    return Removal(before, after, asked)


def of_layer(session: Session, name: str, asked: float | None = None) -> Removal:
    """Return what goes of one layer; nothing of one that is missing."""
    prediction, model = session.prediction, session.model
    number = None if model is None else model.left.resolve_layer(name)
    if prediction is None or model is None or number is None:
        return Removal(0, 0, asked)
    layer = model.left.layers[number].name
    after = int(prediction.after.outputs[model.table.index[layer]])
    return Removal(int(model.left.out_counts[number]), after, asked)


def largest(session: Session, blocks: Iterable[int]) -> Removal | None:
    """Return the largest removal among blocks that the plan names; None where it names none."""
    named = plan_edits.named_blocks(session.plan)
    found = [of_block(session, block) for block in blocks if block in named]
    return max(found, key=lambda removal: removal.share, default=None)


def stepped(session: Session, blocks: Iterable[int], step: float) -> plan_edits.Edit:
    """Raise or lower what is asked of each block, from what it is; the rest of the plan stays.

    Where the plan names layers of a block, as a suggestion does, each of them is stepped from its
    own share, so that what is cut more than the others stays so.
    """

    def share(name: str) -> float:
        return of_layer(session, name).share

    return plan_edits.step_ratio(session.plan, blocks, step, share)


def shares(session: Session) -> dict[int, float]:
    """Return what part really goes of each block that the plan names, 0 to 1."""
    return {b: of_block(session, b).share for b in plan_edits.named_blocks(session.plan)}
