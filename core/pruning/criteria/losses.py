"""The network's own training loss, image by image, with its weights and statistics at rest."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from core.data.stream import Batch


class ImageLoss:
    """Loss of every image on its own, so that a score does not depend on its batch.

    Ultralytics divides its detection loss by the batch's assigned targets; here each image is
    divided by its own.

    Parameters
    ----------
    model : nn.Module
        Its ``args`` are completed where the file left gains out.
    """

    def __init__(self, model: Any) -> None:
        from ultralytics.cfg import get_cfg

        stored = getattr(model, "args", {}) or {}
        known = vars(get_cfg())
        stored = stored if isinstance(stored, dict) else vars(stored)
        model.args = get_cfg(overrides={k: v for k, v in stored.items() if k in GAINS & set(known)})
        head = model.model[-1]
        if not hasattr(model, "nc") and hasattr(head, "nc"):
            model.nc = head.nc  # RT-DETR's loss reads it from the model, its file may not have it
        self.model = model
        self.separable = type(model).__name__ != "RTDETRDetectionModel"
        self.criterion = model.init_criterion() if self.separable else None

    def __call__(self, batch: Batch) -> Tensor:
        """Return the sum over images of each image's loss."""
        predictions = self.model(batch["img"])
        images = len(batch["img"])
        if self.criterion is None or images == 1:
            loss = self.model.loss(batch, predictions)[0]
            return torch.as_tensor(loss).sum()
        parts = [
            self.criterion(_one(predictions, n, images), _labels(batch, n))[0].sum()
            for n in range(images)
        ]
        return torch.stack(parts).sum()


GAINS = {"box", "cls", "dfl", "pose", "kobj", "rle", "angle", "overlap_mask", "mask_ratio"}
"""Settings of the loss that a checkpoint may bring along."""


def _one(value: Any, index: int, images: int) -> Any:
    """Return one image's share of nested predictions."""
    if isinstance(value, Tensor):
        batched = value.ndim > 0 and value.shape[0] == images
        return value[index : index + 1] if batched else value
    if isinstance(value, dict):
        return {key: _one(part, index, images) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_one(part, index, images) for part in value)
    return value


def _labels(batch: Batch, index: int) -> Batch:
    """Return the labels of one image as a batch of one."""
    mine = batch["batch_idx"] == index
    count = len(batch["batch_idx"])
    images = len(batch["img"])
    one: Batch = {}
    for key, value in batch.items():
        if not isinstance(value, Tensor):
            one[key] = value
        elif value.ndim and value.shape[0] == images and key in ("img", "masks", "sem_masks"):
            one[key] = value[index : index + 1]
        elif value.ndim and value.shape[0] == count:
            one[key] = value[mine]
        else:
            one[key] = value
    one["batch_idx"] = torch.zeros_like(batch["batch_idx"][mine])
    return one


def resting(model: nn.Module, device: str) -> nn.Module:
    """Return a copy in FP32 and evaluation mode on a device, for gradients to pass through."""
    trial = copy.deepcopy(model).float().to(device).eval()
    for module in trial.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return trial
