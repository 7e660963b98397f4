"""Which device a training runs on; never another than the one chosen."""

from __future__ import annotations

import os
from typing import Any

import torch

from core.data.stream import no_gpu
from core.errors import UserError
from core.system.program import is_packaged


def gpus(name: str) -> list[int]:
    """Return the numbers of the GPUs that a device for Ultralytics names; none for others."""
    parts = name.split(",")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else []


def choose_device(wanted: str) -> tuple[str, dict[str, Any]]:
    """Return the device for Ultralytics, and what to report to the user about it.

    Parameters
    ----------
    wanted : str
        ``cpu``, ``cuda``, ``cuda:1``, ``1`` or ``mps``; ``0,1`` or ``all`` for several GPUs at
        once; empty takes a GPU if there is one.

    Raises
    ------
    UserError
        If there is no such device, or a packaged program is asked for several.
    """
    text = "".join(wanted.lower().split())
    if not text:
        text = "cuda:0" if torch.cuda.is_available() else "cpu"
    if text == "cpu":
        return "cpu", {"type": "cpu", "name": "CPU", "threads": torch.get_num_threads()}
    if text == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("torch finds no Apple GPU.", "Select cpu.")
        return "mps", {"type": "mps", "name": "Apple GPU"}
    return _cuda(text, wanted)


def _cuda(text: str, wanted: str) -> tuple[str, dict[str, Any]]:
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    every = ",".join(map(str, range(found))) or "0"
    parts = (every if text == "all" else text).split(",")
    numbers = [part.removeprefix("cuda").removeprefix(":") or "0" for part in parts]
    if not all(number.isdigit() for number in numbers) or len(set(numbers)) < len(numbers):
        raise UserError(
            f"There is no device “{wanted}”.", "Use cpu, cuda, cuda:1, or 0,1 for several."
        )
    if not found:
        raise no_gpu(wanted)
    for number in numbers:
        if int(number) >= found:
            raise UserError(
                f"There is no GPU number {number}: torch finds {found}.", "Select another one."
            )
    names = [torch.cuda.get_device_name(int(number)) for number in numbers]
    if len(numbers) == 1:
        return numbers[0], {"type": "cuda", "name": names[0], "number": int(numbers[0])}
    if is_packaged():
        raise UserError(
            "The packaged program trains on one GPU at a time.",
            "Select one, for example cuda:0. Secateur installed with pip can use several.",
        )
    told = {"type": "cuda", "name": " + ".join(names), "numbers": [int(n) for n in numbers]}
    return ",".join(numbers), told


def use_threads(threads: int | None) -> None:
    """Train on as many threads of the processor."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
