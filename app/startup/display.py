"""Whether there is a display: Qt aborts the whole process where there is none."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

NO_DISPLAY = (
    "No display was found{why}. Start Secateur from a desktop session, set DISPLAY, or use its "
    "commands: secateur --help lists them."
)
X11_SOCKETS = "/tmp/.X11-unix/X{}"  # fixed by the X Window System
WITHOUT = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
"""Platforms of Qt that need no display server."""


def refusal(environment: Mapping[str, str] | None = None) -> str | None:
    """Return why no window can open, as a line for the user; None where one can.

    Only X11 and Wayland can be missing. Displays of other hosts are left to Qt.
    """
    told = os.environ if environment is None else environment
    platform = told.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if not sys.platform.startswith("linux") or platform.startswith(WITHOUT):
        return None
    if told.get("WAYLAND_DISPLAY") and not platform.startswith("xcb") and _wayland(told):
        return None
    display = told.get("DISPLAY")
    if not display:
        return NO_DISPLAY.format(why="")
    if _x11(display):
        return None
    return NO_DISPLAY.format(why=f": nothing answers at DISPLAY={display}")


def _wayland(told: Mapping[str, str]) -> bool:
    place = Path(told.get("XDG_RUNTIME_DIR", "")) / told["WAYLAND_DISPLAY"]
    return _answers(str(place))


def _x11(display: str) -> bool:
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local is None:  # another host, by TCP or SSH
        return ":" in display
    place = X11_SOCKETS.format(local[1])
    return _answers(place) or _answers(f"\0{place}")


def _answers(address: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(2.0)
            end.connect(address)
    except (OSError, ValueError):
        return False
    return True
