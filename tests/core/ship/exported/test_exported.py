"""Exported files are networks: the same figures as their checkpoints, and hostile ones refused."""

from __future__ import annotations

import ast
import dataclasses
import io
import json
import shutil
import zipfile
from functools import lru_cache
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

import core
from core.cli.main import main
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.errors import UserError
from core.ship.export.formats import FORMATS
from core.ship.export.run import ExportSettings, export
from core.ship.exported.literal import parse_literal
from core.ship.exported.metadata import METADATA, exported_format, is_exported, read_metadata
from core.ship.exported.network import open_exported
from core.ship.exported.outputs import check_outputs
from core.ship.exported.protobuf import onnx_properties
from core.tryout.agreement import total
from core.tryout.run import try_networks
from tests.core.ship.exported.conftest import SIZE


def settings_on(scenes, **more):
    return DataSettings(
        scenes, images=8, image_size=SIZE, batch=4, device="cpu", split="val", **more
    )


@lru_cache(maxsize=1)
def checkpoint_figures(trained, scenes):
    loaded = core.load(trained)
    facts = loaded.facts
    return evaluate(loaded.model, settings_on(scenes), facts.classes, facts.task, square=True)


@pytest.mark.parametrize("form", ["onnx", "torchscript", "openvino", "ncnn"])
def test_an_exported_file_is_evaluated_as_its_checkpoint(trained, scenes, shipped, form):
    own = checkpoint_figures(trained, scenes)
    loaded = open_exported(shipped(form))
    facts = loaded.facts
    settings = dataclasses.replace(settings_on(scenes), image_size=320, batch=3)  # it has its own
    found = evaluate(loaded.model, settings, facts.classes, facts.task)
    assert own.map50_95 > 0.1
    assert found.map50_95 == pytest.approx(own.map50_95, abs=1e-3)
    assert found.images == own.images
    assert found.classes.keys() == own.classes.keys()
    assert min(found.preprocess, found.milliseconds, found.postprocess) > 0


@pytest.mark.parametrize("form", ["onnx", "torchscript", "openvino", "ncnn"])
def test_what_a_file_says_of_itself(trained, shipped, form):
    facts = open_exported(shipped(form)).facts
    own = core.load(trained).facts
    assert (facts.task, facts.classes) == (own.task, own.classes)
    assert facts.image_size == SIZE
    assert facts.ultralytics
    assert facts.sha256 == open_exported(shipped(form)).facts.sha256 != own.sha256


def test_evaluate_prints_the_steps_apart(scenes, shipped, capsys):
    command = ["evaluate", str(shipped("onnx")), "--data", str(scenes), "--device", "cpu"]
    assert main(command) == 0
    words = capsys.readouterr().out
    assert "ms before the network" in words
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"preprocess", "milliseconds", "postprocess"} <= report.keys()


def test_other_classes_are_refused(shipped, tmp_path, scenes):
    """As for a checkpoint, by the dataset's own check."""
    file = tmp_path / "w_openvino_model"
    shutil.copytree(shipped("openvino"), file)
    about = yaml.safe_load((file / "metadata.yaml").read_text())
    about["names"][0], about["names"][1] = about["names"][1], about["names"][0]
    (file / "metadata.yaml").write_text(yaml.safe_dump(about))
    loaded = open_exported(file)
    with pytest.raises(UserError, match="class"):
        evaluate(loaded.model, settings_on(scenes), loaded.facts.classes, loaded.facts.task)


# ---- NMS in the file -----------------------------------------------------------------------------


def test_a_file_with_nms_finds_what_the_checkpoint_finds(trained, scenes, shipped, tmp_path):
    images = DataSettings(scenes, images=4, split="val")
    settings = ExportSettings(image_size=SIZE, data=images, nms=True)
    done = export(core.load(trained), tmp_path / "nms.onnx", settings)
    assert done.parity.passed and done.parity.matched == 1.0 and done.parity.detections > 4
    about = open_exported(done.output).model.about
    assert about.nms and about.end2end
    pictures = [Path(scenes).parent / "images" / "val"]
    result = try_networks([done.output, shipped("onnx")], pictures, confidence=0.25, device="cpu")
    both = [total(result, number, 0.25) for number in (0, 1)]
    assert both[0].found == both[1].kept == both[1].found > 5


