"""Files that try to run something: refused by name, and nothing is run."""

from __future__ import annotations

import collections
import io
import pickle
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from core.checkpoint import load
from core.errors import UserError


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def touch(path: Path) -> None:
    path.touch()


def archive(path: Path, pickled: bytes) -> None:
    """Write a pickle the way torch stores one, byte for byte."""
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("a/data.pkl", pickled)
        stream.writestr("a/version", "3\n")
        stream.writestr("a/byteorder", "little")


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load(path)
    assert "\n" not in caught.value.message
    return caught.value


def payloads(mark: Path):
    import os
    import runpy

    command = f"touch {mark}"
    return {
        "system": Call(os.system, command),
        "eval": Call(eval, f"__import__('os').system({command!r})"),
        "exec": Call(exec, f"open({str(mark)!r}, 'w')"),
        "open": Call(open, str(mark), "w"),
        "subprocess": Call(subprocess.check_output, ["touch", str(mark)]),
        "runpy": Call(runpy.run_path, str(mark)),
        "hub": Call(torch.hub.load, str(mark.parent), "custom"),
        "torch.load": Call(torch.load, str(mark)),
        "getattr": Call(getattr, [], "append"),
        "touch": Call(Path.touch, mark),
    }


PLACES = {
    "model": lambda call: {"model": call},
    "ema": lambda call: {"ema": call, "model": None},
    "optimizer": lambda call: {"model": None, "optimizer": {"state": [(0, {"m": call})]}},
    "train_args": lambda call: {"train_args": {"data": call}},
    "whole": lambda call: call,
    "dict": lambda call: collections.OrderedDict([("a", [{"b": (call,)}])]),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", payloads(Path("x")))
def test_calls_are_named_and_not_run(name, place, legacy, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "yolov8n.pt"
    contents = PLACES[place](payloads(mark)[name])
    torch.save(contents, path, _use_new_zipfile_serialization=not legacy)
    error = refused(path)
    assert not mark.exists()
    assert "No code from it was executed" in error.hint or "no stock checkpoint" in error.message


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("bare", [True, False])
def test_every_protocol(protocol, bare, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "a.pt"
    pickled = pickle.dumps({"model": payloads(mark)["system"]}, protocol=protocol)
    path.write_bytes(pickled) if bare else archive(path, pickled)
    error = refused(path)
    assert "system" in error.message
    assert not mark.exists()


def test_stack_global_with_names_from_the_memo(tmp_path):
    path = tmp_path / "a.pt"
    pushes = b"\x8c\x05posix\x94\x8c\x06system\x94\x93\x94"
    archive(path, b"\x80\x04" + pushes + b"\x8c\x04true\x85R.")
    assert "posix.system" in refused(path).message
    archive(
        path,
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940\x8c\x01x0h\x00h\x01\x93\x8c\x04true\x85R.",
    )
    assert "posix.system" in refused(path).message


def test_a_constructor_cannot_be_called(tmp_path, model):
    """Called with a dictionary, DetectionModel evaluates its activation."""
    from ultralytics.nn.tasks import DetectionModel

    mark = tmp_path / "mark"
    description = {**model.yaml, "activation": f"open({str(mark)!r}, 'w')"}
    path = tmp_path / "a.pt"
    torch.save({"model": Call(DetectionModel, description)}, path)
    error = refused(path)
    assert "a call of ultralytics.nn.tasks.DetectionModel" in error.message
    assert not mark.exists()


def test_a_downloading_layer_cannot_be_called(tmp_path):
    from ultralytics.nn.modules import TorchVision

    path = tmp_path / "a.pt"
    torch.save({"model": Call(TorchVision, "resnet18")}, path)
    assert "a call of" in refused(path).message


def test_rebuild_helpers_of_torch_do_not_call_for_it(tmp_path):
    """`_rebuild_from_type_v2` calls its first argument, and torch allows it by default."""
    path = tmp_path / "a.pt"
    helper = torch._tensor._rebuild_from_type_v2
    torch.save({"model": Call(helper, nn.Conv2d, nn.Conv2d, (1, 1, 1), None)}, path)
    assert "_rebuild_from_type_v2" in refused(path).message


@pytest.mark.parametrize("attribute", ["load", "__init__", "__class__", "register_forward_hook"])
def test_attributes_are_not_handed_out(attribute, tmp_path, model):
    """getattr in a file gives a placeholder; only forward functions come back from it."""
    path = tmp_path / "a.pt"
    model.harmless = Call(getattr, model, attribute)
    torch.save({"model": model}, path)
    assert not hasattr(load(path).model, "harmless")


def test_a_placeholder_cannot_be_called(tmp_path, model):
    path = tmp_path / "a.pt"
    head = b"\x80\x02cbuiltins\ngetattr\ncultralytics.nn.tasks\nDetectionModel\n"
    archive(path, head + b"X\x04\x00\x00\x00load\x86R)R.")
    assert "no stock checkpoint" in refused(path).message


def test_classes_cannot_be_changed(tmp_path):
    """BUILD on a class would put attributes on it for the whole process."""
    path = tmp_path / "a.pt"
    state = b"}X\x07\x00\x00\x00forwardX\x01\x00\x00\x00xs"
    archive(path, b"\x80\x02cultralytics.nn.modules.conv\nConv\n" + state + b"b.")
    refused(path)
    from ultralytics.nn.modules.conv import Conv

    assert callable(Conv.forward)


HARMLESS = torch._utils._rebuild_tensor_v2
"""A function that every checkpoint names."""
HOOKS = sorted(key for key in vars(nn.Module()) if key.endswith("hooks"))


@pytest.mark.parametrize(
    "key", [*HOOKS, "_forward_hooks_with_kwargs", "_forward_hooks_of_a_later_torch"]
)
def test_hooks_are_refused(key, tmp_path, model):
    path = tmp_path / "a.pt"
    vars(model.model[0])[key] = collections.OrderedDict([(0, HARMLESS)])
    torch.save({"model": model}, path)
    assert "attaches code to the layer model.0" in refused(path).message


@pytest.mark.parametrize("key", ["_call_impl", "__call__", "state_dict", "train", "float", "eval"])
def test_methods_of_a_module_are_not_replaced(key, tmp_path, model):
    path = tmp_path / "a.pt"
    vars(model.model[0])[key] = HARMLESS
    torch.save({"model": model}, path)
    assert "attaches code to the layer model.0" in refused(path).message


@pytest.mark.parametrize(
    "hold",
    [
        lambda module: module,
        lambda module: [module],
        lambda module: {"a": (module, 1)},
        lambda module: nn.ModuleList([module]),
        lambda module: types.SimpleNamespace(inside=[module]),
    ],
)
def test_hooks_of_modules_that_are_held_otherwise_are_refused(hold, tmp_path, model):
    path = tmp_path / "a.pt"
    module = nn.Conv2d(3, 3, 1)
    module._forward_hooks_always_called = {0: HARMLESS}
    vars(model.model[1])["extra"] = hold(module)
    torch.save({"model": model}, path)
    message = refused(path).message
    assert "attaches code" in message or "SimpleNamespace" in message


def test_what_holds_itself_is_walked_once(tmp_path, model):
    path = tmp_path / "a.pt"
    model.model[1].own, model.model[1].ring = [model.model[1]], [model.model[0]]
    vars(model.model[1])["ring"].append(vars(model.model[1])["ring"])
    deep = last = []
    for _ in range(100):
        last.append([])
        last = last[0]
    many = [deep, deep]
    for _ in range(40):  # 2^40 paths
        many = [many, many]
    vars(model.model[1])["many"] = many
    torch.save({"model": model}, path)
    load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "__import__('os').system('true')"},
        {"backbone": [[-1, 1, "check_requirements", ["nothing"]]]},
        {"head": [[-1, 1, "nn.init", []]]},
    ],
)
def test_a_description_that_would_run_on_rebuilding(change, tmp_path, model):
    path = tmp_path / "a.pt"
    model.yaml = {**model.yaml, **change}
    torch.save({"model": model}, path)
    assert "not a layer or an activation" in refused(path).message


