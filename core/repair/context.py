"""What every step of repair gets: teacher, correspondence of channels, images, settings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.table import ChannelTable
from core.graph.tensors import tensors_in
from core.plan.widths import Mask, kept_of
from core.progress import Progress, silent
from core.repair.images import Pool

if TYPE_CHECKING:
    from core.repair.judge import Judge


@dataclass(frozen=True, slots=True)
class RepairSettings:
    """How to repair.

    Attributes
    ----------
    steps : tuple of str
        Names in ``core.repair.STEPS``, in order, or ``auto`` alone.
    minutes : float
        Wall-clock time for everything; distillation gets what the other steps leave.
    updates : int or None
        Updates of distillation, instead of as many as the time allows. The result then depends on
        the seed alone, not on the machine's speed.
    batch : int
        Images per update.
    seed : int
    images : int or None
        Images of the split to use at most; all by default, as far as they can be read in a tenth
        of the time, and no more than ``core.repair.images.MOST``.
    """

    steps: tuple[str, ...] = ("auto",)
    minutes: float = 10.0
    updates: int | None = None
    batch: int = 4
    seed: int = 0
    images: int | None = None


@dataclass(frozen=True)
class Context:
    """A pruned network's original, and how their channels correspond.

    Attributes
    ----------
    teacher : nn.Module
        The unpruned network in FP32 and evaluation mode on the device; never changed.
    table : ChannelTable
        Of the teacher.
    removed : bool array, shape (atoms,)
        What the student lacks.
    pool : Pool
        Images.
    settings : RepairSettings
    device : str
        ``cpu``, ``cuda`` …
    deadline : float
        On ``clock``, when all should be done.
    clock : callable
        Seconds.
    progress : Progress
        May cancel.
    judge : Judge or None
        Measures a candidate on the held-out images.
    since : int or None
        The first block in which the student lacks more than channels.
    heirs : mapping of str to str
        Layers that shall deliver what another of the teacher's layers does, which the student
        lacks and which came after them.
    """

    teacher: nn.Module
    table: ChannelTable
    removed: Mask
    pool: Pool
    settings: RepairSettings = RepairSettings()
    device: str = "cpu"
    deadline: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    progress: Progress = field(default=silent)
    judge: Judge | None = None
    since: int | None = None
    heirs: Mapping[str, str] = field(default_factory=dict)

    def with_progress(self, progress: Progress, judge: Judge) -> Context:
        """Return the same for one step, which reports and may measure."""
        return replace(self, progress=progress, judge=judge)

    def kept(self, atoms: np.ndarray[Any, np.dtype[np.int32]]) -> Tensor:
        """Return which of some channels of the teacher the student still has, as indices."""
        index = torch.from_numpy(np.flatnonzero(kept_of(self.removed)[atoms]))
        return index.to(self.device)

    def low_precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context of bfloat16 where the processor has instructions for it."""
        return low_precision(torch.device(self.device))


def low_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return a context of bfloat16 where a device has instructions for it."""
    supported = {
        "cuda": torch.cuda.is_bf16_supported,
        "cpu": torch.cpu._is_avx512_bf16_supported,
    }
    if device.type in supported and supported[device.type]():
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def block_outputs(model: nn.Module, blocks: list[int]) -> Iterator[dict[int, Tensor]]:
    """Collect the outputs of some blocks during every forward pass inside."""
    seen: dict[int, Tensor] = {}
    modules: Any = model.model
    with contextlib.ExitStack() as stack:
        for number in blocks:

            def keep(_m: nn.Module, _in: Any, output: Any, number: int = number) -> None:
                seen[number] = next(iter(tensors_in(output)))

            stack.callback(modules[number].register_forward_hook(keep).remove)
        yield seen


@contextlib.contextmanager
def gradients_pass(model: nn.Module) -> Iterator[None]:
    """Turn off in-place activations inside, so that gradients pass."""
    changed = [m for m in model.modules() if getattr(m, "inplace", False) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        with torch.enable_grad():
            yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]