def test_formats_have_nms_where_ultralytics_has_it():
    from ultralytics.engine.exporter import export_formats

    known = export_formats()
    with_nms = {
        name for name, more in zip(known["Argument"], known["Arguments"], strict=True)
        if "nms" in more
    }  # fmt: skip
    assert {name for name, form in FORMATS.items() if form.nms} <= with_nms


@pytest.mark.parametrize(
    ("family", "form", "word"),
    [("yolov8n", "ncnn", "cannot contain NMS"), ("yolov8n-cls", "onnx", "task “classify”")],
)
def test_nms_is_refused_where_there_is_none(tmp_path, family, form, word):
    if FORMATS[form].missing():
        pytest.skip(str(FORMATS[form].missing()))
    loaded = core.load(f"{family}.yaml")
    with pytest.raises(UserError, match=word):
        export(loaded, tmp_path / f"a{FORMATS[form].suffix}", ExportSettings(form, nms=True))


# ---- names and metadata --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.onnx", "onnx"), ("A.ONNX", "onnx"), ("a.pt.onnx", "onnx"), ("a_qnn.onnx", "qnn"),
        ("x/a_openvino_model", "openvino"), ("a.engine", "engine"), ("a.pt", None), ("onnx", None),
    ],
)  # fmt: skip
def test_a_format_is_known_by_the_name(name, form):
    found = exported_format(name)
    assert (found and found.name) == form
    assert is_exported(name) == (form not in (None, "qnn"))


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(LITERALS)
def test_literals_are_read_as_python_reads_them(value):
    assert parse_literal(repr(value), METADATA) == value


@given(st.text(alphabet="{}[](),:'\"\\ 0123e.-NoneTruea", max_size=30))
def test_anything_else_is_refused(text):
    try:
        found = parse_literal(text, METADATA)
    except ValueError:
        return
    wanted = ast.literal_eval(text.strip())
    assert json.dumps(found) == json.dumps(wanted)


@pytest.mark.parametrize("text", ["[" * 100_000, "(" * 9 + ")" * 9, "1" * 4000, "[1," * 300_000])
def test_a_literal_that_asks_for_too_much(text):
    with pytest.raises(ValueError):
        parse_literal(text, METADATA)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_an_onnx_file_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_metadata(path, FORMATS["onnx"])
    assert "\n" not in str(caught.value.message)
    try:
        onnx_properties(path, METADATA)
    except ValueError:
        return


SAYS = {
    "task": "detect", "stride": 32, "imgsz": [64, 64], "batch": 1, "channels": 3,
    "names": {0: "a"}, "args": {"nms": False, "dynamic": False},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"task": "cook"}, {"task": None}, {"task": ["detect"]}, {"names": {}}, {"names": {1: "a"}},
        {"names": {"x": "a"}}, {"names": "{0: "}, {"names": 3}, {"imgsz": [0, 64]},
        {"imgsz": None}, {"imgsz": "[1e9, 2]"}, {"imgsz": [64, 64, 64]}, {"stride": 0},
        {"stride": "9" * 30}, {"batch": -1}, {"channels": 1 << 40}, {"task": "pose"},
        {"task": "pose", "kpt_shape": [17, 9]}, {"forward": "x", "batch": []},
    ],
)  # fmt: skip
def test_metadata_that_does_not_fit_is_refused_in_a_sentence(tmp_path, change):
    folder = tmp_path / "w_ncnn_model"
    folder.mkdir()
    (folder / "metadata.yaml").write_text(json.dumps({**SAYS, **change}))
    with pytest.raises(UserError) as caught:
        read_metadata(folder, FORMATS["ncnn"])
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message


