"""Checkpoints of YOLOv5's own repository: what is in them, and why they are refused.

The classes here are written by hand after that repository's layout, under its module names. Their
state has the names and shapes of its files.
"""

from __future__ import annotations

import copy
import importlib.abc
import sys
import types
import warnings

import pytest
import torch
from torch import nn

from core.checkpoint import load
from core.cli.main import main
from core.system.files import sha256_of
from tests.core.checkpoint.test_hostile import refused

CLASSES = 4
ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]
WIDTHS = (16, 32, 64, 128, 256)


class Conv(nn.Module):
    def __init__(self, inputs, outputs, size=1, stride=1, padding=None):
        super().__init__()
        padding = size // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, width, add):
        super().__init__()
        self.cv1, self.cv2, self.add = Conv(width, width), Conv(width, width, 3), add

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    def __init__(self, inputs, outputs, repeats=1, add=True):
        super().__init__()
        half = outputs // 2
        self.cv1, self.cv2 = Conv(inputs, half), Conv(inputs, half)
        self.cv3 = Conv(2 * half, outputs)
        self.m = nn.Sequential(*(Bottleneck(half, add) for _ in range(repeats)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class SPPF(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.cv1, self.cv2 = Conv(inputs, inputs // 2), Conv(2 * inputs, outputs)
        self.m = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        found = [self.cv1(x)]
        for _ in range(3):
            found.append(self.m(found[-1]))
        return self.cv2(torch.cat(found, 1))


class Concat(nn.Module):
    def __init__(self):
        super().__init__()
        self.d = 1

    def forward(self, x):
        return torch.cat(x, self.d)


class Detect(nn.Module):
    """Three boxes per cell: factors of the anchors, objectness, and a score per class."""

    masks = 0

    def __init__(self, inputs):
        super().__init__()
        self.nc, self.no, self.nl, self.na = CLASSES, CLASSES + 5 + self.masks, len(ANCHORS), 3
        self.stride = torch.tensor([8.0, 16.0, 32.0])
        anchors = torch.tensor(ANCHORS).float().view(self.nl, -1, 2) / self.stride.view(-1, 1, 1)
        self.register_buffer("anchors", anchors)
        self.m = nn.ModuleList(nn.Conv2d(width, self.no * self.na, 1) for width in inputs)
        self.inplace = True

    def forward(self, x):
        found = []
        for level, (conv, features) in enumerate(zip(self.m, x, strict=True)):
            batch, _, high, wide = features.shape
            y = conv(features).view(batch, self.na, self.no, high, wide).permute(0, 1, 3, 4, 2)
            xy, wh, scores, rest = y.split((2, 2, self.nc + 1, self.masks), -1)
            rows, columns = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
            grid = torch.stack((columns, rows), -1) - 0.5
            xy = (xy.sigmoid() * 2 + grid) * self.stride[level]
            anchor = (self.anchors[level] * self.stride[level]).view(1, self.na, 1, 1, 2)
            wh = (wh.sigmoid() * 2) ** 2 * anchor
            y = torch.cat((xy, wh, scores.sigmoid(), rest), -1)
            found.append(y.reshape(batch, -1, self.no))
        return torch.cat(found, 1)


class Segment(Detect):
    masks = 32


class Classify(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv, self.pool = Conv(inputs, 1280), nn.AdaptiveAvgPool2d(1)
        self.drop, self.linear = nn.Dropout(0.0, inplace=True), nn.Linear(1280, CLASSES)

    def forward(self, x):
        return self.linear(self.drop(self.pool(self.conv(x)).flatten(1)))


class DetectionModel(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.yaml = {"nc": CLASSES, "anchors": ANCHORS, "backbone": [], "head": [], "ch": 3}
        self.names = {index: f"thing {index}" for index in range(CLASSES)}
        blocks = [*self.backbone(), *self.neck(), (head(WIDTHS[2:]), [17, 20, 23])]
        self.model = nn.Sequential(*(self.placed(i, *block) for i, block in enumerate(blocks)))
        self.save = [4, 6, 10, 14, 17, 20, 23]
        self.stride = torch.tensor([8.0, 16.0, 32.0])

    @staticmethod
    def placed(index, module, source=-1):
        module.i, module.f, module.type = index, source, f"models.common.{type(module).__name__}"
        return module

    @staticmethod
    def backbone():
        yield (Conv(3, WIDTHS[0], 6, 2, 2),)
        for before, width, repeats in zip(WIDTHS, WIDTHS[1:], (1, 2, 3, 1), strict=False):
            yield (Conv(before, width, 3, 2),)
            yield (C3(width, width, repeats),)
        yield (SPPF(WIDTHS[4], WIDTHS[4]),)

    @staticmethod
    def neck():
        _, _, small, middle, large = WIDTHS
        for source, width, inputs in ((6, middle, large), (4, small, middle)):
            yield (Conv(inputs, width),)
            yield (nn.Upsample(None, 2, "nearest"),)
            yield (Concat(), [-1, source])
            yield (C3(2 * width, width, 1, False),)
        # The smallest scale is block 17, the others are joined with what was narrowed before.
        for source, width, outputs in ((14, small, middle), (10, middle, large)):
            yield (Conv(width, width, 3, 2),)
            yield (Concat(), [-1, source])
            yield (C3(2 * width, outputs, 1, False),)

    def forward(self, x):
        kept = []
        for block in self.model:
            source = [block.f] if isinstance(block.f, int) else block.f
            read = [x if at == -1 else kept[at] for at in source]
            x = block(read[0] if isinstance(block.f, int) else read)
            kept.append(x)
        return x


class SegmentationModel(DetectionModel):
    pass


class Model(DetectionModel):
    """Its name until 2022."""


class ClassificationModel(DetectionModel):
    def __init__(self, head):
        nn.Module.__init__(self)
        blocks = [*list(self.backbone())[:-1], (head(WIDTHS[4]),)]
        self.model = nn.Sequential(*(self.placed(i, *block) for i, block in enumerate(blocks)))
        self.stride, self.save, self.nc = torch.tensor([8.0, 16.0, 32.0]), [], CLASSES


class AutoShape(nn.Module):
    """What torch.hub gives, saved as it is."""

    def __init__(self, head):
        super().__init__()
        self.conf, self.iou, self.model = 0.25, 0.45, DetectionModel(head)


COMMON = (Conv, Bottleneck, C3, SPPF, Concat, Classify, AutoShape)
YOLO = (Detect, Segment, DetectionModel, SegmentationModel, ClassificationModel, Model)
NETWORKS = {
    "detect": (DetectionModel, Detect, "factors of stored anchors"),
    "segment": (SegmentationModel, Segment, "factors of stored anchors"),
    "of 2021": (Model, Detect, "factors of stored anchors"),
    "hub": (AutoShape, Detect, "factors of stored anchors"),
    "classify": (ClassificationModel, Classify, "mean and deviation of ImageNet"),
}


class Canary(importlib.abc.MetaPathFinder):
    """Fails when anything imports the repository's modules, which a file cannot bring along."""

    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] not in ("models", "utils"), f"{name} was imported"


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Return a function that writes a checkpoint as YOLOv5's train.py does."""

    def save(network, legacy=False, key="model"):
        with monkeypatch.context() as context:
            for home, classes in (("models.common", COMMON), ("models.yolo", YOLO)):
                module = types.ModuleType(home)
                context.setitem(sys.modules, home, module)
                context.setitem(sys.modules, "models", types.ModuleType("models"))
                for kind in classes:
                    setattr(module, kind.__name__, kind)
                    context.setattr(kind, "__module__", home)
            contents = {
                "epoch": -1,
                "best_fitness": 0.5,
                "model": None,
                "ema": None,
                "updates": None,
                "optimizer": None,
                "opt": {"weights": "yolov5n.pt", "imgsz": 640},
                "git": {"remote": None, "branch": None},
                "date": "2023-01-01",
                key: copy.deepcopy(network).half(),
            }
            path = tmp_path / "best.pt"
            with warnings.catch_warnings():  # the source of these classes is not found
                warnings.simplefilter("ignore")
                torch.save(contents, path, _use_new_zipfile_serialization=not legacy)
        monkeypatch.setattr(sys, "meta_path", [Canary(), *sys.meta_path])
        return path

    return save


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_refused_with_the_reason(name, legacy, saved):
    kind, head, reason = NETWORKS[name]
    path = saved(kind(head), legacy)
    before = sha256_of(path)
    error = refused(path)
    assert "was saved by the YOLOv5 repository or a fork of it, not by Ultralytics" in error.message
    assert reason in error.hint
    assert "No code from it was executed" in error.hint
    assert "yolov5nu" in error.hint
    assert sha256_of(path) == before
    assert not {"models", "models.yolo", "models.common"} & set(sys.modules)


def test_an_average_alone_is_refused_as_well(saved):
    path = saved(DetectionModel(Detect), key="ema")
    assert "stored anchors" in refused(path).hint


@pytest.fixture(scope="module")
def stock():
    return load("yolov5n.yaml").model


def randomised(network):
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return network.eval()


def test_all_but_the_head_is_the_same_in_ultralytics(stock):
    """What the refusal says: the blocks have counterparts that compute the same, the head none."""
    theirs = randomised(DetectionModel(Detect))
    mine = copy.deepcopy(stock)
    head = f"model.{len(theirs.model) - 1}."
    state = {key: value for key, value in theirs.state_dict().items() if not key.startswith(head)}
    missing, unexpected = mine.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(key.startswith(head) for key in missing)
    mine.model[9].cv1.act = nn.SiLU()  # which Ultralytics left out of later networks
    seen = {}
    for network in (mine, theirs):
        network.model[-1].register_forward_pre_hook(
            lambda _, args, network=network: seen.update({network: list(args[0])})
        )
    with torch.no_grad():
        image = torch.rand(2, 3, 64, 96)
        mine.eval()(image)
        theirs(image)
    for first, second in zip(seen[mine], seen[theirs], strict=True):
        assert torch.allclose(first, second, rtol=1e-4, atol=1e-5)


def test_the_head_computes_what_none_of_ultralytics_does(stock):
    theirs = DetectionModel(Detect).eval()
    for conv in theirs.model[-1].m:
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    cells = 8 * 8 + 4 * 4 + 2 * 2
    with torch.no_grad():
        found, other = theirs(torch.rand(1, 3, 64, 64)), stock(torch.rand(1, 3, 64, 64))[0]
    assert found.shape == (1, 3 * cells, 5 + CLASSES)
    assert other.shape[2] == cells
    assert torch.allclose(found[0, :, 4:], torch.tensor(0.5))  # a score of 0.25 where 0.5 is usual
    sizes = {tuple(size) for size in found[0, :, 2:4].round().int().tolist()}
    assert sizes == {
        tuple(pair) for row in ANCHORS for pair in zip(row[::2], row[1::2], strict=True)
    }
    own = {key.rpartition(".")[2] for key in theirs.model[-1].state_dict()}
    assert "anchors" in own
    assert not any("anchors" in key for key in stock.state_dict())


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_the_command_line_says_it_in_one_line(json, saved, capsys):
    assert main(["inspect", str(saved(DetectionModel(Detect))), *json]) == 1
    told = capsys.readouterr()
    assert "YOLOv5 repository" in told.out + told.err
    assert "Traceback" not in told.out + told.err
