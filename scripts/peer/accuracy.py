"""Torch-Pruning brought to a number of multiply-adds, in the settings that kept most for it."""

from __future__ import annotations

import copy
import time
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from core.data.stream import DataSettings, Stream
from core.pruning.criteria.losses import ImageLoss, resting
from scripts.peer.networks import head_outputs, without_chunk

BEST = "Taylor, multivariable, no normaliser, sum, global"
"""The settings that kept most: see the first table of docs/accuracy.md."""
WAYS: dict[str, dict[str, Any]] = {
    BEST: {
        "importance": lambda: tp.importance.GroupTaylorImportance(
            group_reduction="sum", normalizer=None, multivariable=True
        ),
        "everywhere": True,
    },
    "Taylor, default, local": {
        "importance": tp.importance.GroupTaylorImportance,
        "everywhere": False,
    },
    "Taylor, default, global": {
        "importance": tp.importance.GroupTaylorImportance,
        "everywhere": True,
    },
    "L2, local": {
        "importance": lambda: tp.importance.GroupMagnitudeImportance(p=2),
        "everywhere": False,
    },
}
"""Its importances, and whether one threshold holds everywhere or a ratio in every layer."""
SIDE = 64
SEARCHES = 9


class Peer:
    """Gradients over the training images, once, and networks pruned by them.

    Parameters
    ----------
    loaded : Loaded
    data : DataSettings
    """

    def __init__(self, loaded: Any, data: DataSettings) -> None:
        start = time.perf_counter()
        self.model = without_chunk(resting(loaded.model, "cpu"))
        loss = ImageLoss(self.model)
        for batch in Stream(data, loaded.facts.task, loaded.facts.classes).batches():
            with torch.enable_grad():
                loss(batch).backward()
        self.whole = self._macs(self.model)
        self.gradients = time.perf_counter() - start

    def prune(self, way: dict[str, Any], share: float) -> tuple[nn.Module, float, float]:
        """Return a network near a share of the multiply-adds, its share, and the seconds it took.

        The ratio is searched, since Torch-Pruning takes no target.
        """
        start = time.perf_counter()
        low, high = 0.0, 0.9
        best = self._at(way, high)
        for _ in range(SEARCHES):
            middle = (low + high) / 2
            found = self._at(way, middle)
            if abs(found[1] - share) < abs(best[1] - share):
                best = found
            low, high = (middle, high) if found[1] > share else (low, middle)
        return (*best, self.gradients + time.perf_counter() - start)

    def _at(self, way: dict[str, Any], ratio: float) -> tuple[nn.Module, float]:
        model = copy.deepcopy(self.model)
        for mine, known in zip(model.parameters(), self.model.parameters(), strict=True):
            mine.grad = None if known.grad is None else known.grad.clone()
        tp.pruner.BasePruner(
            model,
            torch.rand(1, 3, SIDE, SIDE),
            importance=way["importance"](),
            pruning_ratio=ratio,
            global_pruning=way["everywhere"],
            ignored_layers=head_outputs(model),
        ).step()
        model.zero_grad(set_to_none=True)
        return model, self._macs(model) / self.whole

    @staticmethod
    def _macs(model: nn.Module) -> float:
        return float(tp.utils.count_ops_and_params(model, torch.rand(1, 3, SIDE, SIDE))[0])