def test_metadata_says_only_what_is_asked(tmp_path):
    """No entry reaches Ultralytics' backend, which sets every one as an attribute."""
    folder = tmp_path / "w_ncnn_model"
    folder.mkdir()
    hostile = {**SAYS, "forward": "x", "model": "y", "load_model": 1, "args": {"nms": "yes"}}
    (folder / "metadata.yaml").write_text(json.dumps(hostile))
    about = read_metadata(folder, FORMATS["ncnn"])
    assert set(about.plain()) == set(SAYS) | {"end2end"}
    assert not about.nms


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [touch ran]",
        "names: !!python/name:os.system",
        "a: &a [*a]",
        "- 1",
        "[" * 10_000,
        "",
    ],
)
def test_a_hostile_sidecar_is_refused(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "w_openvino_model"
    folder.mkdir()
    (folder / "metadata.yaml").write_text(text)
    with pytest.raises(UserError):
        read_metadata(folder, FORMATS["openvino"])
    assert [one.name for one in tmp_path.iterdir()] == ["w_openvino_model"]


@pytest.mark.parametrize("name", ["w.onnx", "w.torchscript", "w.engine"])
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80" * 100, b"\x04\x00\x00\x00{}  "])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, name, data, capsys, scenes):
    (tmp_path / name).write_bytes(data)
    assert main(["evaluate", str(tmp_path / name), "--data", str(scenes)]) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert len(told.err.strip().splitlines()) <= 2


def test_a_cut_file_is_refused_where_its_runtime_opens_it(tmp_path, shipped, scenes, capsys):
    folder = tmp_path / "w_openvino_model"
    shutil.copytree(shipped("openvino"), folder)
    weights = next(folder.glob("*.bin"))
    weights.write_bytes(weights.read_bytes()[:1000])
    assert main(["evaluate", str(folder), "--data", str(scenes), "--device", "cpu"]) == 1
    assert "could not be opened by OpenVINO" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "word"), [("w.mnn", "exported to MNN"), ("w.tflite", "LiteRT"), ("w.onnx", "exist")]
)
def test_what_cannot_be_opened_is_said(tmp_path, name, word, capsys, scenes):
    if name != "w.onnx":
        (tmp_path / name).write_bytes(b"x")
    assert main(["evaluate", str(tmp_path / name), "--data", str(scenes)]) == 1
    assert word in capsys.readouterr().err


def test_a_runtime_that_is_missing_is_named(shipped, monkeypatch):
    path = shipped("onnx")
    monkeypatch.setattr("core.ship.exported.network.installed", lambda module: False)
    with pytest.raises(UserError, match="need onnxruntime") as caught:
        open_exported(path)
    assert "pip install onnxruntime" in caught.value.hint


SHAPES = {
    "detect": ({}, (1, 6, 84), True),
    "detect, chosen": ({"end2end": True}, (1, 300, 6), True),
    "detect, queries": ({"head": "RTDETRDecoder"}, (1, 300, 6), True),
    "detect, queries, all scores": (
        {"head": "RTDETRDecoder", "names": {0: "a", 1: "b", 2: "c"}}, (1, 300, 7), True,
    ),
    "queries of more classes": ({"head": "RTDETRDecoder"}, (1, 300, 84), False),
    "obb": ({"task": "obb"}, (1, 7, 84), True),
    "segment": ({"task": "segment"}, (1, 38, 84), True),
    "pose": ({"task": "pose", "kpt_shape": [5, 3]}, (1, 21, 84), True),
    "classify": ({"task": "classify"}, (2, 2), True),
    "depth": ({"task": "depth"}, (1, 1, 64, 64), True),
    "more classes": ({"names": {0: "a", 1: "b", 2: "c"}}, (1, 6, 84), False),
    "fewer classes": ({"names": {0: "a"}}, (1, 6, 84), False),
    "not chosen": ({"end2end": True}, (1, 6, 84), False),
    "no masks": ({"task": "segment"}, (1, 6, 84), False),
    "other keypoints": ({"task": "pose", "kpt_shape": [17, 3]}, (1, 21, 84), False),
    "no classes": ({"task": "classify"}, (1, 6, 84), False),
    "an image": ({}, (1, 3, 64, 64), False),
    "nothing": ({}, (), False),
}  # fmt: skip


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("several", [False, True])
def test_outputs_of_another_task_are_refused_in_a_sentence(tmp_path, case, several):
    change, shape, fits = SHAPES[case]
    folder = tmp_path / "w_ncnn_model"
    folder.mkdir()
    says = {**SAYS, "names": {0: "a", 1: "b"}, **change}
    (folder / "metadata.yaml").write_text(json.dumps(says))
    about, tensor = read_metadata(folder, FORMATS["ncnn"]), torch.zeros(shape)
    outputs = [tensor, torch.zeros(1, 32, 16, 16)] if several else tensor
    if fits:
        check_outputs(folder, about, outputs)
        return
    with pytest.raises(UserError, match="not those of the task") as caught:
        check_outputs(folder, about, outputs)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("command", ["try", "evaluate"])
