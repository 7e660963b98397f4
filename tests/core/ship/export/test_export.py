"""Exported networks give what their checkpoints give; whatever goes wrong leaves nothing."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import os
import sys
from importlib import util
from pathlib import Path

import pytest
import torch

import core
from core.cli.main import main
from core.data.stream import DataSettings
from core.engine.tasks import find_task
from core.errors import CancelledError, UserError
from core.ship.export.formats import FORMATS
from core.ship.export.parity import compare
from core.ship.export.run import ExportSettings, export
from core.ship.exported.metadata import read_metadata
from core.ship.exported.network import open_exported
from tests.core.images import make_dataset
from tests.core.ship.export.conftest import SIZE, left, needs

TASKS = ("yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls")


@pytest.mark.parametrize("form", ["onnx", "torchscript", "openvino"])
@pytest.mark.parametrize("family", [*TASKS, "yolov10n"])
def test_the_exported_network_equals_its_checkpoint(pruned, exported, family, form):
    loaded = pruned(family)
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    done = exported(family, form)
    assert getattr(loaded.model, "end2end", False) == (family == "yolov10n")
    assert done.parity.passed, done.parity
    assert done.parity.relative_error <= 1e-4
    assert done.parity.detections > 0  # or equal detections would say nothing
    assert done.parity.matched == 1.0
    assert done.bytes > 2 * done.parameters  # it holds the weights
    assert left(done.output.parent) == [done.output.name]
    whole = open_exported(done.output).model.opened(torch.device("cpu"))
    whole(torch.zeros(1, 3, SIZE, SIZE))  # its outputs are what it says of itself
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, before[name])
    if done.exported_parameters is not None:
        assert 0.8 * done.parameters < done.exported_parameters <= done.parameters


@pytest.mark.parametrize("name", ["it's", 'a"b', "a\\b", "a\nb", "');open('found','w');('"])
def test_no_path_becomes_code_of_a_tool(pruned, tmp_path, monkeypatch, name):
    """The tools of NCNN run a script with the path of the temporary folder in it."""
    (place := tmp_path / name).mkdir()
    (work := tmp_path / "work").mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(type(FORMATS["ncnn"]), "missing", lambda *_: None)
    with pytest.raises(UserError, match="run a script with this path") as refused:
        export(pruned("yolov8n"), tmp_path / "m_ncnn_model", ExportSettings(form="ncnn"))
    assert "TMPDIR" in refused.value.hint
    assert left(work) == [] and not (tmp_path / "m_ncnn_model").exists()


def test_another_network_is_not_taken_for_equal(pruned, exported):
    """The comparison sees a single changed weight in the layer that makes the scores."""
    loaded = pruned("yolov8n")
    output = exported("yolov8n", "torchscript").output
    images = [torch.rand(1, 3, SIZE, SIZE)]
    form = FORMATS["torchscript"]
    assert compare(loaded.model, output, form, images).passed
    other = copy.deepcopy(loaded.model)
    with torch.no_grad():
        other.model[-1].cv3[0][2].bias[0] += 0.01
    parity = compare(other, output, form, images)
    assert not parity.passed
    assert parity.relative_error > 1e-4
    with torch.no_grad():
        other.model[-1].cv3[0][2].bias += 3.0
    assert compare(other, output, form, images).matched < 1.0


def test_lower_precisions_are_measured_not_judged(pruned, tmp_path):
    needs("onnx")
    loaded = pruned("yolov8n")
    data = DataSettings(make_dataset(tmp_path / "data", loaded.facts.classes, images=4), images=4)
    whole = export(loaded, tmp_path / "w.onnx", ExportSettings(image_size=SIZE, data=data))
    assert whole.parity.passed and whole.parity.real
    listed = sorted((tmp_path / "data").rglob("*"))
    for precision, share in (("fp16", 0.55), ("int8", 0.4)):
        settings = ExportSettings(precision=precision, image_size=SIZE, data=data, compared=1)
        done = export(loaded, tmp_path / f"{precision}.onnx", settings)
        assert done.parity.passed is None
        assert 1e-6 < done.parity.relative_error < 2.0
        assert done.bytes < share * whole.bytes
    assert (
        sorted((tmp_path / "data").rglob("*")) == listed
    )  # nothing was written next to the images


BAD = {
    "format": (ExportSettings("floppy"), "a.onnx", "no export format “floppy”"),
    "precision": (ExportSettings(precision="int4"), "a.onnx", "no precision “int4”"),
    "name": (ExportSettings(), "a.pt", "does not end in .onnx"),
    "no name": (ExportSettings(), ".onnx", "does not end in .onnx"),
    "folder": (ExportSettings(), "no/such/a.onnx", "does not exist"),
    "not data": (ExportSettings(precision="int8"), "a.onnx", "INT8 needs images"),
    "task": (ExportSettings("imx", precision="int8"), "a_imx_model", "does not support the task"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_sentence(pruned, tmp_path, case):
    settings, name, words = BAD[case]
    loaded = pruned("yolov8n")
    if case == "task":
        loaded = dataclasses.replace(loaded, facts=dataclasses.replace(loaded.facts, task="obb"))
    with pytest.raises(UserError, match=words) as caught:
        export(loaded, tmp_path / name, settings)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


def refused_and_kept(pruned, folder, match):
    """An export that fails is said, and leaves the file that bore its name, and nothing else."""
    kept = folder / "small.torchscript"
    kept.write_bytes(b"the person's")
    with pytest.raises(UserError, match=match):
        export(pruned("yolov8n"), kept, ExportSettings("torchscript", image_size=SIZE))
    assert left(folder) == [kept.name]
    assert kept.read_bytes() == b"the person's"
    return kept


def test_an_export_that_fails_midway_leaves_nothing(pruned, tmp_path, monkeypatch):
    from ultralytics.engine.exporter import Exporter

    def fail(self, *_args, **_options):
        self.file.with_suffix(".onnx").write_bytes(b"half")
        raise RuntimeError("no space\nleft on device")

    monkeypatch.setattr(Exporter, "export_torchscript", fail)
    kept = refused_and_kept(pruned, tmp_path, "to torchscript: no space left on device")

    def lack(self, *_args, **_options):
        raise ModuleNotFoundError("No module named 'some_tool'", name="some_tool")

    monkeypatch.setattr(Exporter, "export_torchscript", lack)
    with pytest.raises(UserError, match="Python module some_tool, which is not installed"):
        export(pruned("yolov8n"), kept, ExportSettings("torchscript", image_size=SIZE))
    assert kept.read_bytes() == b"the person's"


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(pruned, tmp_path, monkeypatch):
    from core.ship.export import run

    monkeypatch.setattr("core.system.files.os.access", lambda path, mode: path != tmp_path)
    monkeypatch.setattr(run, "_run", lambda *_: pytest.fail("it was exported"))
    with pytest.raises(UserError, match="is not writable"):
        export(pruned("yolov8n"), tmp_path / "a.onnx", ExportSettings(image_size=SIZE))


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    """For a file and for a folder: the older one is whole, and no part of the new one is left."""
    import errno
    import shutil

    from core.ship.export import run

    def full(_source, target, *_args, **_options):
        target.mkdir() if isinstance(target, Path) else target.write(b"part")
        raise OSError(errno.ENOSPC, "No space left on device")

    older = {"a.onnx": b"older", "a_openvino_model": b"older too"}
    (tmp_path / "a.onnx").write_bytes(older["a.onnx"])
    (tmp_path / "a_openvino_model").mkdir()
    (tmp_path / "a_openvino_model" / run.MARKER).write_bytes(older["a_openvino_model"])
    made = tmp_path.parent / f"{tmp_path.name}-made"
    made.mkdir()
    (made / "network.xml").write_text("new")
    monkeypatch.setattr(shutil, "copytree", full)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    for source, name in ((made / "network.xml", "a.onnx"), (made, "a_openvino_model")):
        with pytest.raises(UserError, match=f"Could not write .*{name}: no space left") as caught:
            run.put_export(source, tmp_path / name)
        assert "Choose another folder, or free disk space" in str(caught.value)
    assert left(tmp_path) == sorted(older)
    assert (tmp_path / "a.onnx").read_bytes() == older["a.onnx"]
    assert (tmp_path / "a_openvino_model" / run.MARKER).read_bytes() == older["a_openvino_model"]


def test_a_folder_that_cannot_take_its_place_gives_way_to_the_older(tmp_path, monkeypatch):
    from core.ship.export import run

    target, made = tmp_path / "a_openvino_model", tmp_path / "made"
    for folder, text in ((target, "older"), (made, "new")):
        folder.mkdir()
        (folder / run.MARKER).write_text(text)
    path = type(target)
    rename = path.rename

    def refuse(self, other):
        if self.name == "new":
            raise OSError(13, "Permission denied")
        return rename(self, other)

    monkeypatch.setattr(path, "rename", refuse)
    with pytest.raises(UserError, match="permission denied"):
        run.put_export(made, target)
    assert left(tmp_path) == ["a_openvino_model", "made"]
    assert (target / run.MARKER).read_text() == "older"


def test_what_cannot_be_opened_again_is_not_kept(pruned, tmp_path, monkeypatch):
    """An exporter that says it is done, but left a broken file."""
    from ultralytics.engine.exporter import Exporter

    def broken(self, *_args, **_options):
        path = self.file.with_suffix(".torchscript")
        path.write_bytes(b"not a network")
        return str(path)

    monkeypatch.setattr(Exporter, "export_torchscript", broken)
    refused_and_kept(pruned, tmp_path, "exported TorchScript network could not be opened")


def test_a_missing_tool_is_one_line_of_the_command(pruned, tmp_path, monkeypatch, capsys):
    real = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "ncnn" else real(name))
    output = tmp_path / "small_ncnn_model"
    model = pruned("yolov8n").facts.path
    assert main(["export", model, "--format", "ncnn", "-o", str(output)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "NCNN needs ncnn" in said and "not installed" in said
    assert left(tmp_path) == []


def test_what_goes_wrong_is_one_line_of_the_command(pruned, tmp_path, monkeypatch, capsys):
    """A task that the format does not know, and an exporter that fails on the way."""
    from ultralytics.engine.exporter import Exporter

    def fail(self, *_args, **_options):
        self.file.with_suffix(".torchscript").write_bytes(b"half")
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(Exporter, "export_torchscript", fail)
    model = pruned("yolov8n-obb").facts.path
    for form, ending, words in (
        (["imx", "--int8"], "_imx_model", "Sony IMX500 does not support the task “obb”"),
        (["torchscript"], ".torchscript", "network to torchscript: out of memory. Nothing was"),
    ):
        output = tmp_path / f"a{ending}"
        arguments = ["export", model, "--image-size", str(SIZE), "-o", str(output)]
        assert main([*arguments, "--format", *form]) == 1
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1 and "Traceback" not in said
    assert left(tmp_path) == []


def test_cancelling_leaves_nothing(pruned, tmp_path):
    def stop(fraction, _text):
        if fraction > 0.5:
            raise CancelledError

    settings = ExportSettings("torchscript", image_size=SIZE)
    with pytest.raises(CancelledError):
        export(pruned("yolov8n"), tmp_path / "a.torchscript", settings, stop)
    assert left(tmp_path) == []


def test_calibrating_tells_every_image_and_can_be_cancelled(pruned, tmp_path):
    needs("onnx")
    loaded = pruned("yolov8n")
    data = make_dataset(tmp_path / "data", loaded.facts.classes, images=4)
    settings = ExportSettings(
        precision="int8", image_size=SIZE, data=DataSettings(data, split="train")
    )
    before, told = left(tmp_path), []

    def stop(_fraction, text):
        if text.startswith("Calibrating"):
            told.append(text)
        if len(told) == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        export(loaded, tmp_path / "a.onnx", settings, stop)
    assert [text.split(" of ")[0] for text in told] == [f"Calibrating: image {n}" for n in (1, 2)]
    assert left(tmp_path) == before


@pytest.mark.parametrize(
    ("family", "changes"),
    [("yolov8n", {"nms": True}), ("yolov8n", {"batch": 3}), ("yolov8n-cls", {}),
     ("yolo11n-pose", {})],
)  # fmt: skip
def test_int8_in_onnx_is_what_x86_multiplies_fast(pruned, tmp_path, family, changes):
    """Unsigned values by signed weights per channel, and only the decoding in FP32."""
    needs("onnx")
    import onnx

    loaded = pruned(family)
    facts = loaded.facts
    data = make_dataset(tmp_path / "data", facts.classes, facts.task, images=4)
    settings = ExportSettings(
        precision="int8", image_size=SIZE, data=DataSettings(data, images=4), compared=1, **changes
    )
    done = export(loaded, tmp_path / "a.onnx", settings)
    assert done.parity.passed is None
    graph = onnx.load(done.output).graph
    held = {one.name: one for one in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    layers = [n for n in graph.node if n.op_type in ("Conv", "Gemm", "ConvTranspose")]
    rounded = [n for n in layers if n.input[1] in makers]
    assert len(rounded) >= len(layers) - 1 > 20  # the decoding of boxes has a convolution
    for node in rounded:
        values, weights = makers[node.input[0]], makers[node.input[1]]
        assert held[values.input[2]].data_type == onnx.TensorProto.UINT8
        assert held[weights.input[0]].data_type == onnx.TensorProto.INT8
        if node.op_type == "Conv":
            assert list(held[weights.input[1]].dims) == [held[weights.input[0]].dims[0]]
    assert read_metadata(done.output, FORMATS["onnx"]).precision == "int8"


def test_nothing_is_installed(pruned, tmp_path, monkeypatch):
    """Even where the user allows Ultralytics to, and by tools that start pip themselves."""
    from ultralytics.engine.exporter import Exporter
    from ultralytics.nn import autobackend
    from ultralytics.utils import checks

    seen = []
    own, opening = Exporter.export_torchscript, autobackend.AutoBackend

    def note():
        seen.append((checks.AUTOINSTALL, os.environ.get("PIP_NO_INDEX")))

    def exporting(self, *args, **options):
        note()
        return own(self, *args, **options)

    def opened(*args, **options):
        note()
        return opening(*args, **options)

    monkeypatch.setattr(checks, "AUTOINSTALL", True)
    monkeypatch.setattr(Exporter, "export_torchscript", exporting)
    monkeypatch.setattr(autobackend, "AutoBackend", opened)
    settings = ExportSettings("torchscript", image_size=SIZE, compared=1)
    export(pruned("yolov8n-cls"), tmp_path / "a.torchscript", settings)
    assert seen == [(False, "1")] * 2
    assert checks.AUTOINSTALL is True and "PIP_NO_INDEX" not in os.environ


def test_tools_are_kept_from_telling_others(tmp_path, monkeypatch):
    """MNN's converter brings a module that runs pip and sends what was converted, when imported."""
    from core.ship.export.exporter import sealed

    folder = tmp_path / "MNN" / "tools" / "utils"
    folder.mkdir(parents=True)
    for part in (folder, *folder.parents[:2]):
        (part / "__init__.py").touch()
    (folder / "log.py").write_text("raise RuntimeError('it tells others')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n.partition(".")[0] == "MNN"]:
        monkeypatch.delitem(sys.modules, name)
    with sealed(), pytest.raises(ImportError):
        importlib.import_module("MNN.tools.utils.log")


def test_a_folder_of_the_persons_is_not_replaced(pruned, tmp_path):
    needs("openvino")
    output = tmp_path / "a_openvino_model"
    output.mkdir()
    (output / "thesis.txt").write_text("years of work")
    settings = ExportSettings("openvino", image_size=SIZE, compared=1)
    with pytest.raises(UserError, match="is not an exported network"):
        export(pruned("yolov8n-cls"), output, settings)
    assert left(output) == ["thesis.txt"]
    (output / "thesis.txt").rename(tmp_path / "thesis.txt")
    output.rmdir()
    export(pruned("yolov8n-cls"), output, settings)
    export(pruned("yolov8n-cls"), output, settings)  # an exported one is
    assert left(tmp_path) == [output.name, "thesis.txt"]


def test_the_command_and_the_job(pruned, tmp_path, capsys):
    model = pruned("yolov8n-cls").facts.path
    output = tmp_path / "small.torchscript"
    arguments = ["export", model, "--format", "torchscript", "--image-size", str(SIZE)]
    assert main([*arguments, "-o", str(output), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == str(output) and result["parity"]["passed"]
    assert result["bytes"] == output.stat().st_size
    assert main([*arguments, "-o", str(output)]) == 0
    assert "matches the checkpoint" in capsys.readouterr().out
    assert main([*arguments, "-o", str(tmp_path / "a.txt")]) == 1
    assert "does not end in .torchscript" in capsys.readouterr().err

    class Models:
        def get(self, path, expected=None):
            return core.load(path)

    args = {"path": model, "format": "torchscript", "output": str(output), "image_size": SIZE}
    told = []
    job = find_task("export")(Models(), args, lambda share, _text: told.append(share))
    json.dumps(job, allow_nan=False)
    assert job["parity"]["passed"] and told == sorted(told)
    assert main(["formats", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == find_task("formats")(Models(), {}, lambda *_: None)
    assert next(f for f in listed["formats"] if f["name"] == "torchscript")["missing"] is None
