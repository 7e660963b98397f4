"""Measuring: turns, ratios, runtimes that are missing. Speed itself is never asserted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from core.cli.main import main
from core.errors import CancelledError, UserError
from core.ship.devices import bench
from core.ship.latency.layers import ONNX_ACTIVATIONS, TIMERS, time_onnx, time_torch
from core.ship.latency.measure import interleave, measure
from core.ship.latency.runtime import RUNTIMES, Runtime, Settings
from core.ship.latency.runtimes import runtime_of
from core.ship.latency.shapes import ACTIVATIONS, Shape
from tests.core.networks import network
from tests.core.ship.tables import silent

CONV = Shape("Conv2d", (3, 3), (1, 1), (1, 1), (1, 1), (0, 0), (8, 8), "SiLU")
SHAPES = (
    (CONV, 8, 16),
    (Shape("Conv2d", (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), (8, 8), "ReLU"), 0, 24),
    (Shape("Conv2d", (1, 1), (1, 1), (0, 0), (1, 1), (2, 4), (8, 8), ""), 0, 16),
    (Shape("ConvTranspose2d", (2, 2), (2, 2), (0, 0), (1, 1), (0, 0), (8, 8), ""), 16, 8),
    (Shape("Linear", (1, 1), (1, 1), (0, 0), (1, 1), (0, 0), (10, 1), "Hardswish"), 16, 12),
)


@pytest.fixture
def fake():
    """A runtime that does nothing, and counts."""
    calls: list[str] = []

    def prepare(model, settings, folder):
        assert folder.is_dir()
        return lambda: calls.append(model)

    runtime = Runtime("fake", "Fake", ("json",), "", False, prepare)
    RUNTIMES.register("fake", runtime)
    yield calls
    RUNTIMES.remove("fake")


def test_networks_take_turns(fake):
    measured = measure(
        {"a": "a", "b": "b"}, runtimes=("fake",), batches=(1, 4), threads=1, repeats=5, device="cpu"
    )
    turns = ["".join(fake[n : n + 2]) for n in range(0, len(fake), 2)]
    assert set(turns) == {"ab", "ba"}  # neither always goes first
    assert len(turns) == 2 * (5 + bench.WARM_UP)
    assert [(t.model, t.batch) for t in measured.timings] == [
        ("a", 1),
        ("b", 1),
        ("a", 4),
        ("b", 4),
    ]
    first, second = measured.timings[:2]
    assert first.ratio is None and second.ratio is not None and first.cpu is not None
    assert first.wall.low <= first.wall.median <= first.wall.high
    json.dumps(measured.to_json(), allow_nan=False)


def test_a_ratio_is_taken_within_each_turn(monkeypatch):
    clock = iter(np.cumsum([v for turn in range(1, 100) for v in (0, turn, 0, 2 * turn)]))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: float(next(clock)))
    wall, _ = interleave([lambda: None, lambda: None], 6)
    assert sorted(set(np.round(wall[:, 1] / wall[:, 0], 6))) == [0.5, 2.0]


def test_a_run_can_be_cancelled(fake):
    def stop(fraction, _text):
        if fraction > 0.5:
            raise CancelledError

    with pytest.raises(CancelledError):
        measure({"a": "a"}, runtimes=("fake",), repeats=50, device="cpu", progress=stop)
    assert 0 < len(fake) < 50


def test_a_missing_runtime_is_listed_beside_those_that_ran(fake, request):
    absent = Runtime("absent", "Absent", ("no_such_module",), "absent", False, None)
    RUNTIMES.register("absent", absent)
    request.addfinalizer(lambda: RUNTIMES.remove("absent"))
    measured = measure({"a": "a"}, runtimes=("absent", "fake"), repeats=2, device="cpu")
    assert measured.missing == (
        ("absent", "Absent is not installed (no_such_module). Install with: pip install absent."),
    )
    assert [t.runtime for t in measured.timings] == ["fake"]
    with pytest.raises(UserError, match="no_such_module"):
        measure({"a": "a"}, runtimes=("absent",), repeats=2, device="cpu")
    with pytest.raises(UserError, match="no runtime “nothing”"):
        runtime_of("nothing")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="No NVIDIA GPU"):
            measure({"a": "a"}, runtimes=("fake",), device="cuda")
        gpu = Runtime("gpu", "Gpu", ("json",), "", True, None)
        assert "needs an NVIDIA GPU" in str(gpu.missing())


@pytest.mark.parametrize("timer", (time_onnx, time_torch))
def test_layers_of_every_kind_are_timed(timer):
    if timer is time_onnx:
        pytest.importorskip("onnxruntime")
    others = [
        (Shape("Conv2d", (1, 1), (1, 1), (0, 0), (1, 1), (0, 0), (4, 4), name), 16, 16)
        for name in ACTIVATIONS
    ]
    times = timer([*SHAPES, *others], Settings(batch=2, threads=1), 3)
    assert times.shape == (len(SHAPES) + len(others),)
    assert np.isfinite(times).all() and (times >= 0).all() and times[:4].sum() > 0
    assert set(ONNX_ACTIVATIONS) == {"", *ACTIVATIONS}
    assert len({shape.name for shape, *_ in (*SHAPES, *others)}) == len(SHAPES) + len(others)


def test_the_command_measures_a_real_network(capsys, tmp_path):
    from core.checkpoint import save

    path = tmp_path / "model.pt"
    save(network("yolov8n-cls"), path, train_args={})
    before = path.read_bytes()
    words = ["--runtime", "torch,onnx,nothing", "--image-size", "64", "--repeats", "2", "--json"]
    assert main(["latency", str(path), str(path), "--threads", "1", *words]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["missing"][-1]["runtime"] == "nothing"
    assert {t["runtime"] for t in result["timings"]} >= {"torch"}
    for timing in result["timings"]:
        assert timing["ms"]["median"] > 0 and timing["image_size"] == 64
        assert (timing["ratio"] is None) == timing["model"].endswith("(1)")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert main(["latency", str(path), "--batch", "none"]) == 1
    assert "not a batch size" in capsys.readouterr().err


def test_a_table_is_built_once_and_then_read(monkeypatch, tmp_path):
    from core.ship.latency import table as building
    from tests.core.networks import table_of
    from tests.core.ship.tables import made_up

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(TIMERS, "torch", made_up)
    monkeypatch.setattr(
        building, "time_networks", lambda models, *_: np.linspace(30.0, 10.0, len(models))
    )
    about = building.describe_here("torch", threads=1, image_size=64, device="cpu")
    told = []

    def progress(fraction, text):
        told.append((fraction, text))

    model, table = network("yolov8n"), table_of("yolov8n")
    first = building.build_latency(model, table, "ef" * 32, about, progress=progress)
    assert first.step == 16 and first.measured_ms == 30.0
    assert [f for f, _ in told] == sorted(f for f, _ in told) and told[-1][0] == 1.0
    monkeypatch.setitem(TIMERS, "torch", None)
    again = building.build_latency(model, table, "ef" * 32, about, progress=silent)
    assert again.measured_ms == 30.0 and len(again.grids) == len(first.grids)
