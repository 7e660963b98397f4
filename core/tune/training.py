"""All that one training is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from core.checkpoint import Loaded
from core.system.size import ImageSize
from core.tune.feed import Feed

if TYPE_CHECKING:
    from core.tune.sparsity import Sparsity

Emit = Callable[[dict[str, Any]], None]


@dataclass
class Run:
    """All that one training is about.

    Attributes
    ----------
    student : Loaded
        The network to tune; a copy is trained.
    teacher : Loaded or None
    way : str
        How the teacher is listened to.
    weight : float or None
        Of the teacher.
    feed : Feed
        The images.
    folder : Path
        Where ``last.pt`` and ``best.pt`` go.
    size : ImageSize
        At which accuracy is measured, and that the files name; Ultralytics trains on squares of the
        longer side.
    history : list of dict
        For the files' record of what was done to the network.
    emit : callable
        Told events.
    check : callable
        Called at every batch; raises ``CancelledError``, or waits while training is paused.
    state : mapping or None
        Of the training to continue with.
    sparsity : Sparsity or None
        Which scales are pulled to zero, and how; then the last state is the result.
    aware : bool
        Whether layers round as INT8 does while they train.
    """

    student: Loaded
    teacher: Loaded | None
    way: str
    weight: float | None
    feed: Feed
    folder: Path
    size: ImageSize
    history: list[dict[str, Any]]
    emit: Emit
    check: Callable[[], None]
    state: Mapping[str, Any] | None = None
    validate_every: int | None = None
    hold_statistics: bool = False
    average: float = 0.0
    sparsity: Sparsity | None = None
    aware: bool = False
    smaller_batch: bool = True
    elapsed: float = 0.0
    parameters: int = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = count(self.student.model)

    @property
    def last(self) -> Path:
        """The newest state, with all that training needs to continue."""
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        """The state with the best figure on the validation images."""
        return self.folder / "best.pt"


def count(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
