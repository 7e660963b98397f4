"""Checkpoints that Ultralytics wrote with dill, as it did until September 2024."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import dill
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn
from ultralytics.nn.modules.conv import Concat, Conv
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import IterableSimpleNamespace

from core.checkpoint import load
from core.checkpoint.allowlist import RefusedError, _dill_type, _method
from tests.core.checkpoint.test_hostile import PLACES, Call, archive, payloads, refused


class MethodType:
    """Pickles as dill writes `types.MethodType`."""

    def __reduce__(self):
        return dill._dill._load_type, ("MethodType",)

    def __call__(self):
        raise AssertionError


class Bound:
    """Pickles as a function bound to a module."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return MethodType(), self.arguments


def as_saved(network):
    return {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "model": network.half(),
        "ema": None,
        "train_args": {"imgsz": 320},
        "version": "8.2.90",
    }


def with_loss(network):
    network.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5, task="detect", imgsz=320)
    network.criterion = network.init_criterion()
    return network.train()


NETWORKS = {
    "finished": lambda network: network,
    "fused": lambda network: network.fuse(verbose=False),
    "in training": with_loss,
    "listed names": lambda network: setattr(network, "names", ["x"] * 80) or network,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_as_with_pickle(name, model, tmp_path):
    network = NETWORKS[name](model)
    found = {}
    for module in (pickle, dill):
        path = tmp_path / f"{module.__name__}.pt"
        torch.save(as_saved(copy.deepcopy(network)), path, pickle_module=module)
        assert (b"dill._dill" in path.read_bytes()) == (module is dill)
        found[module] = load(path)
    first, second = found[pickle].model.state_dict(), found[dill].model.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    facts, others = (found[module].facts.to_dict() for module in (pickle, dill))
    differ = {key for key in facts if facts[key] != others[key]}
    assert differ <= {"path", "sha256"}
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found[pickle].model(image)[0], found[dill].model(image)[0])


@pytest.mark.parametrize("family", ["yolov8n-cls", "yolo11n-seg", "yolov10n"])
def test_other_networks(family, tmp_path):
    path = tmp_path / "a.pt"
    network = load(f"{family}.yaml").model
    torch.save({"model": copy.deepcopy(network).half()}, path, pickle_module=dill)
    loaded = load(path).model
    half = network.half().float().state_dict()
    assert all(torch.equal(value, half[key]) for key, value in loaded.state_dict().items())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", payloads(Path("x")))
def test_calls_written_by_dill_are_not_run(name, place, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "a.pt"
    torch.save(PLACES[place](payloads(mark)[name]), path, pickle_module=dill)
    error = refused(path)
    assert not mark.exists()
    assert "No code from it was executed" in error.hint or "no stock checkpoint" in error.message


def code(mark):
    """Return objects that only dill can write: each holds code of its own."""
    nested = {"mark": str(mark)}

    class Local(nn.Module):
        def __setstate__(self, state):
            Path(nested["mark"]).touch()

    return {
        "lambda": lambda: Path(nested["mark"]).touch(),
        "class": Local(),
        "code": (lambda: nested).__code__,
        "cell": (lambda: nested).__closure__[0],
        "module": Call(dill._dill._import_module, "antigravity"),
        "eval": Call(dill._dill._eval_repr, f"open({str(mark)!r}, 'w')"),
        "create": Call(dill._dill._create_type, type, "x", (), {}),
        "loads": Call(dill.loads, b"\x80\x02N."),
        "unmarshal": Call(dill._dill._unmarshal, b"N"),
    }


@pytest.mark.parametrize("place", ["model", "train_args", "dict"])
@pytest.mark.parametrize("name", code(Path("x")))
def test_nothing_else_of_dill(name, place, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "a.pt"
    torch.save(PLACES[place](code(mark)[name]), path, pickle_module=dill)
    error = refused(path)
    assert not mark.exists()
    assert "No code from it was executed" in error.hint


#: Types that make code, or from which code is a step away.
CODE = ["FunctionType", "LambdaType", "CodeType", "CellType", "ModuleType"]
CODE += ["PartialType", "AttrGetterType", "FileType", "ExitType", "type", "object", "super"]


@pytest.mark.parametrize("name", [*CODE, "property", "memoryview", "map", "range"])
def test_types_of_code_are_refused(name, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": Call(dill._dill._load_type, name)}, path)
    error = refused(path)
    assert f"the type '{name}' of dill" in error.message
    assert "No code from it was executed" in error.hint


@pytest.mark.parametrize("name", ["dict", "list", "int", "str", "bytes", "tuple"])
def test_a_type_is_not_called(name, tmp_path):
    """Torch calls `set`, `bytearray` and `complex` alone; `bytes` of a number takes memory."""
    path = tmp_path / "a.pt"
    head = f"\x80\x02cdill._dill\n_load_type\nX{chr(len(name))}\0\0\0{name}\x85R".encode("latin1")
    archive(path, head + b"J\x00\x00\x00\x10\x85R.")
    assert "a structure that no stock checkpoint has" in refused(path).message


@pytest.mark.parametrize("state", [b"}X\1\0\0\0aK\1sb.", b"X\1\0\0\0aK\1s.", b"K\1a."])
@pytest.mark.parametrize("name", ["set", "dict", "list"])
def test_a_type_cannot_be_changed(name, state, tmp_path):
    path = tmp_path / "a.pt"
    head = f"\x80\x02cdill._dill\n_load_type\nX{chr(len(name))}\0\0\0{name}\x85R".encode("latin1")
    archive(path, head + state)
    refused(path)


@pytest.mark.parametrize(
    "function",
    [
        Call(getattr, Conv, "load"),
        Call(getattr, Conv, "no_such"),
        Call(getattr, DetectionModel, "forward"),
        Call(getattr, Concat, "forward"),
        Conv,
        "forward",
        None,
    ],
)
def test_only_a_modules_own_forward_is_bound(function, tmp_path, model):
    """What `types.MethodType` of a file gives is a placeholder, never a call."""
    path = tmp_path / "a.pt"
    model.model[0].forward = Bound(function, model.model[0])
    torch.save({"model": model}, path)
    error = refused(path)
    assert "No code from it was executed" in error.hint


def test_a_bound_method_of_another_name_is_dropped(tmp_path, model):
    path = tmp_path / "a.pt"
    model.model[0].harmless = Bound(Call(getattr, Conv, "zero_grad"), model.model[0])
    torch.save({"model": model}, path)
    assert not hasattr(load(path).model.model[0], "harmless")


@pytest.mark.parametrize("argument", [b"K\x01", b"N", b"]", b"}", b"X\0\0\0\0"])
def test_a_name_that_is_none(argument, tmp_path):
    path = tmp_path / "a.pt"
    archive(path, b"\x80\x02cdill._dill\n_load_type\n" + argument + b"\x85R.")
    refused(path)


@given(some.one_of(some.text(), some.sampled_from(sorted(dill._dill._reverse_typemap))))
def test_a_name_gives_plain_data_or_nothing(name):
    try:
        found = _dill_type(name)
    except RefusedError:
        return
    if found is _method:
        assert name == "MethodType"
        return
    assert found is dill._dill._load_type(name)
    assert isinstance(found(), bool | int | float | complex | str | bytes | bytearray) or (
        found in (list, tuple, dict, set, frozenset)
    )
