"""A ``secateur`` and a ``python`` whose libraries are loaded already: documents' lines, engines.

And a ``python`` with nothing but stock Ultralytics and the runtimes it exports to.

Each line starts a process of its own, and importing torch takes most of the time a short command
needs. Here one process imports it once, and forks for each of them: what is run, and the
environment, folder and streams it runs with, are those of the line. It ends at once when the
program that stands for it is killed. Only the start is not tested; `tests/core/test_program.py`
does that, and of the window's engine `tests/app/faults`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
_DIED = 70
_F_SETSIG = 10
"""Of Linux; Python's module does not name it."""
_CLIENT = """#!{python} -SIE
import json, os, socket, sys, time
until = time.monotonic() + {start_s}
while not os.path.exists({address!r}) and time.monotonic() < until:
    time.sleep(0.02)
with socket.socket(socket.AF_UNIX) as link:
    link.connect({address!r})
    told = [{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]
    socket.send_fds(link, [json.dumps(told).encode() + b"\\n"], [0, 1, 2])
    sys.exit(int(link.makefile().read() or {died}))
"""


class Warm:
    """The process with the libraries.

    Attributes
    ----------
    folder : Path
        Holds the two programs; to be put first in PATH.

    Parameters
    ----------
    stock : bool
        Load stock Ultralytics alone: what is run does not find this clone, and is offline.
    environment : mapping of str to str, optional
        The process's; by default this one's.
    wait : bool
        Until the libraries are loaded; otherwise what is run before waits for them.
    """

    def __init__(
        self,
        *,
        stock: bool = False,
        environment: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="warm-")
        self.folder = Path(self._place.name)
        address = str(self.folder / "link")
        for name in ("secateur", "python"):
            text = _CLIENT.format(
                python=sys.executable, address=address, name=name, died=_DIED, start_s=START_S
            )
            (self.folder / name).write_text(text, encoding="utf-8")
            (self.folder / name).chmod(0o755)
        self._added = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.core.warm", address]
        if stock:
            self._added |= {"PYTHONPATH": "", "YOLO_CONFIG_DIR": str(self.folder), **OFFLINE}
            command = [sys.executable, "-P", __file__, address, "stock"]
        given = {**os.environ, **self._added} if environment is None else environment
        self._process = subprocess.Popen(command, env=given, cwd=self.folder)
        if wait:
            self._await(address)

    def _await(self, address: str) -> None:
        until = time.monotonic() + START_S
        while not Path(address).exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the process with the libraries did not start")
            time.sleep(0.02)

    def environment(self) -> dict[str, str]:
        """Return the environment in which a shell finds the two programs; windows are unseen."""
        paths = os.pathsep.join([str(self.folder), os.environ["PATH"]])
        added = {"PATH": paths, "QT_QPA_PLATFORM": "offscreen"}
        return {**os.environ, **self._added, **added}

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(30)
        self._place.cleanup()


def load_secateur() -> None:
    """Import all that a command needs."""
    from core.system.program import prepare

    prepare()  # as the program does, before anything else is imported
    import torch
    import ultralytics  # noqa: F401

    from core import pipeline
    from core.cli.main import build_parser

    torch.set_num_threads(1)
    build_parser()  # imports every command
    pipeline.analyse("yolov8n.yaml", cache=False)  # imports what the first trace does


def load_stock() -> None:
    """Import Ultralytics and what it exports with, and nothing of this project."""
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import onnxslim  # noqa: F401
    import torch
    from ultralytics import YOLO
    from ultralytics.engine import exporter  # noqa: F401

    torch.set_num_threads(1)
    YOLO("yolov8n.yaml")


def serve(address: str) -> None:
    """Fork for whatever is asked for, until ended."""
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{address}.new")
        door.listen()
        Path(f"{address}.new").rename(address)
        while True:
            link, _ = door.accept()
            if os.fork() == 0:
                door.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(link)
            link.close()


def _reap(*_: object) -> None:
    """Take leave of what has ended, so that its time counts as this process's children's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(link: socket.socket) -> None:
    """Run what is asked for, in this process, and end it."""
    code = _DIED
    try:
        message, streams, _, _ = socket.recv_fds(link, 1 << 20, 3)
        while not message.endswith(b"\n"):
            message += link.recv(1 << 20)
        name, words, folder, environment = json.loads(message)
        _die_with(link)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        code = _status(_python if name == "python" else _secateur, words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        fcntl.fcntl(link, fcntl.F_SETFL, 0)
        link.sendall(str(code).encode())
        os._exit(code)


def _die_with(link: socket.socket) -> None:
    """Let the system kill this process once nobody waits for its status: nothing else is told."""
    fcntl.fcntl(link, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(link, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(link, fcntl.F_SETFL, fcntl.fcntl(link, fcntl.F_GETFL) | os.O_ASYNC)


def _status(act: Any, words: list[str]) -> int:
    try:
        return int(act(words) or 0)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    return 1


def _secateur(words: list[str]) -> int:
    from app.__main__ import main

    sys.argv = ["secateur", *words]
    return main(words)


def _python(words: list[str]) -> None:
    """Run ``-c CODE``, ``-m MODULE``, or a file (after ``-P``, away from its folder)."""
    import runpy

    if words[:1] == ["-c"]:
        sys.argv = ["-c", *words[2:]]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), vars(sys.modules["__main__"]))
    elif words[:1] == ["-m"]:
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[:1] == ["-P"]:
        sys.argv = words[1:]
        runpy.run_path(words[1], run_name="__main__")
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    (load_stock if sys.argv[2:] == ["stock"] else load_secateur)()
    serve(sys.argv[1])
