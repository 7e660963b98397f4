"""Descriptions: Ultralytics' own, the user's, and hostile ones."""

from __future__ import annotations

import contextlib

import pytest
import torch
import yaml

from core.checkpoint import load
from core.errors import UserError

FAMILIES = {
    "yolov8n": ("detect", "DetectionModel"),
    "yolov8n-seg": ("segment", "SegmentationModel"),
    "yolov8n-pose": ("pose", "PoseModel"),
    "yolov8n-obb": ("obb", "OBBModel"),
    "yolov8n-cls": ("classify", "ClassificationModel"),
    "yolov5n": ("detect", "DetectionModel"),
    "yolov9t": ("detect", "DetectionModel"),
    "yolov10n": ("detect", "DetectionModel"),
    "yolo11n": ("detect", "DetectionModel"),
    "yolo11n-seg": ("segment", "SegmentationModel"),
    "yolo12n": ("detect", "DetectionModel"),
    "yolo26n": ("detect", "DetectionModel"),
    "yolo26n-sem": ("semantic", "SemanticSegmentationModel"),
    "yolo26n-depth": ("depth", "DepthModel"),
    "yolov8n-p2": ("detect", "DetectionModel"),
    "rtdetr-l": ("detect", "RTDETRDetectionModel"),
}
SMALL = """
nc: 3
scales:
  n: [1.0, 0.25, 1024]
  s: [1.0, 0.5, 1024]
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C2f, [32, True]]
head:
  - [[2], 1, Detect, [nc]]
"""


