"""Tasks of the engine on another device: reached by ssh, or by an archive that is carried there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import CancelledError, UserError
from core.plan.latency.devices import device_of, known_devices
from core.progress import silent
from core.ship.devices.known import add_device
from core.ship.latency.place import There
from core.ship.latency.unfinished import Unfinished
from tests.core.ship.devices.conftest import Server, _server, server

__all__ = ["_server", "server"]
SIZE = 64


def run(task: str, progress=silent, **args):
    return find_task(task)(ModelStore(), args, progress)


def fast_turns(monkeypatch, asked, fails_at=0):
    """Stand in for what networks take: a test of what is asked for needs no times."""

    def networks(self, models, settings, repeats, progress):
        asked.append((self.runtime, settings.batch))
        if len(asked) == fails_at:
            raise CancelledError
        times = np.full((repeats, len(models)), float(len(asked)))
        return times, times

    monkeypatch.setattr(There, "networks", networks)


def test_a_device_is_added_under_a_name(server: Server) -> None:
    found = run("device_add", address=f" {server.on} ", name="kitchen")["device"]
    assert found["name"] == "kitchen" and found["address"] == server.on and not found["measured"]
    assert found["libraries"]["onnxruntime"] and found["cores"] >= 1
    assert run("device_add", address=server.on)["device"]["name"] == "kitchen"
    assert [device.name for device in known_devices()] == ["kitchen"]


@pytest.mark.parametrize("name", ["-x", "a\nb", "x\n", "x" * 65, "taken"])
def test_a_name_is_refused_before_anything_is_reached(server: Server, monkeypatch, name) -> None:
    run("device_add", address=server.on, name="taken")
    monkeypatch.setattr("core.ship.devices.known.Connection", None)
    with pytest.raises(UserError, match=r"is not a name|is called taken"):
        add_device("ssh://elsewhere", name)


def test_whole_networks_are_timed_there(server: Server) -> None:
    how = {"path": "yolov8n.yaml", "image_size": SIZE, "threads": 1, "repeats": 3}
    found = run("latency", on=server.on, **how)
    assert found["machine"]["on"] == server.on and found["timings"][0]["ms"]["median"] > 0
    assert device_of(server.on).measured


def test_a_cancelled_run_continues_with_what_it_has(server: Server, monkeypatch) -> None:
    asked: list[tuple[str, int]] = []
    how = {"path": "yolov8n.yaml", "on": server.on, "image_size": SIZE, "repeats": 3}
    fast_turns(monkeypatch, asked, fails_at=2)
    with pytest.raises(CancelledError):
        run("latency", batches=[1, 2, 4], **how)
    found = run("latency", batches=[1, 2, 4], **how)
    assert asked == [("onnx", 1), ("onnx", 2), ("onnx", 2), ("onnx", 4)]
    assert [t["ms"]["median"] for t in found["timings"]] == [1.0, 3.0, 4.0]
    run("latency", batches=[1], **how)  # one that is over begins again
    assert asked[4:] == [("onnx", 1)]


DAMAGED = [
    b"", b"[]", b"{", b'{"onnx 1": {"wall": [[1]], "cpu": 3}}',
    b'{"onnx 1": {"wall": [[null]], "cpu": [[1.0]]}}',
    b'{"onnx 1": {"wall": [[-1.0]], "cpu": [[1.0]]}}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_of_a_run_is_none(tmp_path: Path, monkeypatch, content) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = Unfinished({"a": 1}, (1, 1))
    first.file.parent.mkdir(parents=True)
    first.file.write_bytes(content)
    again = Unfinished({"a": 1}, (1, 1))
    assert again.find("onnx 1") is None
    again.keep("onnx 1", np.array([[2.0]]), np.array([[1.0]]))
    wall, cpu = Unfinished({"a": 1}, (1, 1)).find("onnx 1") or (None, None)
    assert wall == 2.0 and cpu == 1.0
    assert Unfinished({"a": 1}, (2, 1)).find("onnx 1") is None
    assert Unfinished({"a": 2}, (1, 1)).find("onnx 1") is None


def test_an_archive_goes_and_its_answers_come_back(tmp_path: Path, monkeypatch) -> None:
    for name in ("DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    how = {"path": "yolov8n.yaml"}
    run("latency_kit", output=tmp_path / "kit.zip", image_size=SIZE, threads=1, name="pi", **how)
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        archive.extractall(tmp_path)
    script = tmp_path / "secateur-bench" / "bench.py"
    subprocess.run([sys.executable, "-I", str(script)], check=True, stdout=subprocess.DEVNULL)
    answers = script.with_name("answers.jsonl")
    found = run("latency_answers", file=answers, name="hall", **how)
    assert found["device"]["name"] == "hall" and not device_of("hall").reachable
    predicted = run("latency_answers", file=answers, **how)["predicted_ms"]
    assert predicted == pytest.approx(found["predicted_ms"])
