"""Networks that another runtime runs: they are evaluated as those in memory are."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.system.size import ImageSize


class RuntimeNetwork(nn.Module):
    """A network that has no layers here, and what evaluating asks of any network.

    Parameters
    ----------
    task : str
    stride : int
        What the sides of images are multiples of, in pixels.
    channels : int
        Of an image.
    queries : bool
        Whether it is an RT-DETR, which wants squashed images and no NMS.

    Attributes
    ----------
    image_size : ImageSize or None
        The only size that it takes; None where it takes any.
    batch : int
        Images at once; 0 where it takes any number.
    """

    image_size: ImageSize | None = None
    batch: int = 0

    def __init__(self, task: str, stride: int, channels: int, *, queries: bool = False) -> None:
        super().__init__()
        self.task, self.queries = task, queries
        self.stride = torch.tensor([float(stride)])
        self.yaml = {"channels": channels}

    @abstractmethod
    def opened(self, device: torch.device) -> Any:
        """Return Ultralytics' wrapper of it, called with images as its validators prepare them."""

    @abstractmethod
    def place(self, device: str) -> str:
        """Return the device that it runs on where one is wanted; empty is any."""

    def fitted(self, settings: DataSettings) -> DataSettings:
        """Return settings with the size, batch, channels and device that it runs with."""
        fitted = replace(settings.fitted(self), device=self.place(settings.device))
        if self.image_size is not None:
            fitted = replace(fitted, image_size=self.image_size)
        return replace(fitted, batch=self.batch) if self.batch else fitted


def kind_of(model: nn.Module, task: str) -> str:
    """Return which validator and predictor a network needs: its task's, or RT-DETR's."""
    if isinstance(model, RuntimeNetwork):
        return "rtdetr" if model.queries else task
    return "rtdetr" if type(model).__name__ == "RTDETRDetectionModel" else task
