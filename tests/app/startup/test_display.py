"""Without a display there is a line that says what to do, not an abort."""

import os
import socket
import subprocess
import sys

import pytest

from app.startup import display
from app.startup.display import refusal
from tests.app.conftest import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and Wayland")


@pytest.mark.parametrize("screen", [None, "", ":4711", ":4711.0", "unix:4711", "nonsense"])
def test_one_line_without_a_display(screen, tmp_path):
    environment = {k: v for k, v in os.environ.items() if "DISPLAY" not in k and "QPA" not in k}
    if screen is not None:
        environment["DISPLAY"] = screen
    done = subprocess.run(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("secateur: No display was found") and "secateur --help" in line


def test_where_something_listens_there_is_a_display(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a short path, as a socket needs
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("wayland-9")
        server.listen(16)
        told = {"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": "."}
        assert refusal(told) is None
        assert refusal({**told, "WAYLAND_DISPLAY": "wayland-8"}) is not None
        assert refusal({**told, "QT_QPA_PLATFORM": "xcb"}) is not None
        assert refusal({**told, "QT_QPA_PLATFORM": "xcb;wayland"}) is None
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("X7")
        server.listen(16)
        monkeypatch.setattr(display, "X11_SOCKETS", "X{}")
        assert refusal({"DISPLAY": ":7", "QT_QPA_PLATFORM": "wayland;xcb"}) is None
        assert refusal({"DISPLAY": ":7"}) is None and refusal({"DISPLAY": ":7.1"}) is None
        assert refusal({"DISPLAY": ":8"}) is not None


def test_other_hosts_and_platforms_are_left_to_qt():
    assert refusal({"DISPLAY": "workstation:10.0"}) is None
    assert refusal({"QT_QPA_PLATFORM": "wayland", "WAYLAND_SOCKET": "7"}) is None
    assert refusal({"QT_QPA_PLATFORM": "wayland", "DISPLAY": "workstation:10.0"}) is not None
    for platform in ("offscreen", "vnc:size=800x600", "minimal", "xcb;offscreen", "vkkhrdisplay"):
        assert refusal({"QT_QPA_PLATFORM": platform}) is None
