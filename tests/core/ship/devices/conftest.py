"""A device: this machine, through a real sshd on the loopback address with keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.ship.devices.ssh import Address

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass
class Server:
    """A running sshd.

    ``path`` is the PATH of what it runs, ``environment`` further lines of its shell.
    """

    folder: Path
    port: int
    process: subprocess.Popen

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", getpass.getuser(), self.port)

    @property
    def on(self) -> str:
        return str(self.address)

    def set_up(self, lines: str) -> None:
        """Run shell lines before what is asked for: the shell of the device."""
        shell = self.folder / "shell.sh"
        shell.write_text(f'{lines}\neval "$SSH_ORIGINAL_COMMAND"\n', encoding="utf-8")

    def configure(self, **options: str) -> None:
        """Change how the client connects."""
        usual = {
            "IdentityFile": str(self.folder / "key"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.folder / "known"),
            "GlobalKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "yes",
        }
        lines = "".join(f"  {key} {value}\n" for key, value in {**usual, **options}.items())
        (self.folder / "config").write_text(f"Host *\n{lines}", encoding="utf-8")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keygen(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH and its server (apt-get install openssh-server)")
    folder, port = tmp_path_factory.mktemp("sshd"), free_port()
    host = keygen(folder / "host")
    (folder / "authorized").write_text(keygen(folder / "key"), encoding="utf-8")
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host}", encoding="utf-8")
    keygen(folder / "other")
    (folder / "sshd").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPidFile {folder}/pid\nUsePAM no\n"
        f"PasswordAuthentication no\nForceCommand sh {folder}/shell.sh\n",
        encoding="utf-8",
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(folder / "sshd")], stderr=subprocess.DEVNULL
    )
    server = Server(folder, port, process)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None, "sshd ended"
        time.sleep(0.05)
    yield server
    process.terminate()
    process.wait()


@pytest.fixture
def server(_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The device, with Secateur's own Python, reached by the system's ssh with keys of its own."""
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    found = shutil.which("ssh")
    wrapper.write_text(f'#!/bin/sh\nexec {found} -F {_server.folder}/config "$@"\n', "utf-8")
    wrapper.chmod(0o755)
    python = tmp_path / "there" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', "utf-8")
    python.chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    _server.configure()
    _server.set_up(f"PATH={python.parent}:/usr/bin:/bin TMPDIR={temporary}; export PATH TMPDIR")
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return _server
