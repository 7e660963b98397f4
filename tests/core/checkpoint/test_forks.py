"""Networks of forks of Ultralytics: converted where that is exact, named where it is not.

`Attention` is written by hand after the attention of YOLOv12's own repository, which computes by
``qk`` and ``v`` what Ultralytics does by ``qkv``, and has a position encoding of 5×5.
"""

from __future__ import annotations

import copy
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from torch import nn
from ultralytics.nn.modules import C2f, Conv
from ultralytics.nn.modules.block import AAttn, Bottleneck
from ultralytics.utils.torch_utils import fuse_conv_and_bn

import core
from core.checkpoint import forks, load
from core.checkpoint.facts import Facts, fork_note
from core.cli.main import main
from core.errors import UserError
from core.system.files import sha256_of
from tests.core.checkpoint.test_hostile import refused
from tests.core.test_stock_ultralytics import run_stock
from tests.core.test_zoo import SCRIPT

SMALL = """
nc: 3
scales: {n: [0.5, 0.25, 1024]}
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 2, A2C2f, [256, True, 4, True]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 2, A2C2f, [512, True, 1]]
head:
  - [[2, 4], 1, Detect, [nc]]
"""


class Attention(nn.Module):
    """The fork's."""

    def __init__(self, heads, size, area=1, kernel=5):
        super().__init__()
        self.area, self.num_heads, self.head_dim = area, heads, size
        width = heads * size
        self.qk, self.v = Conv(width, 2 * width, 1, act=False), Conv(width, width, 1, act=False)
        self.proj = Conv(width, width, 1, act=False)
        self.pe = Conv(width, width, kernel, 1, kernel // 2, g=width, act=False)

    def forward(self, x):
        batch, width, high, wide = x.shape
        value = self.v(x)
        areas = (batch * self.area, high * wide // self.area)

        def heads(y):
            y = y.flatten(2).transpose(1, 2).reshape(*areas, width)
            return y.transpose(1, 2).view(areas[0], self.num_heads, self.head_dim, areas[1])

        query, key = self.qk(x).split([width, width], 1)
        query, key, inner = heads(query), heads(key), heads(value)
        weights = ((query.transpose(-2, -1) @ key) * self.head_dim**-0.5).softmax(-1)
        found = (inner @ weights.transpose(-2, -1)).permute(0, 3, 1, 2)
        found = found.reshape(batch, high, wide, width).permute(0, 3, 1, 2)
        return self.proj(found + self.pe(value))


def enliven(network):
    """Give norms statistics and scales that differ from channel to channel."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.running_var):
                    tensor.uniform_(0.5, 1.5)
                for tensor in (module.bias, module.running_mean):
                    tensor.normal_(0, 0.3)
    return network.eval()


def fused(module):
    """Fold the norms of a module's convolutions, as Ultralytics does."""
    for part in module.modules():
        if isinstance(part, Conv):
            part.conv = fuse_conv_and_bn(part.conv, part.bn)
            del part.bn
            part.forward = part.forward_fuse
    return module


def as_stored(module):
    """Return what the installed class makes of the fork's state when a file is opened."""
    stock = AAttn.__new__(AAttn)
    stock.__setstate__(dict(vars(module)))
    return stock


def swapped(network, kind, change):
    """Replace every module of a class in a network by what a function makes of it."""
    for module in list(network.modules()):
        for key, part in list(module._modules.items()):
            if type(part) is kind:
                module._modules[key] = change(part)
    return network


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """A network that attends as the fork does; it must not be changed."""
    path = tmp_path_factory.mktemp("forked") / "yolo12n.yaml"
    path.write_text(SMALL, encoding="utf-8")
    torch.manual_seed(0)
    network = load(path).model
    swapped(network, AAttn, lambda part: Attention(part.num_heads, part.head_dim, part.area))
    return enliven(network)


@pytest.fixture
def written(forked, tmp_path):
    """Return a function that writes the fork's checkpoint, after a change of each attention."""

    def write(change=None, half=False):
        network = swapped(copy.deepcopy(forked), Attention, as_stored)
        for part in [m for m in network.modules() if isinstance(m, AAttn)]:
            vars(part).pop("all_head_dim")
            if change is not None:
                change(part)
        path = tmp_path / "best.pt"
        torch.save({"model": network.half() if half else network}, path)
        return path

    return write


def tensors(network, image):
    with torch.no_grad():
        return network(image)[0]


@pytest.mark.parametrize("half", [False, True])
def test_it_computes_the_same(half, forked, written):
    loaded = load(written(half=half))
    image = torch.rand(2, 3, 64, 96)
    expected = copy.deepcopy(forked).half().float() if half else forked
    assert torch.allclose(tensors(loaded.model, image), tensors(expected, image), atol=2e-4)
    for module in loaded.model.modules():
        if isinstance(module, AAttn):
            width = module.num_heads * module.head_dim
            stock = AAttn(width, module.num_heads, module.area).state_dict()
            own = module.state_dict()
            assert list(own) == list(stock)
            assert all(own[key].shape == stock[key].shape for key in stock)
    assert loaded.facts.converted == "qk and v of AAttn joined to qkv (4×)"
    assert Facts.from_dict(loaded.facts.to_dict()) == loaded.facts


@settings(max_examples=40, deadline=None)
@given(
    heads=some.integers(1, 4),
    size=some.sampled_from([1, 3, 8, 16]),
    area=some.sampled_from([1, 2, 4]),
    kernel=some.sampled_from([1, 3, 5, 7]),
    fold=some.booleans(),
    seed=some.integers(0, 999),
)
def test_any_attention(heads, size, area, kernel, fold, seed):
    torch.manual_seed(seed)
    fork = enliven(Attention(heads, size, area, kernel))
    fork = fused(fork) if fold else fork
    holder = nn.Sequential(as_stored(copy.deepcopy(fork)))
    assert forks.convert(holder, "a.pt")
    x = torch.randn(2, heads * size, 4, 8)
    with torch.no_grad():
        assert torch.allclose(holder[0](x), fork(x), rtol=1e-4, atol=1e-5)
    assert forks.convert(holder, "a.pt") == ""  # converted once and for all


def test_gradients_flow_as_before():
    torch.manual_seed(0)
    fork = enliven(Attention(2, 8, 1))
    holder = nn.Sequential(as_stored(copy.deepcopy(fork)))
    forks.convert(holder, "a.pt")
    x = torch.randn(1, 16, 4, 4)
    for network in (fork.train(), holder.train()):
        network(x).square().sum().backward()
    joined = holder[0].qkv.conv.weight.grad.view(2, 3, 8, 16)  # per head: query, key, value
    query, key = fork.qk.conv.weight.grad.view(2, 2, 8, 16)
    assert torch.allclose(joined[:, 0], query, rtol=1e-3, atol=1e-5)
    assert torch.allclose(joined[:, 1], key, rtol=1e-3, atol=1e-5)
    value = fork.v.conv.weight.grad.view(2, 8, 16)
    assert torch.allclose(joined[:, 2], value, rtol=1e-3, atol=1e-5)


def test_it_is_pruned_and_opened_by_stock(written, tmp_path, stock):
    out = tmp_path / "small.pt"
    loaded = core.load(written())
    plan = core.Plan(selection=[{"block": block, "ratio": 0.5} for block in (1, 2, 3, 4)])
    result = core.prune(loaded, plan, out, cache=False)
    assert result.verification.passed
    parameters = sum(p.numel() for p in result.model.parameters())
    assert parameters < 0.9 * sum(p.numel() for p in loaded.model.parameters())
    assert load(out).facts.converted == ""
    told = run_stock(SCRIPT, out, 128, stock.folder / "python").split()
    assert int(told[-1]) == parameters


def test_inspect_says_it(written, capsys):
    path = written()
    assert main(["inspect", str(path)]) == 0
    assert fork_note(load(path).facts) in capsys.readouterr().out
    assert main(["inspect", str(path), "--json"]) == 0
    assert "qkv (4×)" in json.loads(capsys.readouterr().out)["model"]["converted"]


# ---- forks that only look alike -----------------------------------------------------------------


def fewer_heads(part):
    part.num_heads //= 2


def other_size(part):
    part.head_dim = 24


def no_heads(part):
    part.num_heads = 0


def shared_keys(part):  # grouped queries: fewer keys than queries
    part.qk = Conv(part.qk.conv.in_channels, part.qk.conv.out_channels - 16, 1, act=False)


def extra_parameter(part):
    part.temperature = nn.Parameter(torch.ones(part.num_heads, 1, 1))


def extra_buffer(part):
    part.register_buffer("relative_position", torch.zeros(9, 9))


def extra_module(part):
    part.gate = nn.Conv2d(part.v.conv.in_channels, 1, 1)


def another_activation(part):
    part.v.act = nn.SiLU()


def strides(part):
    part.qk.conv.stride = (2, 2)


def other_eps(part):
    part.v.bn.eps = 0.1


def without_norm(part):
    del part.v.bn


def plain(part):
    part.v = nn.Conv2d(part.v.conv.in_channels, part.v.conv.out_channels, 1)


def large_kernel(part):
    width = part.num_heads * part.head_dim
    part.pe = Conv(width, width, 9, 1, 4, g=width, act=False)


def even_kernel(part):
    width = part.num_heads * part.head_dim
    part.pe = Conv(width, width, 4, 1, 2, g=width, act=False)


def mixed_encoding(part):
    width = part.num_heads * part.head_dim
    part.pe = Conv(width, width, 5, 1, 2, act=False)


def no_encoding(part):
    del part.pe


def short_norm(part):
    part.v.bn.running_var = torch.ones(3)


def grouped(part):
    width = part.num_heads * part.head_dim
    part.qk = Conv(width, 2 * width, 1, g=2, act=False)
    part.v = Conv(width, width, 1, g=2, act=False)


def no_value(part):
    del part.v


ALIKE = [fewer_heads, other_size, no_heads, shared_keys, extra_parameter, extra_buffer]
ALIKE += [extra_module, another_activation, strides, other_eps, without_norm, plain, large_kernel]
ALIKE += [even_kernel, mixed_encoding, no_encoding, short_norm, grouped, no_value]


@pytest.mark.parametrize("change", ALIKE)
def test_one_that_only_looks_alike_is_named(change, written):
    path = written(change)
    before = sha256_of(path)
    error = refused(path)
    assert "is from a fork of Ultralytics: model.2." in error.message
    assert "(AAttn)" in error.message
    assert "Nothing of the file was changed" in error.hint
    assert sha256_of(path) == before


def test_nothing_is_converted_by_half():
    """What is refused stays as it was, down to the last tensor."""
    part = as_stored(enliven(Attention(2, 8)))
    even_kernel(part)
    before = {key: value.clone() for key, value in part.state_dict().items()}
    with pytest.raises(UserError):
        forks.convert(nn.Sequential(part), "a.pt")
    after = part.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    "add",
    [
        lambda block: setattr(block, "attention", nn.Conv2d(4, 4, 1)),
        lambda block: setattr(block, "scale", nn.Parameter(torch.ones(1))),
        lambda block: block.register_buffer("mask", torch.ones(2)),
        lambda block: setattr(block.m[0], "squeeze", nn.Sequential(nn.Linear(4, 4))),
        lambda block: setattr(block.cv1, "norm", nn.GroupNorm(2, 4)),
    ],
)
def test_a_part_that_no_class_uses_is_named(add, model, tmp_path):
    """A fork of C2f, say, that keeps its name: stock would run without the part."""
    add(model.model[2])
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    error = refused(path)
    assert "is from a fork of Ultralytics: model.2" in error.message
    assert "does not use" in error.message


def test_parts_without_weights_are_no_matter(model, tmp_path):
    model.model[2].dropout = nn.Dropout(0.5)
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert load(path)


@pytest.mark.parametrize(
    ("kind", "part"), [(C2f, "cv2"), (Bottleneck, "cv1"), (Conv, "act"), (C2f, "m")]
)
def test_a_part_that_is_missing_is_named(kind, part, model, tmp_path, capsys):
    """The classes of a file are the installed ones: what they read and a fork lacks is told."""
    found = next(m for m in model.model[2].modules() if type(m) is kind)
    delattr(found, part)
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert main(["inspect", str(path)]) == 1
    told = capsys.readouterr().err
    assert f"its {kind.__name__} has no “{part}”" in told
    assert "Traceback" not in told


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=some.data())
def test_a_damaged_fork_is_one_clear_line(draw, forked, tmp_path):
    """Any attribute of the fork's attention replaced by anything: opened or refused, never lost."""
    network = swapped(copy.deepcopy(forked), Attention, as_stored)
    part = draw.draw(some.sampled_from([m for m in network.modules() if isinstance(m, AAttn)]))
    keys = ["num_heads", "head_dim", "area", "qk", "v", "pe", "proj", "all_head_dim"]
    key = draw.draw(some.sampled_from(keys))
    value = draw.draw(some.sampled_from([-1, 0, 1, 1 << 40, 2.5, "x", None, True, [2], {}]))
    part._modules.pop(key, None)
    vars(part)[key] = value
    path = tmp_path / "a.pt"
    torch.save({"model": network}, path)
    try:
        loaded = load(path)
    except UserError as error:
        assert "\n" not in error.message
    else:
        assert key in ("area", "proj", "all_head_dim") or value == part.num_heads
        assert loaded.model
