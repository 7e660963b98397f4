"""A cluster that runs already, by its client server (ray://), gives what one process gives."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.cluster.ray_start import QUIET
from tests.core.cluster.test_ray import scan
from tests.core.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Ray's client server runs on Linux and macOS"),
]
STARTS_S = 120
TRIES = 3
"""Ray gives the server of a connection 30 seconds to start, which a busy machine may not manage."""
WANTED = {"blocks": [2, 21], "ratios": [0.5]}
GO = """
import json, sys, torch
from core.cluster.place import Place
from tests.core.cluster.test_ray import scan

if __name__ == "__main__":
    place, model, data, wanted = sys.argv[1:]
    torch.set_num_threads(1)
    found = scan((model, data), on=Place.parse(place), **json.loads(wanted))
    print(json.dumps([found.baseline, found.points]))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, which may have left its group."""
    with contextlib.suppress(psutil.Error):
        every = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for one in every:
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(every, 10)
    process.kill()
    process.wait()


@pytest.fixture
def head() -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a cluster of one core on this machine, and the variables that open it."""
    pytest.importorskip("ray", reason="needs Ray (pip install 'secateur[cluster]')")
    port, folder = free_port(), tempfile.mkdtemp(prefix="sec", dir="/tmp")
    own = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    own |= {**QUIET, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    own |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    options = {
        "port": free_port(), "ray-client-server-port": port, "num-cpus": 1, "temp-dir": folder,
        "object-store-memory": 1 << 27, "include-dashboard": "false",
        "node-ip-address": "127.0.0.1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
         *(f"--{name}={value}" for name, value in options.items())],
        env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(10 * STARTS_S):
            if answers(port):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"Ray ended: {process.wait(0.1)}")
        yield f"ray://127.0.0.1:{port}", own
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def go(
    place: str, own: dict[str, str], small: Any, script: Path
) -> subprocess.CompletedProcess[str]:
    script.write_text(GO, encoding="utf-8")
    command = [sys.executable, str(script), place, *map(str, small), json.dumps(WANTED)]
    for _ in range(TRIES):
        done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=300)
        if "Initialization failure" not in done.stderr:
            break
    return done


def test_figures_are_those_of_one_process(head: Any, small: Any, tmp_path: Path) -> None:
    place, own = head
    done = go(place, own, small, tmp_path / "go.py")
    assert done.returncode == 0, done.stderr
    here = scan(small, **WANTED)
    assert json.loads(done.stdout) == json.loads(json.dumps([here.baseline, here.points]))
