"""What Torch-Pruning needs before it can touch a YOLOv8: C2f without its chunk.

Its tracer cannot follow ``chunk``, so the usual way is to replace the one convolution whose
output is split by two. Used for comparison only.
"""

from __future__ import annotations

import copy

import torch
import torch_pruning as tp
from torch import nn


class SplitFreeC2f(nn.Module):
    """C2f whose first convolution is two."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        width = block.cv1.conv.out_channels // 2
        self.cv0, self.cv1 = (
            self._half(block.cv1, 0, width),
            self._half(block.cv1, width, 2 * width),
        )
        self.cv2, self.m = block.cv2, block.m
        self.f, self.i, self.type = block.f, block.i, block.type

    @staticmethod
    def _half(conv: nn.Module, start: int, end: int) -> nn.Module:
        part = copy.deepcopy(conv)
        part.conv.weight.data = conv.conv.weight.data[start:end].clone()
        part.conv.out_channels = part.bn.num_features = end - start
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(part.bn, name).data = getattr(conv.bn, name).data[start:end].clone()
        return part

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.cv0(x), self.cv1(x)]
        parts.extend(m(parts[-1]) for m in self.m)
        return self.cv2(torch.cat(parts, 1))


def without_chunk(model: nn.Module) -> nn.Module:
    """A copy of a YOLOv8 that Torch-Pruning can trace."""
    changed = copy.deepcopy(model)
    for index, block in enumerate(changed.model):
        if type(block).__name__ == "C2f":
            changed.model[index] = SplitFreeC2f(block)
    for parameter in changed.parameters():
        parameter.requires_grad_(True)
    return changed.eval()


def head_outputs(model: nn.Module) -> list[nn.Module]:
    """The final convolutions of the head, which must keep their outputs."""
    head = model.model[-1]
    return [*(branch[-1] for branch in (*head.cv2, *head.cv3)), head.dfl]


def groups(model: nn.Module, side: int, with_head: bool) -> int:
    """``build_dependency`` plus ``get_all_groups``."""
    graph = tp.DependencyGraph().build_dependency(model, torch.rand(1, 3, side, side))
    ignored = list(model.model[-1].modules()) if not with_head else head_outputs(model)
    return sum(1 for _ in graph.get_all_groups(ignored_layers=ignored))


def pruner(model: nn.Module, side: int) -> tp.BasePruner:
    """A pruner at ratio 0.5, ready to ``step``."""
    return tp.pruner.BasePruner(
        model,
        torch.rand(1, 3, side, side),
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.5,
        ignored_layers=head_outputs(model),
    )
