"""YOLO-World and YOLOE: with their classes set, fused or not, they are pruned as any network."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import core
from core.data.stream import DataSettings
from core.errors import UserError
from core.graph.builder import analyse_model
from core.graph.prompts import Prompts, embeddings_of
from core.graph.tensors import tensors_in
from core.repair import RepairSettings
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import enliven, narrow, parameters
from tests.core.test_stock_ultralytics import stock_report

NAMES = {0: "red", 1: "green", 2: "blue"}


def world(family: str | Path) -> nn.Module:
    """As ``set_classes`` leaves it, without the text model that it would download."""
    model = enliven(core.load(described(family)).model.float().eval())
    torch.manual_seed(1)
    model.txt_feats = torch.nn.functional.normalize(torch.randn(1, len(NAMES), 512), dim=-1)
    model.model[-1].nc, model.names = len(NAMES), dict(NAMES)
    return model


def described(family: str | Path) -> str | Path:
    return family if isinstance(family, Path) else f"{family}.yaml"


def yoloe(family: str | Path, fuse: bool = False) -> nn.Module:
    model = enliven(core.load(described(family)).model.float().eval())
    torch.manual_seed(1)
    prompts = torch.nn.functional.normalize(torch.randn(1, len(NAMES), 512), dim=-1)
    model.set_classes(list(NAMES.values()), prompts)
    if fuse:
        model.model[-1].fuse(prompts)
    return model


MADE: dict[str, Callable[[], nn.Module]] = {
    "world": lambda: world("yolov8n-world"),
    "worldv2": lambda: world("yolov8n-worldv2"),
    "yoloe": lambda: yoloe("yoloe-v8n"),
    "yoloe-fused": lambda: yoloe("yoloe-11n", fuse=True),
    "yoloe-seg": lambda: yoloe("yoloe-v8n-seg"),
    "yoloe-seg-fused": lambda: yoloe("yoloe-11n-seg", fuse=True),
    "yoloe-26": lambda: yoloe("yoloe-26n"),
    "yoloe-26-fused": lambda: yoloe("yoloe-26n", fuse=True),
}


@pytest.fixture(params=MADE)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file as Ultralytics saves it."""
    path = tmp_path / f"{request.param}.pt"
    model = MADE[request.param]()
    torch.save({"model": model, "train_args": {}, "version": "8.4.190", "date": "today"}, path)
    return path


def outputs(model: nn.Module, image: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        found = model(image)
    return [t for t in tensors_in(found) if t.is_floating_point()]


def test_a_checkpoint_is_pruned_exactly_and_opened_by_stock(checkpoint: Path) -> None:
    loaded = core.load(checkpoint)
    assert list(loaded.facts.classes.values()) == list(NAMES.values())
    blocks = len(loaded.model.model)
    selection = [{"block": n, "ratio": 0.4} for n in range(blocks)]
    plan = core.parse_plan({"version": 1, "round_to": 1, "selection": selection})
    small = checkpoint.with_name("small.pt")
    result = core.prune(loaded, plan, small, cache=False)
    assert result.verification.passed
    assert parameters(result.model) < 0.9 * parameters(loaded.model)
    again = core.load(small)
    image = torch.rand(1, 3, 64, 64)
    for mine, other in zip(outputs(result.model, image), outputs(again.model, image), strict=True):
        torch.testing.assert_close(mine, other.to(mine), rtol=1e-4, atol=1e-4)
    embeddings = embeddings_of(loaded.model)
    if embeddings is not None:
        torch.testing.assert_close(embeddings_of(again.model), embeddings)


@pytest.mark.parametrize("name", ["worldv2", "yoloe-seg-fused"])
def test_stock_ultralytics_uses_the_pruned_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.pt"
    torch.save({"model": MADE[name](), "train_args": {}, "version": "8.4.190"}, path)
    plan = core.parse_plan({"version": 1, "selection": [{"block": 4, "ratio": 0.5}]})
    core.prune(core.load(path), plan, tmp_path / "small.pt", cache=False)
    report = stock_report(tmp_path / "small.pt", 64, Path(sys.executable))
    assert report["before"] == report["after"]
    assert report["classes"] == len(NAMES)
    assert report["results"] == report["onnx_results"] == 1


@pytest.mark.parametrize("name", ["world", "worldv2", "yoloe"])
def test_blocks_read_what_the_own_forward_function_hands_them(name: str) -> None:
    model = MADE[name]()
    image = torch.rand(2, 3, 64, 64)
    prompts, made = Prompts.of(model, image), {-1: image}
    with torch.no_grad():
        for block in model.model:
            sources = [block.f] if isinstance(block.f, int) else block.f
            read = [made[block.i - 1 if s == -1 else s] for s in sources]
            given = read[0] if isinstance(block.f, int) else read
            made[block.i] = block(*prompts.arguments(block, given))
            prompts.note(block, made[block.i])
        wanted = model(image)
    for mine, other in zip(
        tensors_in(made[len(model.model) - 1]),
        tensors_in(wanted),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    ("name", "make", "family"),
    [("worldv2", world, "yolov8n-worldv2"), ("yoloe", yoloe, "yoloe-v8n")],
    ids=["worldv2", "yoloe"],
)
def test_ranked_repaired_and_tuned(
    name: str, make: Callable[[Path], nn.Module], family: str, tmp_path: Path
) -> None:
    make_dataset(tmp_path / "data", NAMES, images=6, side=64)
    data = tmp_path / "data" / "data.yaml"
    path, small = tmp_path / f"{name}.pt", tmp_path / "small.pt"
    model = make(narrow(family, tmp_path))
    torch.save({"model": model, "train_args": {}, "version": "8.4.190"}, path)
    loaded = core.load(path)
    plan = core.parse_plan({"version": 1, "criterion": "fisher", "target": {"macs": 0.8}})
    settings = DataSettings(data, images=4, image_size=64)
    repair = RepairSettings(("bn", "refit"), minutes=5)
    result = core.prune(loaded, plan, small, data=settings, repair=repair, cache=False)
    assert result.repaired is not None
    assert [step.step for step in result.repaired.steps] == ["bn", "refit"]
    assert not any("not finished" in step.note for step in result.repaired.steps)
    tune = Settings(
        model=str(small), data=str(data), epochs=1, batch=2, image_size=64, device="cpu"
    )
    for teacher in (None, str(path)):
        folder = tmp_path / f"job-{teacher is None}"
        folder.mkdir()
        done = finetune(tune.model_copy(update={"teacher": teacher}), folder)
        assert parameters(core.load(done["output"]).model) == parameters(result.model)


def test_embeddings_are_not_changed_by_a_pass() -> None:
    model = MADE["world"]()
    before = copy.deepcopy(model.txt_feats)
    analyse_model(model, 640)
    torch.testing.assert_close(model.txt_feats, before, rtol=0, atol=0)


@pytest.mark.parametrize("kept", [None, "text", torch.zeros(0), torch.rand(3, 512), [1.0]])
@pytest.mark.parametrize("name", ["worldv2", "yoloe"])
def test_a_network_without_embeddings_is_refused(name: str, kept: object) -> None:
    model = MADE[name]()
    attribute = "txt_feats" if name == "worldv2" else "pe"
    setattr(model, attribute, kept)
    with pytest.raises(UserError, match="no embeddings of its classes"):
        analyse_model(model, 64)


def test_yoloe_has_80_classes_before_they_are_set() -> None:
    assert embeddings_of(core.load("yoloe-v8n.yaml").model).shape == (1, 80, 512)
