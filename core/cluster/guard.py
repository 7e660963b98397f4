"""A process that ends Ray on this computer when the process that started it is no more.

Most of Ray's processes end with the one that started them, but its agents stay for a minute or
longer. This one reads its standard input, which closes when that process ends, however it does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

import psutil

from core.system.program import own_environment

LOOK_S = 1.0
"""How often it looks which processes there are."""
_SIGNS = ("ray::", f"{os.sep}ray{os.sep}")
"""What stands in the command lines of Ray's processes."""


class Guard:
    """Watches over the processes of Ray that this process starts, until it is closed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
            start_new_session=True,
        )

    def close(self) -> None:
        """End what is left of Ray, and the guard."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def _is_rays(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        return any(sign in word for word in words for sign in _SIGNS)
    return False


def main() -> None:
    """Watch over the parent's processes until standard input closes, then end them."""
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    known: set[psutil.Process] = set()
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(os.getppid())
        while not over.wait(LOOK_S):
            known |= {one for one in parent.children(recursive=True) if _is_rays(one)}
    over.wait()
    for process in known:  # psutil tells a process from a later one of the same number
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(known, LOOK_S)


if __name__ == "__main__":
    main()
