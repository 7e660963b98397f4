"""A ranking whose images other processes look at, batch by batch; their sums are made here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.cluster.pool import Pool, raise_failed
from core.data.elsewhere import request_of
from core.graph.table import ChannelTable
from core.graph.weights import weights_sha256
from core.plan.criteria import CRITERIA
from core.plan.masks import pack
from core.plan.schema import Plan
from core.plan.widths import Mask
from core.progress import Progress
from core.pruning.criteria.sums import Floats, MakeSum, batches_of
from core.registry import resolve

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.data.stream import Stream

TASK = "rank"
"""The engine task that looks at batches."""
TURNS = 2
"""Requests for each place of a pool, as far as there are batches: all places end together."""
MOST_BYTES = 16 << 20
"""What one request's answer holds at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Elsewhere:
    """Where images are looked at, and how the network that is ranked is made there.

    Attributes
    ----------
    pool : Pool
    loaded : Loaded
        The network of a file.
    plan : Plan
        Its structure and classes are taken away first.
    table : ChannelTable
        Of what that leaves.
    """

    pool: Pool
    loaded: Loaded
    plan: Plan
    table: ChannelTable

    def scores(
        self, model: nn.Module, table: ChannelTable, criterion: str, stream: Stream, show: Progress
    ) -> Floats:
        """Score the atoms of a network.

        Parameters
        ----------
        model : nn.Module
            What is left of the network after channels were cut, or all of it.
        table : ChannelTable
            Of that.
        criterion : str
            One whose scores come from a sum (`core.plan.criteria.can_be_shared`).
        stream : Stream
            The images; batches are not read here.
        show : Progress
            May cancel.

        Returns
        -------
        float array, shape (atoms,)

        Raises
        ------
        UserError
            For images that are others elsewhere, or what else cannot be mended here.
        """
        make: MakeSum = resolve(CRITERIA[criterion].sum)
        made = make(model, table, "cpu")
        count = batches_of(made, stream)
        request = {
            **request_of(self.loaded, replace(stream.settings, device=self.pool.device)),
            "plan": _structure_of(self.plan),
            "criterion": criterion,
            "removed": pack(_gone(self.table, table)),
            "weights": weights_sha256(model),
            "images_sha256": stream.sha256,
        }
        total = _summed(self.pool, request, table.atom_count, count, show)
        return made.scores(total, len(stream))


def _summed(
    pool: Pool, request: Mapping[str, Any], atoms: int, count: int, show: Progress
) -> Floats:
    """Sum what batches say, in their order, whichever comes first."""
    size = min(-(-count // (TURNS * pool.room)), max(1, MOST_BYTES // (8 * atoms)))
    starts = range(0, count, size)
    requests = [{**request, "batches": [n, min(n + size, count)]} for n in starts]
    total: Floats = np.zeros(atoms)
    waiting: dict[int, Floats] = {}
    following = 0
    for _, event in pool.run(TASK, requests, show):
        raise_failed(event)
        if event["event"] == "partial":
            waiting[event["data"]["batch"]] = numbers_of(event["data"]["sum"])
        while following in waiting:
            total += waiting.pop(following)
            following += 1
    assert following == count  # every task hands on all of its batches, or fails
    return total


def _gone(whole: ChannelTable, left: ChannelTable) -> Mask:
    """Return the atoms that a table was cut by, shape (atoms,)."""
    return _there(whole) & ~_there(left)


def _there(table: ChannelTable) -> Mask:
    found: Mask = np.zeros(table.atom_count, bool)
    for atoms in (table.in_atoms, table.out_atoms):
        found[atoms[atoms >= 0]] = True
    return found


def _structure_of(plan: Plan) -> dict[str, Any] | None:
    """Return what a plan takes away besides channels, as plain data; None where that is nothing."""
    if not plan.restructures:
        return None
    return (
        Plan().model_copy(update={"structure": plan.structure, "classes": plan.classes}).to_json()
    )


def text_of(numbers: Floats) -> str:
    """Write numbers as text, to the last bit."""
    return base64.b64encode(numbers.astype("<f8").tobytes()).decode()


def numbers_of(text: str) -> Floats:
    """Read what `text_of` wrote."""
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
