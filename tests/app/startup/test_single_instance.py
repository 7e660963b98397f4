"""Files are handed to this user's own window alone, and taken from this user alone."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalServer

from app.startup import single_instance
from app.startup.single_instance import InstanceServer, hand_over, server_name
from core.system.paths import is_private, runtime_folder
from tests.app.conftest import ENGINE_MS, ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets in folders")


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The system's folder for sockets of this user."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with tempfile.TemporaryDirectory() as folder:  # a short path, as a socket needs
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def server(qapp, runtime):
    server = InstanceServer()
    yield server
    server.close()


ASK = (
    "import sys; from PySide6.QtCore import QCoreApplication; a = QCoreApplication([]); "
    "from app.startup.single_instance import hand_over; sys.exit(not hand_over(sys.argv[1:]))"
)


def second(*paths):
    """Hand files over as a second start does."""
    return subprocess.Popen([sys.executable, "-c", ASK, *paths], cwd=ROOT)


def test_the_socket_is_in_a_folder_of_the_user_alone(server, runtime):
    assert server.listen()
    place = Path(server_name())
    assert place.is_socket() and place.parent.parent == runtime
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_files_are_handed_over(server, qtbot):
    assert server.listen()
    with qtbot.waitSignal(server.received, timeout=ENGINE_MS) as raised:
        start = second("a.pt")
    qtbot.waitUntil(lambda: start.poll() is not None, timeout=ENGINE_MS)
    assert raised.args == [["a.pt"]] and start.returncode == 0


def test_a_socket_at_the_guessable_place_is_not_asked(qapp, runtime, tmp_path, monkeypatch):
    """Where version 0.1 listened, which anyone could take first."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    other = QLocalServer()
    assert other.listen(Path(server_name()).name)
    assert not hand_over(["secret.pt"])
    assert not other.hasPendingConnections()
    other.close()


LISTEN = (
    "import sys, time; from PySide6.QtCore import QCoreApplication; a = QCoreApplication([]); "
    "from app.startup.single_instance import InstanceServer; s = InstanceServer(); "
    "print(s.listen(), flush=True); time.sleep(60)"
)


def test_a_window_that_does_not_answer_keeps_its_socket_and_one_that_was_killed_does_not(server):
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "True\n"
        inode = Path(server_name()).stat().st_ino
        assert not hand_over(["a.pt"])  # it sleeps
        assert not server.listen()
        assert Path(server_name()).stat().st_ino == inode
        first.kill()
    assert Path(server_name()).is_socket()
    assert server.listen() and Path(server_name()).stat().st_ino != inode


@pytest.mark.parametrize("what", ["open to all", "a link", "a file", "another user's"])
def test_a_folder_that_others_can_enter_is_not_used(runtime, tmp_path, what):
    place = Path(server_name()).parent
    place.rmdir()
    if what == "open to all":
        place.mkdir()
        place.chmod(0o777)
    elif what == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    elif what == "a file":
        place.write_text("")
    else:
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        place.mkdir(mode=0o700)
        os.chown(place, 12345, 12345)
    assert not is_private(place)
    assert runtime_folder() == tmp_path / "data" / "secateur" / "run"


def test_where_no_folder_is_private_every_start_has_a_window(qapp, runtime, monkeypatch):
    monkeypatch.setattr(single_instance, "runtime_folder", lambda: None)
    assert server_name() is None and not hand_over(["a.pt"]) and not InstanceServer().listen()


def test_a_path_too_long_for_a_socket_is_not_tried(qapp, runtime, tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["a" * 50] * 3)
    deep.mkdir(parents=True)
    deep.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    assert server_name() is None


def test_other_users_are_neither_asked_nor_heard(server, qtbot, monkeypatch):
    assert server.listen()
    monkeypatch.setattr(single_instance, "is_own", lambda _socket: False)
    with qtbot.assertNotEmitted(server.received):
        start = second("a.pt")
        qtbot.waitUntil(lambda: start.poll() is not None, timeout=ENGINE_MS)
    assert start.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say")
def test_the_system_says_who_is_at_the_other_end(server, qtbot, monkeypatch):
    assert server.listen()
    monkeypatch.setattr(os, "getuid", lambda: 12345)  # not who starts the other end
    with qtbot.assertNotEmitted(server.received):
        start = second("a.pt")
        qtbot.waitUntil(lambda: start.poll() is not None, timeout=ENGINE_MS)
    assert start.returncode == 1
