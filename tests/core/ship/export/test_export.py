"""Exported networks give what their checkpoints give; whatever goes wrong leaves nothing."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest
import torch

import core
from core.cli import main
from core.data.stream import DataSettings
from core.errors import CancelledError, UserError
from core.jobs.export import JOBS
from core.ship.export.formats import FORMATS
from core.ship.export.parity import compare
from core.ship.export.run import ExportSettings, export

from ...images import make_dataset
from .conftest import SIZE, left, needs

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
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, before[name])
    if done.exported_parameters is not None:
        assert 0.8 * done.parameters < done.exported_parameters <= done.parameters


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
    assert sorted((tmp_path / "data").rglob("*")) == listed  # nothing was written beside the images


BAD = {
    "format": (ExportSettings("floppy"), "a.onnx", "no export format “floppy”"),
    "precision": (ExportSettings(precision="int4"), "a.onnx", "no precision “int4”"),
    "name": (ExportSettings(), "a.pt", "does not end in .onnx"),
    "no name": (ExportSettings(), ".onnx", "does not end in .onnx"),
    "folder": (ExportSettings(), "no/such/a.onnx", "no folder"),
    "not data": (ExportSettings(precision="int8"), "a.onnx", "INT8 needs images"),
    "task": (ExportSettings("imx", precision="int8"), "a_imx_model", "does not know the task"),
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


def test_an_export_that_fails_midway_leaves_nothing(pruned, tmp_path, monkeypatch):
    from ultralytics.engine.exporter import Exporter

    def fail(self, *_args, **_options):
        self.file.with_suffix(".onnx").write_bytes(b"half")
        raise RuntimeError("no space\nleft on device")

    kept = tmp_path / "small.torchscript"
    kept.write_bytes(b"the person's")
    monkeypatch.setattr(Exporter, "export_torchscript", fail)
    with pytest.raises(UserError, match="to torchscript: no space left on device"):
        export(pruned("yolov8n"), kept, ExportSettings("torchscript", image_size=SIZE))
    assert left(tmp_path) == [kept.name]
    assert kept.read_bytes() == b"the person's"

    def lack(self, *_args, **_options):
        raise ModuleNotFoundError("No module named 'some_tool'", name="some_tool")

    monkeypatch.setattr(Exporter, "export_torchscript", lack)
    with pytest.raises(UserError, match="Python module some_tool, which is not installed"):
        export(pruned("yolov8n"), kept, ExportSettings("torchscript", image_size=SIZE))
    assert kept.read_bytes() == b"the person's"


def test_cancelling_leaves_nothing(pruned, tmp_path):
    def stop(fraction, _text):
        if fraction > 0.5:
            raise CancelledError

    settings = ExportSettings("torchscript", image_size=SIZE)
    with pytest.raises(CancelledError):
        export(pruned("yolov8n"), tmp_path / "a.torchscript", settings, stop)
    assert left(tmp_path) == []


def test_nothing_is_installed(pruned, tmp_path, monkeypatch):
    """Even where the person allows Ultralytics to."""
    from ultralytics.engine.exporter import Exporter
    from ultralytics.utils import checks

    seen = []
    own = Exporter.export_torchscript

    def note(self, *args, **options):
        seen.append(checks.AUTOINSTALL)
        return own(self, *args, **options)

    monkeypatch.setattr(checks, "AUTOINSTALL", True)
    monkeypatch.setattr(Exporter, "export_torchscript", note)
    settings = ExportSettings("torchscript", image_size=SIZE, compared=1)
    export(pruned("yolov8n"), tmp_path / "a.torchscript", settings)
    assert seen == [False]
    assert checks.AUTOINSTALL is True


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
    assert "equals the checkpoint" in capsys.readouterr().out
    assert main([*arguments, "-o", str(tmp_path / "a.txt")]) == 1
    assert "does not end in .torchscript" in capsys.readouterr().err

    class Models:
        def get(self, path, expected=None):
            return core.load(path)

    args = {"path": model, "format": "torchscript", "output": str(output), "image_size": SIZE}
    told = []
    job = JOBS["export"](Models(), args, lambda share, _text: told.append(share))
    json.dumps(job, allow_nan=False)
    assert job["parity"]["passed"] and told == sorted(told)
    assert main(["formats", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == JOBS["formats"](Models(), {}, lambda *_: None)
    assert next(f for f in listed["formats"] if f["name"] == "torchscript")["missing"] is None
