"""What a node of Slurm runs that dies, or does not end."""

from __future__ import annotations

from core.cluster import slurm_pool
from tests.core.cluster import deadly


class Errand(slurm_pool.Errand):
    """Does what `deadly` does in the place of the work."""

    def __call__(self) -> None:
        slurm_pool.work = deadly.work
        super().__call__()
