"""The accuracy of many cuts of one network: in the order that shares most, a thread per core."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from core.data.stream import _quiet
from core.data.validation import Accuracy, Validation
from core.errors import CancelledError
from core.graph.table import ChannelTable
from core.plan.widths import Mask
from core.progress import Forward, Progress, Span, silent
from core.sensitivity.trunk import State, Tail, Trunk, first_change

if TYPE_CHECKING:
    from torch import nn

WORKERS = 4
"""Cuts evaluated at once on a CPU at most; each holds a network."""
TICK_S = 0.2
"""How often a wait looks whether it is cancelled."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Atoms to remove, and what the caller knows the cut by."""

    name: int
    removed: Mask
    first: int


class CutEvaluator:
    """Evaluates cuts of one network.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
        Of that network.
    validation : Validation
    workers : int, optional
        Cuts evaluated at once; on a CPU one per core by default (torch's number of threads), since
        small convolutions gain less from many cores than separate networks do; 1 on a GPU.
    room : int, optional
        Bytes that shared activations may take; a quarter of the free memory by default.
    """

    def __init__(
        self,
        model: nn.Module,
        table: ChannelTable,
        validation: Validation,
        *,
        workers: int | None = None,
        room: int | None = None,
    ) -> None:
        self._table = table
        self._trunk = Trunk(validation, model, room)
        self._batches = len(validation)
        on_cpu = validation.device.type == "cpu"
        self._threads = torch.get_num_threads()
        self._workers = workers or (min(WORKERS, self._threads) if on_cpu else 1)
        self._stop = threading.Event()

    def baseline(self, progress: Progress = silent) -> Accuracy:
        """Return the accuracy of the uncut network."""
        return self._trunk.baseline(progress)

    def evaluate(
        self, cuts: Sequence[Mask], progress: Progress = silent
    ) -> Iterator[tuple[int, Accuracy]]:
        """Yield the accuracy of every cut, by its place among ``cuts``, as it is found.

        Parameters
        ----------
        cuts : sequence of bool array, shape (atoms,)
            Each must remove something.
        progress : Progress
            May cancel; then the cuts under way end at their next batch.
        """
        known = [Cut(n, cut, first_change(self._table, cut)) for n, cut in enumerate(cuts)]
        known.sort(key=lambda cut: cut.first)
        pool = ThreadPoolExecutor(self._workers, "cut", self._set_threads)
        running: dict[Future[Accuracy], Cut] = {}
        done, progress = 0, Forward(progress)  # the network runs up to cuts that are counted later
        self._stop.clear()
        try:
            for first, group in itertools.groupby(known, lambda cut: cut.first):
                here = Span(progress, done / len(cuts), (done + 1) / len(cuts))
                states = self._trunk.snapshot(first, here)
                for members in [list(group)] if states is None else [[cut] for cut in group]:
                    limit = self._workers if states is not None else 0
                    for pair in self._collect(running, limit, done, len(cuts), progress):
                        done += 1
                        yield pair
                    if states is not None:
                        running[pool.submit(self._one, members[0], states)] = members[0]
                        continue
                    for pair in self._together(members, first, here):
                        done += 1
                        yield pair
            yield from self._collect(running, 0, done, len(cuts), progress)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(self._threads)

    def _set_threads(self) -> None:
        torch.set_num_threads(max(1, self._threads // self._workers))

    def _collect(
        self,
        running: dict[Future[Accuracy], Cut],
        limit: int,
        done: int,
        total: int,
        progress: Progress,
    ) -> Iterator[tuple[int, Accuracy]]:
        """Wait until no more than ``limit`` cuts are under way."""
        while len(running) > limit:
            progress(done / total, f"Evaluated {done} of {total}")
            ended, _ = wait(running, TICK_S, FIRST_COMPLETED)
            for future in ended:
                done += 1
                yield running.pop(future).name, future.result()

    def _one(self, cut: Cut, states: Sequence[State]) -> Accuracy:
        tail = Tail(self._trunk, self._table, cut.removed, cut.first)
        with torch.inference_mode(), _quiet():
            for state in states:
                if self._stop.is_set():
                    raise CancelledError
                tail.add(state)
        return tail.result()

    def _together(
        self, cuts: Sequence[Cut], first: int, progress: Progress
    ) -> Iterator[tuple[int, Accuracy]]:
        """Evaluate cuts side by side, batch by batch, where activations do not fit into memory."""
        for some in _chunks(cuts, WORKERS):
            tails = [Tail(self._trunk, self._table, cut.removed, first) for cut in some]
            with torch.inference_mode(), _quiet():
                for number in range(self._batches):
                    progress(number / self._batches, f"Evaluating cuts of block {first}")
                    state = self._trunk.state(number, first)
                    self._set_threads()  # as many as elsewhere: figures depend on it a little
                    for tail in tails:
                        tail.add(state)
                    torch.set_num_threads(self._threads)
            for cut, tail in zip(some, tails, strict=True):
                yield cut.name, tail.result()


def _chunks(cuts: Sequence[Cut], size: int) -> list[Sequence[Cut]]:
    return [cuts[start : start + size] for start in range(0, len(cuts), size)]
