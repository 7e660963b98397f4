"""What is true of YOLOv8, read off the table; and that a trace leaves no trace."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from core.graph.blocks import block_graph
from core.graph.builder import analyse_model
from core.graph.cache import read_table, write_table
from core.graph.table import ChannelTable
from core.plan.why.why import affected, explain
from tests.core.networks import FAMILIES, OTHERS, network, parameters, table_of


def test_sources_and_concats_of_yolov8() -> None:
    blocks = table_of("yolov8s").blocks
    joins = {b.index: b.sources for b in blocks if len(b.sources) > 1}
    assert joins == {11: (10, 6), 14: (13, 4), 17: (16, 12), 20: (19, 9), 22: (15, 18, 21)}


def test_counts_of_yolov8s() -> None:
    table = table_of("yolov8s")
    assert len(table.blocks) == 23
    assert sum(layer.kind == "Conv2d" for layer in table.layers) == 64
    assert table.blocks[2].out_channels == 64


def test_block_5_reaches_one_layer() -> None:
    table = table_of("yolov8s")
    atoms = set(table.blocks[5].out_atoms.tolist())
    readers, sharers = affected(table, atoms, {table.index["model.5.conv"]})
    assert [table.layers[n].name for n in readers] == ["model.6.cv1.conv"]
    assert not sharers
    answer = explain(table, "5", "2")
    assert not answer.coupled
    assert answer.relation == "none"
    assert answer.changes == ("model.6.cv1.conv",)
    assert "does not change block 2" in answer.sentence
    assert "model.6.cv1.conv only" in answer.sentence


def test_why_names_the_concat_and_its_channels() -> None:
    answer = explain(table_of("yolov8s"), "4", "15")
    (path,) = answer.paths
    assert (path.target, path.relation, path.channels) == ("model.15.cv1.conv", "reads", (256, 383))
    (hop,) = path.hops
    assert (hop.op, hop.block, hop.channels) == ("concat", 14, (256, 383))


def test_why_names_the_shortcut_and_the_half() -> None:
    answer = explain(table_of("yolov8s"), "model.2.m.0.cv2", "model.2.cv1")
    assert answer.relation == "shares"
    assert [hop.op for hop in answer.paths[0].hops] == ["add", "split"]
    assert "second half" in answer.paths[0].text


@pytest.mark.parametrize(
    ("family", "neck", "head"),
    [
        ("yolov8n", 10, 22),
        ("yolo11n", 11, 23),
        ("yolov5n", 10, 24),
        ("yolov10n", 11, 23),
        ("yolo12n", 9, 21),
        ("rtdetr-l", 10, 28),
        ("yolov8n-seg", 10, 22),
    ],
)
def test_stages(family: str, neck: int, head: int) -> None:
    stages = [b.stage for b in table_of(family).blocks]
    assert stages[:neck] == ["backbone"] * neck
    assert stages[neck:head] == ["neck"] * (head - neck)
    assert stages[head:] == ["head"]


def test_a_classifier_has_no_neck() -> None:
    stages = {b.stage for b in table_of("yolov8n-cls").blocks}
    assert stages == {"backbone", "head"}


@pytest.mark.parametrize("family", FAMILIES + OTHERS)
def test_parameters_add_up(family: str) -> None:
    table = table_of(family)
    assert sum(b.parameters for b in table.blocks) == parameters(network(family))


@pytest.mark.parametrize("family", FAMILIES + OTHERS)
def test_every_layer_is_followed_or_named(family: str) -> None:
    """Nothing with weights is silently left out."""
    table, model = table_of(family), network(family)
    seen = {layer.name for layer in table.layers} | set(table.unfollowed)
    for name, module in model.named_modules():
        own = [f"{name}.{p}" for p, _ in module.named_parameters(recurse=False)]
        assert not own or name in seen or seen & set(own), name


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "rtdetr-l"])
def test_the_model_is_left_as_it_was(family: str) -> None:
    model = copy.deepcopy(network(family))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = model(image)[0]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    analyse_model(model, 640)
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(state[name], t) for name, t in model.state_dict().items())
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())
    with torch.no_grad():
        assert torch.equal(before, model(image)[0])


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolo26n"])
def test_the_same_network_gives_the_same_table(family: str) -> None:
    """Again and again: a tensor that is gone must not lend its identity to another."""
    first = table_of(family)
    litter = []
    for turn in range(15):
        litter.append([torch.zeros(1, n % 7 + 1, 2, 2) for n in range(turn * 13)])
        assert_equal_tables(first, analyse_model(network(family), 640))
        if turn % 4 == 3:
            litter.clear()


@pytest.mark.parametrize("family", ["yolov8n", "yolo12n", "rtdetr-l"])
def test_a_table_survives_its_file(family: str, tmp_path) -> None:
    table = table_of(family)
    write_table(tmp_path / "table.npz", table, {"note": "kept"})
    again, extra = read_table(tmp_path / "table.npz")
    assert extra == {"note": "kept"}
    assert_equal_tables(table, again)


def assert_equal_tables(table: ChannelTable, again: ChannelTable) -> None:
    plain_1, arrays_1 = table.to_arrays()
    plain_2, arrays_2 = again.to_arrays()
    assert plain_1 == plain_2
    assert all(np.array_equal(arrays_1[name], arrays_2[name]) for name in arrays_1)


def test_block_graph_follows_the_sources() -> None:
    graph = block_graph(table_of("yolov8n"))
    assert sorted(graph.predecessors(14)) == [4, 13]
    assert graph.edges[4, 14] == {"channels": 64, "offset": 128}
    assert graph.nodes[22]["stage"] == "head"


class Around(torch.nn.Module):
    """A block around another, in its place."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.f, self.i, self.type = inner.f, inner.i, inner.type


