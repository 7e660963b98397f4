"""Which device a training runs on; never another than the one chosen."""

from __future__ import annotations

import os
from typing import Any

import torch

from core.errors import UserError


def choose_device(wanted: str) -> tuple[str, dict[str, Any]]:
    """Return the device for Ultralytics, and what to tell the person about it.

    Parameters
    ----------
    wanted : str
        ``cpu``, ``cuda``, ``cuda:1``, ``1`` or ``mps``; empty takes a GPU where there is one.

    Raises
    ------
    UserError
        When there is no such device, or several are asked for.
    """
    text = wanted.strip().lower()
    if "," in text or text in ("-1", "all"):
        raise UserError(
            "Training on several GPUs at once is not supported: every process would build the"
            " full network anew.",
            "Choose one, for example cuda:0.",
        )
    if not text:
        text = "cuda:0" if torch.cuda.is_available() else "cpu"
    if text == "cpu":
        return "cpu", {"type": "cpu", "name": "CPU", "threads": torch.get_num_threads()}
    if text == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("There is no Apple GPU that torch can use.", "Choose the cpu.")
        return "mps", {"type": "mps", "name": "Apple GPU"}
    number = text.removeprefix("cuda").removeprefix(":") or "0"
    if not number.isdigit():
        raise UserError(f"There is no device “{wanted}”.", "Write cpu, cuda or cuda:1.")
    if not torch.cuda.is_available():
        raise UserError(
            f"“{wanted}” was chosen, but torch finds no GPU here.",
            "Choose the cpu, or install a torch for your GPU and its driver.",
        )
    if int(number) >= torch.cuda.device_count():
        raise UserError(
            f"There is no GPU number {number}: torch finds {torch.cuda.device_count()}.",
            "Choose another one.",
        )
    name = torch.cuda.get_device_name(int(number))
    return number, {"type": "cuda", "name": name, "number": int(number)}


def use_threads(threads: int | None) -> None:
    """Train on so many threads of the processor."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
