"""A device reached by the system's OpenSSH: its keys, its configuration, its known hosts.

One connection runs ``bench.py`` there, which keeps what it is sent in a temporary folder; when the
connection ends, whatever the reason, the folder is removed. Nothing is installed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import UserError
from core.ship.devices import bench

CONNECT = 15
"""Seconds that a connection may take."""
START = "import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
"""What Python on the device is started with: it reads the rest of its program."""

Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is: ``ssh://user@host:port``, user and port only where they are given."""

    host: str
    user: str = ""
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises
        ------
        UserError
            If it is none.
        """
        wrong = UserError(
            f"“{text}” is not an address of a device.", "Write ssh://user@host or ssh://host:port."
        )
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise wrong from error
        rest = parts.path.strip("/") or parts.query or parts.fragment or parts.password
        # A name that begins with a hyphen would be an option of ssh.
        named = all(re.fullmatch(r"[\w.:%][\w.:%+-]*", t) for t in (host, parts.username or "x"))
        if parts.scheme != "ssh" or rest or not named:
            raise wrong
        return cls(host, parts.username or "", port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"ssh://{user}{host}{'' if self.port is None else f':{self.port}'}"

    def command(self) -> list[str]:
        """Return the command line that runs Python there."""
        options = ["-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT}"]
        options += ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"]
        options += [] if self.port is None else ["-p", str(self.port)]
        options += ["-l", self.user] if self.user else []
        return ["ssh", *options, "--", self.host, f"exec python3 -c {shlex.quote(START)}"]


class AwayError(UserError):
    """The device does not answer, or not any more; what was measured until then is kept."""


REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"host key verification failed|host identification has changed|no \w+ host key is known",
        "does not have the host key that is known for it, or none is known",
        "Connect once with `ssh`, compare the key, and accept or correct it there.",
    ),
    (
        r"permission denied",
        "does not accept any of your keys",
        "Give it one with `ssh-copy-id`, or start ssh-agent: nobody is asked for a password.",
    ),
    (r"could not resolve|name or service not known", "is not a known host", "Check the name."),
    (
        r"connection refused|timed out|no route to host|network is unreachable",
        "does not answer",
        "Check that it is on, and its address and port.",
    ),
    (
        r"python3?['’]?:? .*not found|command not found|no such file or directory|not recognized",
        "has no Python 3",
        "Install Python 3.8 or newer there, with onnxruntime.",
    ),
)
"""What ssh says, what it means, and what to do."""


class Connection:
    """A device that answers requests; a context manager.

    Parameters
    ----------
    address : Address

    Raises
    ------
    UserError
        If it cannot be reached, or has no Python.
    """

    def __init__(self, address: Address) -> None:
        if shutil.which("ssh") is None:
            raise UserError("OpenSSH is not installed here.", "Install the command ssh.")
        self.address = address
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            address.command(), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        code = Path(bench.__file__).read_bytes()
        code = code.replace(b'if __name__ == "__main__":', b'if __name__ == "no archive":')
        code += b"\nserve(sys.stdin.buffer, sys.stdout.buffer)\n"
        self._send(str(len(code)).encode() + b"\n" + code)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the device then removes its temporary folder."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with _gone():
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(10)
        self._process.stdout.close()

    def ask(
        self, request: Mapping[str, Any], content: bytes = b"", tell: Tell | None = None
    ) -> dict[str, Any]:
        """Send a request and return its answer.

        Parameters
        ----------
        request : mapping
            As ``bench.answer`` takes it.
        content : bytes
            Of a file.
        tell : callable, optional
            Called with the share that is done.

        Raises
        ------
        UserError
            When the device says that it cannot; AwayError when it does not answer any more.
        """
        asked = {**request, "size": len(content)} if content else dict(request)
        self._send(json.dumps(asked).encode() + b"\n" + content)
        while True:
            told = self._answer()
            if "answer" in told:
                answer: dict[str, Any] = told["answer"]
                return answer
            if "failed" in told:
                raise UserError(f"{self.address}: {told['failed']}", "")
            if tell is not None:
                tell(float(told["done"]))

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except OSError:
            raise self._lost() from None

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith(bench.MARK) and line.endswith(b"\n"):
                told: dict[str, Any] = json.loads(line[len(bench.MARK) :])
                return told
        raise self._lost()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._said = [*self._said[-19:], line.decode(errors="replace").strip()]

    def _lost(self) -> UserError:
        """Return why nothing more comes, by what ssh said."""
        with _gone():
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            status = -1
        self._listener.join(5)
        said = " ".join(self._said)
        for pattern, meaning, hint in REASONS:
            if status in (127, 255, 9009) and re.search(pattern, said, re.IGNORECASE):
                return AwayError(f"{self.address} {meaning}.", hint)
        last = next((line for line in reversed(self._said) if line), f"exit status {status}")
        return AwayError(
            f"The connection to {self.address} ended: {last}.",
            "What was measured is kept; measure again to continue.",
        )


def _gone() -> Any:
    import contextlib

    return contextlib.suppress(OSError, ValueError)
