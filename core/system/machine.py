"""The machine available, as far as times depend on it. No torch."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import psutil

from core.errors import UserError

_DEVICE = re.compile(r"|(cpu|cuda|mps|xpu)(:\d{1,3})?|-?\d{1,3}(,-?\d{1,3})*")


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the name of the processor, as the system states it."""
    name = ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            named = (line.partition(":") for line in lines)
            name = next((value for key, _, value in named if key.strip() == "model name"), "")
        elif sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    return name.strip() or platform.processor() or platform.machine() or "CPU"


def default_threads() -> int:
    """Return how many threads a runtime gets unless told otherwise: one per core available."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or able or 1, able or 1))


def check_device(device: str) -> str:
    """Return the name of a device as it is; raises ``UserError`` for what is none.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``0,1``; empty for a GPU if there is one.
    """
    if _DEVICE.fullmatch(device) is None:
        raise UserError(f"“{device[:40]}” is not a device.", "Use cpu, cuda or cuda:0.")
    return device