@pytest.mark.parametrize("says", [{"task": "classify"}, {"imgsz": [96, 96]}, {"names": {"0": "a"}}])
def test_a_file_that_is_not_what_it_says_is_refused(
    shipped, scenes, tmp_path, capsys, command, says
):
    """In one sentence, without a traceback of whatever runs it."""
    path = tmp_path / "w.torchscript"
    with zipfile.ZipFile(shipped("torchscript")) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("config.txt"):
                data = json.dumps({**json.loads(data), **says}).encode()
            new.writestr(name, data)
    pictures = sorted((Path(scenes).parent / "images" / "val").glob("*"))[:1]
    rest = pictures if command == "try" else ["--data", scenes, "--images", "2"]
    assert main([command, str(path), *map(str, rest), "--device", "cpu"]) == 1
    told = capsys.readouterr()
    assert told.err.count("secateur: ") == 1 and "Internal error" not in told.err
    assert "Traceback" not in told.err


# ---- TorchScript ---------------------------------------------------------------------------------


class _Writes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_file("ran", True, 4) + x


class _Atonce(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.number = 1

    @torch.jit.export
    def __getstate__(self):
        return (self.number, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]):
        self.number = state[0]
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.number


class _Plain(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


def scripted(module, path, change=None):
    """Save a module as a TorchScript file that says what an export says, its code changed."""
    says = {**SAYS, "task": "semantic", "names": {"0": "a"}}  # whose outputs are as high and wide
    about = {"config.txt": json.dumps(says)}
    torch.jit.save(torch.jit.script(module), str(path), _extra_files=about)
    if change is None:
        return path
    whole = path.read_bytes()
    path.unlink()
    with zipfile.ZipFile(path, "w") as target, zipfile.ZipFile(io.BytesIO(whole)) as source:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith(".py") and b"torch.mul(x, 2)" in data:
                data = change(data)
                assert b"torch.mul(x, 2)" not in data or b"classes" in data or b"\xef" in data
            target.writestr(entry, data)
    return path


SPELLED = {
    "sugar": lambda code: code.replace(b"torch.mul(x, 2)", b'("ran").from_file(True, 4)'),
    "spaces": lambda code: code.replace(b"torch.mul(x, 2)", b'torch . from_file ("ran", True, 4)'),
    "ops": lambda code: code.replace(b"torch.mul(x, 2)", b"ops.profiler._record(x)"),
    "classes": lambda code: b"# __torch__.torch.classes.x.Y\n" + code,
    "unicode": lambda code: code.replace(b"x: Tensor", "ｘ: Tensor".encode()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["writes", "atonce", *SPELLED])
def test_code_that_does_more_than_compute_is_not_opened(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = {"writes": _Writes, "atonce": _Atonce}.get(kind, _Plain)()
    path = scripted(module, tmp_path / "w.torchscript", SPELLED.get(kind))
    with monkeypatch.context() as patch:
        patch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was opened"))
        with pytest.raises(UserError):
            open_exported(path).model.opened(torch.device("cpu"))
    assert [one.name for one in tmp_path.iterdir()] == ["w.torchscript"]


@pytest.mark.filterwarnings("ignore")
def test_code_that_computes_is_opened(tmp_path):
    opened = open_exported(scripted(_Plain(), tmp_path / "w.torchscript"))
    network = opened.model.opened(torch.device("cpu"))
    assert torch.equal(network(torch.ones(1, 3, 64, 64)), torch.full((1, 3, 64, 64), 2.0))