def test_a_class_of_the_authors_script(tmp_path, model):
    script = types.ModuleType("__main__")
    script.C2f_v2 = type("C2f_v2", (nn.Module,), {"__module__": "__main__"})
    path = tmp_path / "a.pt"
    model.model[2] = script.C2f_v2()
    before, sys.modules["__main__"] = sys.modules["__main__"], script
    try:
        torch.save({"model": model}, path)
    finally:
        sys.modules["__main__"] = before
    error = refused(path)
    assert "author's own script: __main__.C2f_v2" in error.message


def test_a_checkpoint_of_yolov5s_own_repository(tmp_path, monkeypatch):
    for name in ("models", "models.yolo", "models.common"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    parts = {"DetectionModel": "models.yolo", "C3": "models.common"}
    classes = {name: type(name, (nn.Module,), {"__module__": home}) for name, home in parts.items()}
    for name, home in parts.items():
        setattr(sys.modules[home], name, classes[name])
    network = classes["DetectionModel"]()
    network.block = classes["C3"]()
    path = tmp_path / "yolov5s.pt"
    torch.save({"model": network, "ema": None}, path)
    error = refused(path)
    assert "the YOLOv5 repository" in error.message
    assert "models.common.C3, models.yolo.DetectionModel" in error.message
    assert "yolov5nu" in error.hint


def test_many_names_are_cut_short(tmp_path):
    path = tmp_path / "a.pt"
    archive(path, b"\x80\x02" + b"".join(b"cevil\nf%d\n0" % index for index in range(9)) + b"N.")
    assert "evil.f0, evil.f1, evil.f2, evil.f3 and 5 more" in refused(path).message


def test_ultralytics_classes_that_are_no_network(tmp_path):
    path = tmp_path / "a.pt"
    archive(path, b"\x80\x02cultralytics.models.yolo.model\nYOLO\n)\x81.")
    assert "model.save" in refused(path).hint
    archive(path, b"\x80\x02cultralytics.nn.tasks\nload_checkpoint\nX\x01\0\0\0xq\0\x85R.")
    assert "ultralytics.nn.tasks.load_checkpoint" in refused(path).message


@pytest.mark.parametrize("name", ["torch.nn.modules.module.register_module_forward_hook"])
def test_functions_beside_stock_classes(name, tmp_path):
    module, _, function = name.rpartition(".")
    path = tmp_path / "a.pt"
    archive(path, f"\x80\x02c{module}\n{function}\nN\x85R.".encode("latin1"))
    assert name in refused(path).message


def test_weights_that_claim_more_than_the_file_holds(tmp_path, model):
    path = tmp_path / "a.pt"
    huge = torch.zeros(1).expand(200_000, 100_000)
    model.model[0].conv.weight = nn.Parameter(huge)
    buffer = io.BytesIO()
    torch.save({"model": model}, buffer)
    path.write_bytes(buffer.getvalue())
    assert "more weights than it contains" in refused(path).message


def test_a_network_inside_itself(tmp_path, model):
    path = tmp_path / "a.pt"
    model.model[0]._modules["loop"] = model.model
    torch.save({"model": model}, path)
    assert "contains itself" in refused(path).message


@pytest.mark.parametrize("key", ["_modules", "_parameters", "_buffers"])
def test_parts_of_the_wrong_kind(key, tmp_path, model):
    path = tmp_path / "a.pt"
    vars(model.model[0])[key] = {"conv": "nonsense"}
    torch.save({"model": model}, path)
    assert "damaged part" in refused(path).message
