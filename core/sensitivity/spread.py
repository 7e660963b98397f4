"""Cuts spread over several devices, an engine process for each.

The processes end with this one: they stop when their standard input closes.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.data.validation import Accuracy
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.masks import pack
from core.plan.widths import Mask
from core.progress import Progress
from core.sensitivity.trunk import first_change
from core.system.budget import MESSAGE, parse_json
from core.system.program import own_command, own_environment

TICK_S = 0.2
TASK = "cuts"
"""The engine task that evaluates cuts."""


def devices_of(text: str) -> list[str]:
    """Return the devices a setting names: a list with commas, or all GPUs where it is empty.

    Parameters
    ----------
    text : str
        For example ``cuda:0,cuda:1``; a device may be there twice.
    """
    if text:
        return [part.strip() for part in text.split(",") if part.strip()]
    import torch

    return [f"cuda:{n}" for n in range(torch.cuda.device_count())] or ["cpu"]


def shares(table: ChannelTable, cuts: Sequence[Mask], workers: int) -> list[list[int]]:
    """Divide cuts into shares of about the same work, by their places.

    Cuts that begin at the same block stay together, since they share what comes before. The work
    of a cut is taken as the blocks from its first change on.
    """
    groups: dict[int, list[int]] = {}
    for place, cut in enumerate(cuts):
        groups.setdefault(first_change(table, cut), []).append(place)
    found: list[list[int]] = [[] for _ in range(workers)]
    loads = [0] * workers
    work = {first: len(own) * (len(table.blocks) - first) for first, own in groups.items()}
    for first in sorted(groups, key=lambda first: -work[first]):
        least = loads.index(min(loads))
        found[least] += groups[first]
        loads[least] += work[first]
    return [share for share in found if share]


def spread(
    table: ChannelTable,
    cuts: Sequence[Mask],
    devices: Sequence[str],
    request: Mapping[str, Any],
    progress: Progress,
) -> Iterator[tuple[int, Accuracy]]:
    """Yield the accuracy of every cut, by its place, as the processes find it.

    Parameters
    ----------
    table : ChannelTable
    cuts : sequence of bool array, shape (atoms,)
    devices : sequence of str
        A process each.
    request : mapping
        ``path``, ``sha256`` and ``data`` as the engine takes them.
    progress : Progress
        May cancel; the processes are then ended.

    Raises
    ------
    UserError
        When a process fails; what was yielded before holds.
    """
    heard: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
    parts = shares(table, cuts, len(devices))
    workers: list[_Worker] = []
    try:
        for number, (share, device) in enumerate(zip(parts, devices, strict=False)):
            data = {**request["data"], "device": device}
            args = {**request, "data": data, "cuts": [pack(cuts[place]) for place in share]}
            workers.append(_Worker(number, share, device))
            workers[-1].start(args, heard)
        done, running = 0, len(workers)
        while running:
            progress(done / len(cuts), f"Evaluated {done} of {len(cuts)} on {len(parts)} devices")
            with contextlib.suppress(queue.Empty):
                number, event = heard.get(timeout=TICK_S)
                worker = workers[number]
                if worker.over(event):
                    running -= 1
                elif event is not None and event.get("event") == "partial":
                    done += 1
                    figures = dict(event["data"])
                    yield worker.share[figures.pop("cut")], Accuracy(**figures)
    finally:
        for worker in workers:
            worker.end()


@dataclass
class _Worker:
    """One engine process."""

    number: int
    share: list[int]
    device: str
    process: subprocess.Popen[bytes] | None = field(default=None)
    ended: bool = False

    def start(
        self,
        args: Mapping[str, Any],
        heard: queue.SimpleQueue[tuple[int, dict[str, Any] | None]],
    ) -> None:
        """Start the process and hand it its share."""
        self.process = subprocess.Popen(
            own_command("core.engine", "engine"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
        )
        assert self.process.stdin is not None
        line = json.dumps({"id": 1, "task": TASK, "args": dict(args)}).encode() + b"\n"
        with contextlib.suppress(OSError):  # one that died is heard of by the reader
            self.process.stdin.write(line)
            self.process.stdin.flush()
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: queue.SimpleQueue[tuple[int, dict[str, Any] | None]]) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self.process.stdout:
                heard.put((self.number, parse_json(line, MESSAGE)))
        heard.put((self.number, None))

    def over(self, event: Mapping[str, Any] | None) -> bool:
        """Whether an event ends its share; raises when it ends badly."""
        if self.ended:
            return False
        if event is None:
            raise UserError(
                f"The process that evaluates on {self.device} ended too early.",
                "Finished points are kept. Start again, with fewer devices if memory ran out.",
            )
        kind = event.get("event")
        if kind in ("failed", "broken", "cancelled"):
            text = event.get("message") or "it was cancelled"
            raise UserError(f"On {self.device}: {text}", str(event.get("hint") or ""))
        self.ended = kind == "done"
        return self.ended

    def end(self) -> None:
        """End the process at once; it writes no file."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
