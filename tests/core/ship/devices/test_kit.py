"""A device without a shell: an archive goes there, answers come back."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.checkpoint import Loaded, load
from core.errors import UserError
from core.plan.latency.clock import Clock
from core.plan.latency.devices import find_device
from core.plan.latency.files import known_latency
from core.plan.schema import Plan, Target
from core.ship.devices import bench
from core.ship.devices.hollow import hollow
from core.ship.devices.kit import read_kit, write_kit
from core.ship.latency.grids import PROBE
from core.ship.latency.layers import onnx_layers
from core.ship.latency.runtime import Settings
from core.ship.latency.table import build_latency, describe_here

SIZE = 160


@pytest.fixture(scope="module")
def model() -> Loaded:
    return load("yolov8n.yaml")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def unpacked(model: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    table = core.analyse(model).table
    wanted = Settings(image_size=SIZE, threads=1)
    write_kit(model.model, table, model.facts.sha256, wanted, folder / "kit.zip", name="pi")
    with zipfile.ZipFile(folder / "kit.zip") as archive:
        archive.extractall(folder)
    return folder / "secateur-bench"


def run(folder: Path, until: float | None = None) -> str:
    """Run the archive's script as it is run on a device: with nothing of Secateur."""
    command = [sys.executable, "-I", str(folder / "bench.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=until)
    return done.stdout


@pytest.fixture(scope="module")
def answers(unpacked: Path) -> Path:
    """What the device wrote, which was cut off once."""
    run(unpacked)
    path = unpacked / bench.ANSWERS
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]) + lines[-1][:40], "utf-8")
    assert "All" in run(unpacked)
    return path


def test_it_has_no_weights_and_is_small(unpacked: Path, model: Loaded) -> None:
    weights = sum(p.numel() for p in model.model.parameters()) * 4
    networks = [unpacked / f"{number}.onnx" for number in range(7)]
    assert all(path.stat().st_size < weights / 10 for path in networks)
    assert sum(path.stat().st_size for path in unpacked.iterdir()) < weights


def test_it_gives_the_table_that_is_measured_here(answers: Path, model: Loaded) -> None:
    table, sha256 = core.analyse(model).table, model.facts.sha256
    far, device = read_kit(model.model, table, sha256, answers)
    near = build_latency(
        model.model, table, sha256, describe_here("onnx", threads=1, image_size=SIZE, device="cpu")
    )
    assert (device.name, device.address) == ("pi", "kit:pi")
    shapes = {grid.name for grid in near.grids}
    assert {grid.name for grid in far.grids} == shapes
    nothing = np.zeros(table.atom_count, bool)
    times = [Clock(each, table).ms(nothing) for each in (far, near)]
    assert times[0] / times[1] == pytest.approx(1.0, abs=0.35)
    known = known_latency(sha256, model.facts.image_size, table, device.address)
    assert known is not None and known.about["on"] == "kit:pi"
    # It cannot be asked again: what its table says is the answer.
    found = core.suggest(model, Plan(target=Target(latency=0.7), device="pi", round_to=1))
    assert found.times is None


def test_answers_of_another_network(answers: Path, model: Loaded) -> None:
    table = core.analyse(model).table
    with pytest.raises(UserError, match="are of another network"):
        read_kit(model.model, table, "0" * 64, answers)
    assert find_device("pi") is None


def test_answers_that_are_not_complete(answers: Path, model: Loaded, tmp_path: Path) -> None:
    table, sha256 = core.analyse(model).table, model.facts.sha256
    lines = answers.read_text("utf-8").splitlines(keepends=True)
    part = tmp_path / "part.jsonl"
    for count in (1, 2, 5, len(lines) - 1):
        part.write_text("".join(lines[:count]), "utf-8")
        with pytest.raises(UserError, match=r"not complete|Run `python3 bench\.py` there again"):
            read_kit(model.model, table, sha256, part)
    for content in (b"", b"\xff\xfe", b"[1, 2]\n", b"{}\n", b"null\n"):
        part.write_bytes(content)
        with pytest.raises(UserError):
            read_kit(model.model, table, sha256, part)
    with pytest.raises(UserError, match="Could not read"):
        read_kit(model.model, table, sha256, tmp_path / "none.jsonl")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=20)
@given(data=st.data())
def test_damaged_answers_are_refused_in_one_line(
    data: st.DataObject, answers: Path, model: Loaded, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table, sha256 = core.analyse(model).table, model.facts.sha256
    lines = answers.read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.endswith("}}")]
    entry = data.draw(st.sampled_from([entries[0], entries[1], entries[-1]]))
    place = entry["answer"]
    keys = data.draw(st.sampled_from(sorted(place)))
    if isinstance(place[keys], dict) and place[keys] and data.draw(st.booleans()):
        place = place[keys]
        keys = data.draw(st.sampled_from(sorted(place)))
    place[keys] = data.draw(VALUES)
    path = tmp_path_factory.mktemp("damaged") / "answers.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in entries), "utf-8")
    try:
        read_kit(model.model, table, sha256, path)
    except UserError as error:
        assert "\n" not in str(error)


def test_the_script_needs_python_38_alone() -> None:
    text = Path(bench.__file__).read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in top for alias in node.names if isinstance(node, ast.Import)}
    names |= {str(node.module) for node in top if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names | {"__future__"}


def test_what_takes_as_long_without_weights(tmp_path: Path) -> None:
    points = [(PROBE, 64, wide) for wide in (32, 64, 96, 128)]
    whole = onnx_layers(points, 1)
    light = hollow(whole)
    assert len(light) < len(whole) / 100
    first, second = (
        np.array([bench.by_point(bench.profile(each, 1, 12, tmp_path), 4) for _ in range(4)]).min(
            axis=0
        )
        for each in (whole, light)
    )
    assert second / first == pytest.approx(np.ones(4), abs=0.3)


OUTPUTS = (("y", [1, 64]), ("w", [8, 8]))


def test_small_and_other_tensors_stay() -> None:
    from onnx import TensorProto, helper, numpy_helper

    tensors = {
        "large": np.ones((64, 64), np.float32),
        "small": np.full((8, 8), 3.0, np.float32),
        "whole": np.arange(4096).reshape(64, 64),
    }
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "large"], ["y"]),
            helper.make_node("Gather", ["whole", "i"], ["z"]),
            helper.make_node("Identity", ["small"], ["w"]),
        ],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64]),
            helper.make_tensor_value_info("i", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, size) for n, size in OUTPUTS],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    light = onnx.load_from_string(hollow(model.SerializeToString()))
    kept = {each.name for each in light.graph.initializer}
    assert {"small", "whole", "large_shape"} == kept
    onnx.checker.check_model(light)
