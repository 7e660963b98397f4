"""Short distillation from the unpruned network on unlabelled images.

The surviving channels correspond one to one to the teacher's, so blocks are matched channel by
channel (FitNets, 1412.6550, without its regressor), next to the head's outputs (1503.02531; box
distributions as in Localization Distillation, 2102.12252). BatchNorm keeps its statistics: they
are the teacher's, and a few small batches cannot estimate better ones.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.repair.context import Context, block_outputs, gradients_pass
from core.repair.fused import Fused
from core.repair.outputs import output_loss, outputs_of


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """How to distil.

    Attributes
    ----------
    rate : float
        Largest learning rate, at the start of a cosine.
    features : float
        Weight of the blocks' loss, which fades with the same cosine.
    warm : float
        Share of the time in which the rate rises.
    average : float
        Weights are averaged over about this share of the steps done (exponential moving average).
    """

    rate: float = 3e-4
    features: float = 1.0
    warm: float = 0.03
    average: float = 0.05


def apply(context: Context, student: nn.Module) -> tuple[nn.Module, str]:
    """Distil for the time that is left; keep the best of the averages seen on the way.

    Where the student is nearly the teacher, the same rate that fixes a broken one does harm; then
    it starts over, gentler, in the time that remains.
    """
    until = context.deadline - 60 * RESERVE * context.settings.minutes
    tracker = _Tracker(context, student)
    notes = []
    for rate in RATES:
        last, done = distill(context, student, DistillSettings(rate), until, tracker.watch)
        tracker.offer(last)
        notes.append(
            f"{done} updates with batch size {context.settings.batch} at learning rate {rate:g}"
        )
        if not tracker.harmful:
            break
        tracker.harmful = False
    return tracker.best, "; then ".join(notes)


class _Tracker:
    """The nearest network seen so far, by the held-out images."""

    def __init__(self, context: Context, student: nn.Module) -> None:
        self.judge = context.judge
        self.best = student
        self.start = self.least = self._gap(student)
        self.looked = 0.0
        self.harmful = False

    def _gap(self, model: nn.Module) -> float:
        return math.inf if self.judge is None else self.judge(model, quick=True).gap

    def offer(self, model: nn.Module) -> float:
        """Keep a network if it is nearer, or if there is nothing to measure by."""
        gap = self._gap(model)
        if gap < self.least or self.judge is None:
            self.best, self.least = model, gap
        return gap

    def watch(self, average: Callable[[], nn.Module], share: float) -> bool:
        """Look now and then; return whether to continue."""
        if share < self.looked:
            self.looked = 0.0
        if self.judge is None or share < self.looked + LOOK:
            return True
        self.looked = share
        gap = self.offer(average())
        self.harmful = share >= PATIENCE and not gap < self.start
        return not self.harmful


RATES = (3e-4, 6e-5)
"""Learning rates, tried in this order."""
PATIENCE = 0.3
"""Share of the time after which a student must be nearer than at the start."""
LOOK = 0.15
"""Share of the time between two looks at the held-out images."""
RESERVE = 0.05
"""Share of the time kept for measuring the result."""


def distill(
    context: Context,
    student: nn.Module,
    options: DistillSettings,
    until: float,
    watch: Callable[[Callable[[], nn.Module], float], bool] | None = None,
) -> tuple[nn.Module, int]:
    """Return a distilled copy of the student, and how many updates it took.

    Parameters
    ----------
    context : Context
    student : nn.Module
        Not changed.
    options : DistillSettings
    until : float
        On the context's clock; ignored when the settings give a number of updates.
    watch : callable, optional
        Offered the averaged network after every update, with the share of the work done; it
        returns whether to continue.
    """
    settings = context.settings
    trial = copy.deepcopy(student).float().to(context.device).eval()
    fused = Fused(trial, context.table)
    trial = trial.to(memory_format=torch.channels_last)
    trainable = _trainable(trial)
    average = copy.deepcopy(trial)
    optimizer = torch.optim.AdamW(trainable, options.rate, weight_decay=0.0)
    rng = np.random.default_rng([settings.seed, 7])
    start, done = context.clock(), 0
    with Matcher(context, trial) as matcher, gradients_pass(trial):
        while True:
            spent = (context.clock() - start) / max(until - start, 1e-9)
            share = spent if settings.updates is None else done / settings.updates
            if share >= 1:
                break
            fade = 0.5 + 0.5 * math.cos(math.pi * share)
            for group in optimizer.param_groups:
                group["lr"] = options.rate * min(1.0, (share + 1e-3) / options.warm) * fade
            batch = context.pool.views(rng, settings.batch).to(context.device)
            loss = matcher(batch, options.features * fade)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trainable, LARGEST_STEP)
            optimizer.step()
            done += 1
            _blend(average, trial, max(1.0 / (1.0 + options.average * done), 1.0 / (1 + done)))
            context.progress(share, f"update {done}")
            if watch and not watch(lambda: fused.undo(copy.deepcopy(average)), share):
                break
    return fused.undo(average), done


LARGEST_STEP = 10.0
"""Gradients are clipped to this norm."""


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    """Let weights learn, but for the fixed bins of box distributions."""
    chosen = []
    for name, parameter in model.named_parameters():
        learns = parameter.is_floating_point() and ".dfl." not in name
        parameter.requires_grad_(learns)
        if learns:
            chosen.append(parameter)
    return chosen


@torch.no_grad()
def _blend(average: nn.Module, trial: nn.Module, share: float) -> None:
    for mine, new in zip(average.parameters(), trial.parameters(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(new, share)


FINEST = 8
"""Blocks of a smaller stride are not matched: large maps, and little is cut there."""


class Matcher:
    """The loss of a student: its blocks and outputs against the teacher's on the same images."""

    def __init__(self, context: Context, student: nn.Module) -> None:
        self.context = context
        self.student = student
        teacher = copy.deepcopy(context.teacher).requires_grad_(False)
        Fused(teacher, context.table)
        self.teacher = teacher.to(memory_format=torch.channels_last)
        blocks = context.table.blocks[:-1]
        self.blocks = [b.index for b in blocks if b.spatial and b.parameters and b.stride >= FINEST]
        self.kept = {n: context.kept(context.table.blocks[n].out_atoms) for n in self.blocks}
        self._stack = contextlib.ExitStack()
        self.scale: dict[int, Tensor] = {}

    def __enter__(self) -> Matcher:
        self._mine = self._stack.enter_context(block_outputs(self.student, self.blocks))
        self._wanted = self._stack.enter_context(block_outputs(self.teacher, self.blocks))
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stack.close()

    def __call__(self, batch: Tensor, features: float) -> Tensor:
        """Return the loss on a batch, its blocks' part weighted by ``features``."""
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self.context.low_precision():
            wanted = outputs_of(self.teacher(batch))
        with self.context.low_precision():
            mine = outputs_of(self.student(batch))
        loss = output_loss(mine, wanted)
        if features and self.blocks:
            blocks = torch.stack([self._gap(n) for n in self.blocks]).mean()
            loss = loss + features * blocks
        return loss

    def _gap(self, number: int) -> Tensor:
        """Squared difference of a block's outputs relative to the teacher's variance."""
        wanted = self._wanted[number].float().index_select(1, self.kept[number])
        mine = self._mine[number].float()
        if number not in self.scale:
            self.scale[number] = wanted.var(dim=(0, 2, 3), keepdim=True) + 1e-3
        return ((mine - wanted).square() / self.scale[number]).mean()