def written(tmp_path, text: str, name: str = "mine.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_builds(family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(f"{family}.yaml")
    task, kind = FAMILIES[family]
    facts = loaded.facts
    assert (facts.family, facts.task, type(loaded.model).__name__) == (family, task, kind)
    assert facts.image_size == (224 if task == "classify" else 640)
    assert facts.dtype == "float32" and not facts.frozen and not facts.fused
    assert facts.ultralytics is None and facts.history == ()
    assert not loaded.model.training
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert list(tmp_path.iterdir()) == []


def test_weights_are_the_same_every_time():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, second = (load("yolov8n.yaml") for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = second.model.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in first.model.state_dict().items()
    )
    assert first.facts == second.facts


def test_the_scale_is_part_of_the_hash():
    assert load("yolov8n.yaml").facts.sha256 != load("yolov8s.yaml").facts.sha256


def test_a_description_of_ones_own(tmp_path):
    path = written(tmp_path, SMALL)
    loaded = load(path)
    assert loaded.facts.family == "mine"
    assert loaded.facts.classes == {0: "0", 1: "1", 2: "2"}
    assert loaded.model.model[0].conv.out_channels == 8
    assert path.read_text(encoding="utf-8") == SMALL


def test_the_scale_in_the_name_of_a_file_beside(tmp_path):
    written(tmp_path, SMALL, "yolov8.yaml")
    loaded = load(tmp_path / "yolov8s.yaml")
    assert loaded.model.model[1].conv.out_channels == 16
    assert load(tmp_path / "yolov8n.yaml").model.model[1].conv.out_channels == 8
    assert loaded.facts.family == "yolov8s"
    with pytest.raises(UserError, match="no scale 'x'"):
        load(tmp_path / "yolov8x.yaml")


def test_a_yml_file_and_a_chosen_activation(tmp_path):
    from ultralytics.nn.modules import Conv

    before = Conv.default_act
    loaded = load(written(tmp_path, "activation: nn.LeakyReLU(0.1)\n" + SMALL, "mine.yml"))
    assert isinstance(loaded.model.model[0].act, torch.nn.LeakyReLU)
    assert Conv.default_act is before


def test_a_failure_leaves_no_activation_behind(tmp_path):
    from ultralytics.nn.modules import Conv

    before = Conv.default_act
    broken = "activation: nn.ReLU()\n" + SMALL.replace("C2f, [32, True]", "C2f, [a, b, c, d, e]")
    with pytest.raises(UserError, match="cannot be built"):
        load(written(tmp_path, broken))
    assert Conv.default_act is before


@pytest.mark.parametrize(
    "activation",
    [
        "__import__('os').system('touch MARK')",
        "open('MARK', 'w')",
        "nn.SiLU(inplace=open('MARK', 'w'))",
        "nn.SiLU() if open('MARK', 'w') else nn.SiLU()",
        "[nn.SiLU(), open('MARK', 'w')][0]",
        "nn.modules.module.torch.hub.load('x', 'y')",
        "nn.Module.__subclasses__()",
        "(lambda: open('MARK', 'w'))()",
        "os.system('touch MARK')",
        "nn.init.zeros_(1)",
        "nn.Conv2d(1, 1, 1)",
        "nn.SiLU()" + " " * 300,
        "(" * 150,
        ["nn.SiLU()"],
        7,
    ],
)
def test_hostile_activations(activation, tmp_path):
    mark = tmp_path / "mark"
    if isinstance(activation, str):
        activation = activation.replace("MARK", str(mark))
    text = yaml.safe_dump({**yaml.safe_load(SMALL), "activation": activation})
    with pytest.raises(UserError, match="uses an activation that PyTorch does not have"):
        load(written(tmp_path, text))
    assert not mark.exists()


@pytest.mark.parametrize(
    "module",
    ["check_requirements", "torch_load", "load_checkpoint", "__builtins__", "nn.init",
     "nn.Parameter", "nn.modules", "torchvision.ops.misc", "torchvision.models", "os.system",
     "DetectionModel", "BaseModel", "Ensemble", "Nonsense", "", "nn.", "nn.functional.relu"],
)  # fmt: skip
def test_modules_that_are_no_layers(module, tmp_path):
    text = SMALL.replace("1, C2f,", f"1, {module!r},")
    with pytest.raises(UserError, match="does not have"):
        load(written(tmp_path, text))


def test_arguments_are_never_evaluated(tmp_path):
    mark = tmp_path / "mark"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    text = SMALL.replace("[32, True]]", f"[32, {yaml.safe_dump(code).splitlines()[0]}]]")
    with contextlib.suppress(UserError):
        load(written(tmp_path, text))
    assert not mark.exists()


def test_yaml_tags_make_no_objects(tmp_path):
    mark = tmp_path / "mark"
    text = f"nc: !!python/object/apply:os.system ['touch {mark}']\n" + SMALL
    with pytest.raises(UserError, match="not valid YAML"):
        load(written(tmp_path, text))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images/train\nval: images/val\nnames: {0: cat}\n", "describes a dataset"),
        ("a: 1", "no backbone and head"),
        ("", "is empty"),
        ("# nothing", "is not a model YAML"),
        ("- 1\n- 2\n", "is not a model YAML"),
        ("a: [1,\nb: }", "not valid YAML"),
        ("\x00\x01", "not valid YAML|is empty"),
        ("backbone: 3\nhead: []", "not valid"),
        ("backbone: []\nhead: []", "not valid"),
        ("backbone: [[-1, 1, Conv]]\nhead: []", "Block 0"),
        ("backbone: [[-1, 1, Conv, [8, 3]]]\nhead: []\nscales: 3", "not valid"),
        ("backbone: [[-1, 1, Conv, [8, 3]]]\nhead: []\nscales: {n: 1}", "not valid"),
        ("nc: 2\nbackbone: [[-1, 1, Conv, [8, 3]]]\nhead: []", "not the head of a known task"),
        (SMALL.replace("[nc]", "[bad]"), "cannot be built"),
        (SMALL.replace("[[2]", "[[9]"), "cannot be built"),
        (SMALL.replace("[16, 3, 2]", "[999999999, 3, 2]"), "unreasonably large"),
        (SMALL.replace("[16, 3, 2]", "['999999999', 3, 2]"), "unreasonably large"),
        (SMALL.replace("nc: 3", "nc: none"), "cannot be built|wrong"),
        ("[" * 5000, "not valid YAML"),
        ("a: &a [1]\nb: " + "[*a, *a]" * 3, "not valid YAML|no backbone"),
        ("x" * (2 << 20), "too large"),
    ],
)
def test_what_is_no_description(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        load(written(tmp_path, text))
    assert "\n" not in caught.value.message


def test_a_name_that_nobody_knows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("nothing.yaml", "folder/yolov8n.yaml", "yolov8q.yaml"):
        with pytest.raises(UserError, match="does not exist"):
            load(name)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x80" * 100)
    with pytest.raises(UserError, match="not valid YAML"):
        load(path)
