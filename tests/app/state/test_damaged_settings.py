"""Whatever stands in the settings, the window opens; what is damaged counts as not set."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray, QSettings

from app.state.settings import APPEARANCES, Settings, config_folder
from tests.fuzz.mutate import damaged, odd_json

WHOLE = {"version": 1, "recent": ["/a/b.pt", "/c/d.secateur"], "appearance": "dark",
         "geometry": "AdnQywAD", "state": "MzIw", "tour": "seen", "notifications": "off",
         "device": "cpu", "folder": "/home"}  # fmt: skip
OLD = b"""[General]
recent=/a/b.pt, /c/d.secateur
appearance=dark
geometry=@ByteArray(\\x1\\xd9\\xd0\\xcb\\0\\x3\\0\\0)
tour=seen
notifications=off
device=cpu
folder=/home
"""


def write(content: bytes, name: str = "window.json") -> None:
    path = config_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def read() -> None:
    """All that is remembered, of the types that the window expects."""
    found = Settings()
    assert all(isinstance(entry, str) and "\0" not in entry for entry in found.recent())
    assert found.appearance() in APPEARANCES
    assert all(len(part) >= 0 for part in found.layout())
    assert isinstance(found.tour_seen(), bool) and isinstance(found.notifications(), bool)
    assert isinstance(found.device(), str) and "\0" not in found.folder()
    Path(found.folder()).is_dir()


@given(st.integers(0, 2**32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_settings(qapp, own_settings, number):
    write(odd_json(json.dumps(WHOLE).encode(), Random(number)))
    read()


@given(st.integers(0, 2**32))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_settings_of_0_1(qapp, own_settings, number):
    write(damaged(OLD, Random(number)), "window.ini")
    read()


def test_settings_of_0_1_are_taken_over(qapp, own_settings):
    write(OLD, "window.ini")
    found = Settings()
    assert found.recent() == ["/a/b.pt", "/c/d.secateur"] and found.appearance() == "dark"
    assert found.tour_seen() and not found.notifications()
    assert (found.device(), found.folder()) == ("cpu", "/home")


class Touch:
    """What pickle is to run."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_no_object_is_made_of_what_stands_there(qapp, own_settings, tmp_path):
    """`QSettings` gives objects of Python to pickle: whoever wrote the file would run code."""
    hostile = QSettings(str(config_folder() / "window.ini"), QSettings.Format.IniFormat)
    for key in ("recent", "appearance", "device", "folder", "geometry", "tour"):
        hostile.setValue(key, Touch(tmp_path / "MARK"))
    hostile.sync()
    assert "PyObject" in (config_folder() / "window.ini").read_text("latin-1")
    read()
    assert not (tmp_path / "MARK").exists()


def test_what_is_set_is_there_at_the_next_start(qapp, own_settings):
    first = Settings()
    first.add_recent("/a\u202eb.pt")
    first.set_layout(QByteArray(b"\x00\xff"), QByteArray(b"320"))
    first.set_notifications(False)
    again = Settings()
    assert again.recent() == ["/a\u202eb.pt"] and not again.notifications()
    assert [bytes(part.data()) for part in again.layout()] == [b"\x00\xff", b"320"]
    if os.name == "posix":
        assert (config_folder() / "window.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", range(4))
def test_the_window_opens(qapp, own_settings, number, request):
    write(odd_json(json.dumps(WHOLE).encode(), Random(number)))
    assert request.getfixturevalue("window").isVisible()
