"""Memory that is not enough, for programs under test.

Imports nothing: windows are tested without torch.
"""

SCARCE = """
import sys
from core.checkpoint import prepare
prepare()
import torch
from core.cli.main import main
from core.tune import trainer

def preprocess_batch(self, batch):
    if len(batch["img"]) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return self._stock.preprocess_batch(batch)

trainer.KeepsShape.preprocess_batch = preprocess_batch
sys.exit(main(sys.argv[1:]))
"""
"""A program in whose trainings two images at a time are too many."""
