"""A trained network that was pruned finds the same things after an export.

And a comparison that could not fail would be worth nothing: other weights are reported apart.
"""

from __future__ import annotations

import copy

import pytest
import torch

import core
from core.data.stream import DataSettings
from core.ship.export.formats import FORMATS
from core.ship.export.parity import CONFIDENCE, LOWEST_SCORE, TOLERANCE, compare
from core.ship.export.run import ExportSettings, _images, export
from tests.core.networks import network
from tests.core.ship.export.conftest import SIZE, needs

SIDE, IMAGES = 320, 16
FORMS = ("onnx", "torchscript", "openvino")
PLAN = ({"block": 21, "ratio": 0.5},)


@pytest.fixture(scope="session")
def small(trained, tmp_path_factory):
    """A trained YOLOv8n, pruned so little that it still finds things untuned."""
    path = tmp_path_factory.mktemp("small") / "small.pt"
    whole = core.load(trained)
    core.prune(whole, core.Plan(selection=PLAN), path)
    pruned = core.load(path)
    counts = [sum(p.numel() for p in one.model.parameters()) for one in (pruned, whole)]
    assert counts[0] < 0.9 * counts[1]
    return pruned


@pytest.fixture(scope="session")
def data(scenes):
    return DataSettings(scenes, images=IMAGES, image_size=SIDE, split="val")


@pytest.fixture(scope="session")
def images(small, data):
    """Two in which something is found."""
    read = _images(small, ExportSettings(data=data, compared=IMAGES), SIDE)[0]
    model = copy.deepcopy(small.model).float().eval()
    with torch.no_grad():
        found = [image for image in read if model(image)[0][:, 4:].max() > 2 * CONFIDENCE]
    return found[:2]


@pytest.fixture(scope="session")
def made(small, data, tmp_path_factory):
    """The exports, each once."""
    done = {}

    def get(form):
        needs(form)
        if form not in done:
            output = tmp_path_factory.mktemp("made") / f"small{FORMATS[form].suffix}"
            settings = ExportSettings(form, image_size=SIDE, data=data, compared=IMAGES)
            done[form] = export(small, output, settings)
        return done[form]

    return get


@pytest.mark.parametrize("form", FORMS)
def test_the_pruned_network_finds_the_same_on_images(made, form):
    parity = made(form).parity
    assert (parity.images, parity.real) == (IMAGES, True)
    assert parity.detections >= 20  # there is something to find
    assert parity.matched == 1.0
    assert parity.relative_error <= TOLERANCE
    assert parity.passed


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_stock_ultralytics_finds_the_same_with_the_file_as_with_the_checkpoint(
    small, made, scenes, form
):
    """Boxes as the user gets them, by nothing of ours: reading, scaling and suppression too."""
    from ultralytics import YOLO

    images = sorted((scenes.parent / "images" / "val").glob("*.jpg"))[:IMAGES]
    found = []
    for path in (small.facts.path, made(form).output):
        model = YOLO(str(path), task="detect")
        options = {"imgsz": SIDE, "rect": False, "device": "cpu", "verbose": False}
        found.append([result.boxes.data for result in model.predict(images, **options)])
    assert sum(map(len, found[0])) >= 20
    for mine, other in zip(*found, strict=True):
        assert mine.shape == other.shape
        order = [rows[rows[:, 4].argsort(descending=True)] for rows in (mine, other)]
        torch.testing.assert_close(*order, rtol=1e-3, atol=1e-2)  # of a pixel


def changed(model, change):
    other = copy.deepcopy(model)
    with torch.no_grad():
        change(other)
    return other


def scale_a_filter(model):
    model.model[15].cv2.conv.weight[0] *= 1.01


def swap_classes(model):
    for branch in model.model[-1].cv3:
        for tensor in (branch[2].weight, branch[2].bias):
            tensor.copy_(tensor.roll(1, 0))


def widen_boxes(model):
    for branch in model.model[-1].cv2:
        branch[2].bias += torch.linspace(0, 5.0, len(branch[2].bias))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("change", "seen"), [(scale_a_filter, False), (swap_classes, True), (widen_boxes, True)]
)
def test_other_weights_fail_the_comparison(small, images, made, form, change, seen):
    """One filter of one layer, off by a hundredth, fails; what the user would see is seen too."""
    output = made(form).output
    equal = compare(small.model, output, FORMATS[form], images, real=True)
    assert equal.passed and equal.detections > 0
    parity = compare(changed(small.model, change), output, FORMATS[form], images)
    assert not parity.passed
    assert parity.relative_error > TOLERANCE
    if seen:
        assert parity.matched < 1.0


def test_the_floor_under_scores_hides_rounding_and_no_more(tmp_path):
    """Scores below the floor still count: a millionth of a score fails, as it does at the floor."""
    model = network("yolov8n")
    images = [torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))]
    with torch.no_grad():
        assert model.eval()(images[0])[0][:, 4:].max() < LOWEST_SCORE  # all are below it
    path = tmp_path / "net.pt"
    core.checkpoint.save(model, path, train_args={"imgsz": SIZE})
    loaded = core.load(path)
    settings = ExportSettings("torchscript", image_size=SIZE, compared=1)
    output = export(loaded, tmp_path / "net.torchscript", settings).output
    form = FORMATS["torchscript"]

    def nudge(model):
        for branch in model.model[-1].cv3:
            branch[2].bias += 0.1  # scores of 1e-5 to 1e-4 grow by a tenth

    assert compare(loaded.model, output, form, images).passed
    assert not compare(changed(loaded.model, nudge), output, form, images).passed
