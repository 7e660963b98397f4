"""Tables and layer times on disk."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from core.errors import CancelledError, UserError
from core.plan.latency import files
from core.plan.latency.files import (
    describe,
    find_latency,
    latency_folder,
    read_latency,
    stored_latency,
    table_path,
    usual_latency,
    write_latency,
)
from core.ship.latency.grids import REFERENCE, measure_points, measure_step, points_of
from core.ship.latency.store import LayerStore
from tests.core.ship.tables import latency_of, made_up, silent, uses_of

HASH = "ab" * 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_round_trip(tmp_path):
    latency = latency_of("yolov8n")
    write_latency(tmp_path / "table.npz", latency)
    again = read_latency(tmp_path / "table.npz")
    assert again.about == latency.about and again.step == latency.step
    assert (again.layer_grid == latency.layer_grid).all() and (again.calls == latency.calls).all()
    for ours, theirs in zip(latency.grids, again.grids, strict=True):
        assert ours.name == theirs.name and (ours.ms == theirs.ms).all()
        assert (ours.inputs == theirs.inputs).all() and (ours.outputs == theirs.outputs).all()
    assert [p.name for p in tmp_path.iterdir()] == ["table.npz"]


@pytest.mark.parametrize("damage", ("cut", "text", "format", "gone", "nan"))
def test_a_damaged_table_counts_as_none(damage):
    about = describe("torch", threads=1)
    path = table_path(HASH, about)
    assert stored_latency(latency_of("yolov8n"), HASH, about) == path
    assert find_latency(HASH, about) is not None
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    elif damage == "text":
        path.write_text("not a table")
    elif damage == "gone":
        path.unlink()
    else:
        with np.load(path) as stored:
            arrays = dict(stored)
        if damage == "nan":
            arrays["ms_0"] = arrays["ms_0"] * np.nan
        else:
            header = {**json.loads(bytes(arrays["header"])), "format": 99}
            arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, **arrays)
    assert find_latency(HASH, about) is None
    assert usual_latency(HASH, 640) is None
    with pytest.raises(UserError, match="cannot be read"):
        read_latency(path)
    assert read_latency(stored_latency(latency_of("yolov8n"), HASH, about)).step


def test_the_usual_table_is_of_this_machine_and_these_libraries(monkeypatch):
    about = describe("torch", threads=1)
    latency = latency_of("yolov8n")
    stored_latency(latency, HASH, about)
    assert usual_latency(HASH, 640) is not None
    assert usual_latency("cd" * 32, 640) is None
    monkeypatch.setattr(files, "processor", lambda: "another processor")
    assert usual_latency(HASH, 640) is None


def test_a_runtime_without_tables_or_library_is_named(monkeypatch):
    with pytest.raises(UserError, match="not openvino"):
        describe("openvino")
    monkeypatch.setitem(files.LIBRARIES, "onnx", "no-such-library")
    with pytest.raises(UserError, match="not installed"):
        describe("onnx")


def test_a_cancelled_build_goes_on_where_it_stopped(tmp_path):
    about = describe("torch", threads=1)
    points = points_of(uses_of("yolov8n"), 16)
    measured = []

    def measure(some):
        assert some[0] == REFERENCE
        measured.extend(some[1:])
        return made_up(some)

    def until_half(fraction, _text):
        if fraction > 0.5:
            raise CancelledError

    with pytest.raises(CancelledError):
        measure_points(LayerStore(about), points, measure, until_half)
    half = len(measured)
    assert 0 < half < len(points)
    store = LayerStore(about)
    assert len(store) == half
    measure_points(store, points, measure, silent)
    assert len(measured) == len(points) == len(store) == len(set(measured))
    measure_points(LayerStore(about), points, measure, silent)
    assert len(measured) == len(points)


def test_a_machine_that_changes_its_pace_is_seen_through(tmp_path):
    generator = np.random.default_rng(0)
    points = points_of(uses_of("yolov8n"), 16)
    steady = LayerStore(describe("torch"), tmp_path / "steady.json")
    uneven = LayerStore(describe("torch"), tmp_path / "uneven.json")
    paces = [1.0]

    def at_some_pace(some):
        paces.append(generator.choice([1.0, 1.3]))
        return made_up(some) * paces[-2]

    measure_points(steady, points, made_up, silent)
    measure_points(uneven, points, at_some_pace, silent)
    assert len(set(paces)) > 1
    assert np.allclose([steady[place] for place in points], [uneven[place] for place in points])
    again = LayerStore(describe("torch"), tmp_path / "uneven.json")
    assert again.reference == uneven.reference == pytest.approx(made_up([REFERENCE])[0])


@pytest.mark.parametrize("text", ("", "{", "[]", '{"format": 1}', '{"format": 1, "points": 3}'))
def test_a_damaged_store_is_renewed(tmp_path, text):
    path = tmp_path / "layers.json"
    path.write_text(text)
    store = LayerStore(describe("torch"), path)
    assert len(store) == 0 and store.step is None
    assert measure_step(store, made_up) == 16
    store.add([("a layer", 16, 16)], [0.5])
    again = LayerStore(describe("torch"), path)
    assert again.step == 16 and again["a layer", 16, 16] == 0.5
    assert len(LayerStore(describe("torch", threads=7), path)) == 0  # of other settings


def test_the_cache_is_read_without_torch():
    code = (
        "import sys\n"
        "from core.plan.latency.files import usual_latency\n"
        "from core.plan.latency.clock import Clock\n"
        f"assert usual_latency({HASH!r}, 640).step == 16\n"
        "assert not {'torch', 'ultralytics', 'onnxruntime'} & set(sys.modules)\n"
    )
    stored_latency(latency_of("yolov8n"), HASH, describe("torch", threads=1))
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_folder_is_beside_the_tables():
    assert latency_folder().name == "latency"
