"""The bootstrap over images: its figure is Ultralytics' own, and pairing narrows its interval."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.resample import BoxImages, ClassImages, draw, interval
from core.data.stream import DataSettings
from core.data.validation import Validation
from core.pipeline import load
from tests.core.images import make_dataset


@pytest.fixture(scope="module")
def seen(trained, scenes):
    loaded = load(trained)
    data = DataSettings(scenes, images=16, image_size=160, device="cpu", split="val")
    validation = Validation(loaded.model, data, loaded.facts.classes, loaded.facts.task)
    return validation.evaluate_by_image(loaded.model)


def test_every_image_once_is_the_figure_of_ultralytics(seen) -> None:
    accuracy, images = seen
    assert accuracy.map50_95 > 0.1
    assert images.images == accuracy.images == 16
    (figure,) = images.figures(np.ones((1, images.images)))
    assert figure == pytest.approx(accuracy.map50_95, abs=1e-6)


def test_an_image_counted_twice_is_there_twice(seen) -> None:
    _, images = seen
    twice = np.ones((1, images.images))
    twice[0, 3] = 2
    copied = _with_copy(images, 3)
    assert images.figures(twice) == pytest.approx(copied.figures(np.ones((1, 17))))


def _with_copy(images: BoxImages, number: int) -> BoxImages:
    own, labels = images.image == number, images.label_image == number
    last = images.images
    return BoxImages(
        np.concatenate([images.hits, images.hits[own]]),
        np.concatenate([images.confidence, images.confidence[own]]),
        np.concatenate([images.kind, images.kind[own]]),
        np.concatenate([images.image, np.full(own.sum(), last)]),
        np.concatenate([images.label_kind, images.label_kind[labels]]),
        np.concatenate([images.label_image, np.full(labels.sum(), last)]),
        last + 1,
    )


def test_parts_of_the_resamples_change_nothing(seen, monkeypatch) -> None:
    _, images = seen
    weights = draw(images.images, count=7)
    whole = images.figures(weights)
    monkeypatch.setattr("core.data.resample.HELD", 1)
    assert np.array_equal(images.figures(weights), whole)


def test_pairing_cancels_what_is_hard_for_both(seen) -> None:
    accuracy, images = seen
    base = images.figures(draw(images.images))
    assert interval(accuracy.map50_95, accuracy.map50_95, base, base) == pytest.approx(
        (accuracy.map50_95, accuracy.map50_95)
    )
    others = np.random.default_rng(1).permutation(base)
    low, high = interval(accuracy.map50_95, accuracy.map50_95, others, base)
    assert low < accuracy.map50_95 < high


def test_more_images_give_a_narrower_interval() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (20, 500):
        before, after = ClassImages(rng.random(count) < 0.9), ClassImages(rng.random(count) < 0.7)
        weights = draw(count)
        low, high = interval(
            after.right.mean(), before.right.mean(), after.figures(weights), before.figures(weights)
        )
        assert low <= after.right.mean() <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_without_labels_there_is_no_figure() -> None:
    nothing = np.zeros(0, np.int64)
    images = BoxImages(np.zeros((0, 10), bool), np.zeros(0), *[nothing] * 4, 2)
    assert np.isnan(images.figures(np.ones((1, 2)))).all()
    assert interval(0.0, 0.0, np.full(3, np.nan), np.full(3, np.nan)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("yolov8n-cls.yaml", "classify"),
        ("yolov8n-seg.yaml", "segment"),
        ("yolov8n-pose.yaml", "pose"),
        ("yolov8n-obb.yaml", "obb"),
    ],
)
def test_every_task_has_its_figure(name: str, task: str, tmp_path) -> None:
    loaded = load(name)
    path = make_dataset(tmp_path / "data", loaded.facts.classes, task)
    data = DataSettings(path, images=6, image_size=64, device="cpu", split="val")
    validation = Validation(loaded.model, data, loaded.facts.classes, task)
    accuracy, images = validation.evaluate_by_image(loaded.model)
    (figure,) = images.figures(np.ones((1, images.images)))
    assert figure == pytest.approx(accuracy.map50_95, abs=1e-6)
