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
WAYLAND = "wayland-0"
"""What Wayland listens on unless it says otherwise."""
USUAL = "xcb;wayland"
"""Platforms of Qt that are tried unless others are asked for."""


def refusal(environment: Mapping[str, str] | None = None) -> str | None:
    """Return why no window can open, as a line for the user; None where one can.

    Only X11 and Wayland can be missing. Displays of other hosts are left to Qt.
    """
    told = os.environ if environment is None else environment
    if not sys.platform.startswith("linux"):
        return None
    platforms = (told.get("QT_QPA_PLATFORM") or USUAL).split(";")
    names = [platform.partition(":")[0].strip() for platform in platforms]
    if any(_there(name, told) for name in names):
        return None
    display = told.get("DISPLAY")
    why = f": nothing answers at DISPLAY={display}" if display and "xcb" in names else ""
    return NO_DISPLAY.format(why=why)


def _there(platform: str, told: Mapping[str, str]) -> bool:
    if platform == "xcb":
        return bool(told.get("DISPLAY")) and _x11(told["DISPLAY"])
    return not platform.startswith("wayland") or _wayland(told)


def _wayland(told: Mapping[str, str]) -> bool:
    if told.get("WAYLAND_SOCKET"):  # a connection that whoever started us has made
        return True
    place = Path(told.get("XDG_RUNTIME_DIR", ""), told.get("WAYLAND_DISPLAY") or WAYLAND)
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
