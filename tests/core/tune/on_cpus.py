"""A process of a training on several GPUs, on the CPU instead: all but the devices is real."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from core.checkpoint import prepare

prepare()

from core.tune import run, trainer, worker  # noqa: E402

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


class Plain(nn.parallel.DistributedDataParallel):
    """Gradients are averaged as on GPUs; there is no number of a device."""

    def __init__(self, module: nn.Module, device_ids: Any = None, **more: Any) -> None:
        super().__init__(module, **more)


def start(self: Any, *arguments: Any) -> None:
    real(self, *arguments)
    self.world_size = WORLD


def preprocess_batch(self: Any, batch: Any) -> Any:
    limit = int(os.environ.get("LARGEST_BATCH", 1_000))
    if RANK == 1 and self.batch_size > limit:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return self._stock.preprocess_batch(batch)


if __name__ == "__main__":
    real, kind = trainer.KeepsShape.__init__, trainer.KeepsShape
    nn.parallel.DistributedDataParallel = Plain
    kind.__init__, kind.preprocess_batch = start, preprocess_batch
    kind._setup_ddp = lambda self: dist.init_process_group("gloo")
    run.choose_device = lambda wanted: ("cpu", {"type": "cpu", "name": "CPU"})
    sys.exit(worker.main(sys.argv[1:]))
