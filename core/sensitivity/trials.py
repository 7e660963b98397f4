"""Variants of one network, each repaired quickly and judged on images that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.data.stream import DataSettings
from core.plan.widths import Mask
from core.progress import Progress, silent
from core.pruning.criteria.losses import resting
from core.pruning.surgery import cut_network
from core.repair.context import Context
from core.repair.goals import Goal, draw_goals
from core.repair.images import open_pool
from core.repair.judge import Judge
from core.repair.layers import mendable
from core.repair.refit import RefitSettings, images_of, refit
from core.repair.statistics import renew_statistics

if TYPE_CHECKING:
    from torch import nn

    from core.graph.table import ChannelTable
    from core.structure.stage import Stage

HELD_OUT = 2
"""One image in as many is judged on; the others are fitted to."""
QUICK = RefitSettings(ridges=(0.2,), images=48, places=48)
"""How a variant is repaired: enough to tell variants apart."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A variant that was repaired and judged.

    Attributes
    ----------
    lost : float
        Share of that network's mAP50-95 that is gone on the held-out images; where they
        have no labels, ``gap``.
    model : nn.Module
    gap : float
        Distance of the outputs from that network's, in its own unit.
    """

    lost: float
    model: nn.Module
    gap: float


class Trials:
    """Judges what is left of a network under several plans, always on the same images.

    Parameters
    ----------
    stage : Stage
        The network that they are compared with, with all its units.
    data : DataSettings
        Half of the images, or all but 64, are fitted to, the others judged on.
    progress : Progress
        May cancel.
    labels : bool
        Whether labels are looked at.

    Raises
    ------
    UserError
        For images that cannot be used, or a network whose outputs cannot be matched.
    """

    def __init__(
        self,
        stage: Stage,
        data: DataSettings,
        progress: Progress = silent,
        *,
        labels: bool = True,
    ) -> None:
        self._labels = labels
        self._device = data.pick_device()
        self._teacher = resting(stage.teacher(fresh=True), self._device).requires_grad_(False)
        self._pool = open_pool(data.fitted(self._teacher), progress, HELD_OUT)
        classes, task = stage.loaded.facts.classes, stage.loaded.facts.task
        self._judge = Judge(self._teacher, self._pool, data, classes, task, self._device)
        self._goals: dict[str, Goal] | None = None

    def __call__(self, stage: Stage, removed: Mask, progress: Progress = silent) -> Trial:
        """Prune, repair and judge one variant.

        Parameters
        ----------
        stage : Stage
            What structure leaves: units and scales may lack, classes are the same in all variants.
        removed : bool array, shape (atoms,)
            Of that.
        progress : Progress
            May cancel.
        """
        table = stage.analysis.table
        context = Context(
            self._teacher,
            table,
            removed,
            self._pool,
            device=self._device,
            progress=progress,
            since=stage.since,
            heirs=stage.heirs(),
        )
        goals = self._goals or self._draw(context, stage.before.table)
        student = cut_network(stage.loaded.model, table, removed).to(self._device)
        fitted = refit(context, renew_statistics(context, student), QUICK, goals)
        return self._judged(fitted)

    def _draw(self, context: Context, table: ChannelTable) -> dict[str, Goal]:
        """Return what every layer of the unpruned network delivers, once for all variants."""
        own = {name for name, _ in self._teacher.named_modules()}
        every = mendable(table, np.zeros(table.atom_count, bool))
        present = [layer for layer in every if layer.name in own]
        plain = replace(context, heirs={})
        self._goals = draw_goals(plain, present, images_of(context, QUICK.images)[0], QUICK.places)
        return self._goals

    def _judged(self, model: nn.Module) -> Trial:
        measure = self._judge(model, quick=not self._labels)
        if measure.map50_95 is None or not self._judge.original:
            return Trial(measure.gap, model, measure.gap)
        return Trial(1.0 - measure.map50_95 / self._judge.original, model, measure.gap)
