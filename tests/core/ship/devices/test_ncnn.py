"""NCNN on another device: the same network, without its weights, timed as the others are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.checkpoint import Loaded, load
from core.errors import UserError
from core.ship.devices import bench
from core.ship.devices.known import described_on
from core.ship.devices.ssh import Connection
from core.ship.latency.elsewhere import measure_there
from core.ship.latency.packing import PACKS, pack_ncnn
from core.ship.latency.runtime import Settings
from core.ship.latency.runtimes import export
from tests.core.ship.devices.conftest import Server

pytest.importorskip("ncnn")
pytest.importorskip("pnnx")
SIZE = (64, 96)
DEMO = str(Path(__file__).parents[4] / "resources" / "demo" / "demo.pt")


@pytest.fixture(scope="module")
def model() -> Loaded:
    return load(DEMO)


def run(content: bytes, folder: Path, name: str = "0.ncnn"):
    (folder / name).write_bytes(content)
    return bench.RUNS["ncnn" if name.endswith("ncnn") else "onnx"](folder / name, 1)


@pytest.mark.parametrize("name", [DEMO, "yolov5n.yaml", "yolo11n-cls.yaml"])
def test_it_computes_what_onnx_runtime_does(tmp_path: Path, name: str) -> None:
    network, settings = load(name).model, Settings(image_size=SIZE)
    (tmp_path / "onnx").mkdir()
    (found,) = run(pack_ncnn(network, settings, weights=True), tmp_path)()
    file = export(network, "onnx", settings, tmp_path / "onnx")
    (expected,) = bench.onnx_run(file, 1)()
    expected = np.squeeze(expected)
    assert found.shape == expected.shape
    rows = np.abs(expected).max(axis=-1, keepdims=True) + 1e-3
    assert np.abs((found - expected) / rows).max() < 0.05  # FP16 where the processor has it


def test_weights_stay_here_and_signals_are_sound(tmp_path: Path, model: Loaded) -> None:
    content = pack_ncnn(model.model, Settings(image_size=SIZE))
    assert (
        len(content)
        < 120_000
        < 6_000_000
        < len(pack_ncnn(model.model, Settings(image_size=SIZE), weights=True))
    )
    (found,) = run(content, tmp_path)()
    assert np.isfinite(found).all()


def test_a_batch_is_as_many_images(tmp_path: Path, model: Loaded) -> None:
    times = {}
    for batch in (1, 3):
        content = pack_ncnn(model.model, Settings(batch, SIZE))
        assert json.loads(content.partition(b"\n")[0])["batch"] == batch
        one = run(content, tmp_path)
        times[batch] = np.median(bench.interleave([one], 12, lambda done: None)["cpu"])
    assert times[3] / times[1] == pytest.approx(3.0, abs=1.0)


def test_networks_are_timed_there(server: Server, model: Loaded) -> None:
    told = {"image_size": SIZE, "threads": 1, "repeats": 3, "runtimes": ("onnx", "ncnn")}
    found = measure_there({"a": model.model, "b": model.model}, server.on, **told)
    assert [(t.model, t.runtime) for t in found.timings] == [
        ("a", "onnx"), ("b", "onnx"), ("a", "ncnn"), ("b", "ncnn")]  # fmt: skip
    assert found.timings[3].cpu_ratio.median == pytest.approx(1.0, abs=0.5) and not found.missing
    assert found.machine["libraries"]["ncnn"]


@pytest.mark.parametrize("where", ["here", "there"])
def test_what_is_missing_is_said_and_the_others_are_timed(
    server: Server, model: Loaded, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "here":
        monkeypatch.setattr("core.ship.export.format.installed", lambda name: name != "pnnx")
        words, hint = "NCNN needs pnnx, which is not installed", "pip install pnnx"
    else:
        monkeypatch.setattr(Connection, "ask", without("ncnn", Connection.ask))
        words, hint = "has no ncnn for its Python", "python3 -m pip install ncnn"
    told = {"image_size": SIZE, "threads": 1, "repeats": 3}
    found = measure_there({"a": model.model}, server.on, runtimes=("ncnn", "onnx"), **told)
    ((runtime, text),) = found.missing
    assert runtime == "ncnn" and words in text and hint in text
    assert [t.runtime for t in found.timings] == ["onnx"]
    with pytest.raises(UserError, match=words):
        measure_there({"a": model.model}, server.on, runtimes=("ncnn",), **told)


def without(library: str, usual):
    def ask(self, request, content=b"", tell=None):
        told = usual(self, request, content, tell)
        if request["do"] == "describe":
            told["libraries"][library] = None
        return told

    return ask


def test_layers_are_not_measured_in_it(server: Server) -> None:
    with pytest.raises(UserError, match=r"support onnx, not ncnn\.") as caught:
        described_on(server.on, "ncnn")
    assert "whole networks" in caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"7767517\n0 0\n", b"\xff" * 40])
def test_a_network_that_ncnn_refuses(tmp_path: Path, model: Loaded, damage: bytes) -> None:
    head, _, content = pack_ncnn(model.model, Settings(image_size=SIZE)).partition(b"\n")
    facts = json.loads(head)
    weights = content[facts["param"] :]
    broken = json.dumps({**facts, "param": len(damage)}).encode() + b"\n" + damage + weights
    with pytest.raises(Exception) as caught:
        run(broken, tmp_path)()
    assert "\n" not in bench.in_words(caught.value)


def test_every_runtime_of_devices_can_be_sent() -> None:
    from core.plan.latency.devices import NEEDS

    assert set(PACKS) == set(NEEDS) == set(bench.RUNS)