def test_a_block_that_cannot_be_followed_is_locked_and_the_rest_stays_free() -> None:
    model = copy.deepcopy(network("yolov8n"))

    class Odd(Around):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) if float(x.mean()) > -1e9 else self.inner.cv1(x)

    model.model[6] = Odd(model.model[6])
    table = analyse_model(model, 640)
    assert "branches on the values of the image" in table.blocks[6].reason
    inside = [n for n, layer in enumerate(table.layers) if layer.block == 6]
    assert len(inside) == 12
    for n in inside:
        atoms = table.outputs(n)
        assert (table.fixed[atoms[atoms >= 0]] >= 0).all()
    assert table.blocks[6].macs == table_of("yolov8n").blocks[6].macs
    assert sum(b.parameters for b in table.blocks) == parameters(model)
    assert (table.fixed[table.outputs(table.index["model.2.cv2.conv"])] < 0).any()


@pytest.mark.parametrize("order", [2, 1.0, 3, float("inf")])
@pytest.mark.parametrize(("dims", "locked"), [((2, 3), False), ((3,), False), ((1,), True)])
def test_a_norm_reduces_its_dimensions_whatever_its_order(
    order: float, dims: tuple[int, ...], locked: bool
) -> None:
    """The order comes before the dimensions, and 2 is one of these as well."""
    model = copy.deepcopy(network("yolov8n"))

    class Normed(Around):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            return y / torch.linalg.vector_norm(y, order, dims, keepdim=True).clamp(min=1e-3)

    model.model[5] = Normed(model.model[5])
    table = analyse_model(model, 640)
    assert bool((table.fixed[table.blocks[5].out_atoms] >= 0).all()) is locked


@pytest.mark.parametrize(("shape", "locked"), [((1,), False), ((1, 1, 1, 1), False), ((0,), True)])
@pytest.mark.parametrize("first", [True, False])
def test_a_buffer_in_a_product_is_no_counter(
    shape: tuple[int, ...], locked: bool, first: bool
) -> None:
    """A calibration that is stored scales what it is multiplied by, whichever comes first."""
    model = copy.deepcopy(network("yolov8n"))

    class Scaled(Around):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__(inner)
            own = (1, inner.conv.out_channels, 1, 1) if locked else shape
            self.register_buffer("scale", torch.rand(own) + 0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            return self.scale * y if first else y * self.scale

    model.model[5] = Scaled(model.model[5])
    table = analyse_model(model, 640)
    own = table.blocks[5].out_atoms
    assert len(own) == len(table_of("yolov8n").blocks[5].out_atoms) and (own >= 0).all()
    assert bool((table.fixed[own] >= 0).all()) is locked
