"""What counts as better: nearer image by image, beyond what noise explains."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.data.resample import BoxImages, draw, pooled
from core.repair.judge import Judge, Measure
from core.repair.outputs import gaps_on, outputs_on, over_all_scales
from tests.core.networks import network


def measure(gaps: list[float], accuracy: float | None = None) -> Measure:
    return Measure(float(np.mean(gaps)), accuracy, tuple(gaps))


def test_a_small_gain_on_every_image_counts_and_a_large_one_on_a_single_image_does_not() -> None:
    old = measure([3.0, 5.0, 4.0, 8.0, 2.0, 6.0])
    assert Judge.better(measure([2.9, 4.9, 3.8, 7.9, 1.9, 5.8]), old)
    assert not Judge.better(measure([3.1, 5.1, 4.1, 2.0, 2.2, 6.1]), old)


def test_accuracy_on_a_dozen_images_decides_nothing() -> None:
    old, new = measure([3.0, 5.0, 4.0], 0.5), measure([2.9, 4.8, 3.9], 0.1)
    assert Judge.better(new, old)
    assert not Judge.better(old, measure([2.9, 4.8, 3.9], 0.0))


def test_what_is_no_number_is_never_better() -> None:
    fine, broken = measure([1.0, 2.0]), measure([1.0, math.nan])
    assert not Judge.better(broken, fine)
    assert not Judge.better(measure([math.inf, 1.0]), fine)


@given(
    st.lists(st.floats(0.1, 10), min_size=2, max_size=30),
    st.floats(-0.05, 0.05),
    st.integers(0, 1000),
)
def test_of_two_networks_one_at_most_is_better(gaps, shift, seed) -> None:
    rng = np.random.default_rng(seed)
    one = measure(gaps)
    other = measure([gap + shift + rng.normal(0, 0.1) for gap in gaps])
    assert not Judge.better(one, one)
    assert not (Judge.better(one, other) and Judge.better(other, one))


#: Positions of the three scales on a 64-pixel image.
PLACES = (64, 16, 4)


def test_a_missing_scale_sees_nothing_and_the_others_are_compared() -> None:
    teacher = network("yolov8n").float().eval()
    images = [torch.rand(2, 3, 64, 64)]
    wanted = outputs_on(teacher, images)
    every, fine = (8, 16, 32), 64  # positions of the finest of 84
    said = [[{k: v[..., fine:] if v.ndim == 3 else v for k, v in wanted[0][0].items()}]]

    class Coarse(torch.nn.Module):
        def forward(self, _image):
            return None, said[0][0]

    gaps = gaps_on(Coarse(), wanted, images, every, (16, 32), [PLACES])
    silent = over_all_scales(said[0], wanted[0], every, (16, 32), PLACES)
    assert torch.equal(silent[0]["scores"][..., fine:], wanted[0][0]["scores"][..., fine:])
    assert silent[0]["scores"][..., :fine].sigmoid().max() <= 0.001 + 1e-6
    sure = wanted[0][0]["scores"][..., :fine].sigmoid() > 0.001
    assert torch.equal(
        silent[0]["scores"][..., :fine][~sure], wanted[0][0]["scores"][..., :fine][~sure]
    )
    assert gaps == pytest.approx((0.0, 0.0), abs=1e-3), "it sees nothing where there is nothing"
    sure = wanted[0][0]["scores"].clone()
    sure[0, 3, 5] = 2.0
    something = [[{**wanted[0][0], "scores": sure}]]
    seen = gaps_on(Coarse(), something, images, every, (16, 32), [PLACES])
    assert seen[0] > 1 and seen[1] == pytest.approx(gaps[1])
    assert gaps_on(teacher, wanted, images, every, every) == pytest.approx((0.0, 0.0), abs=1e-4)


@pytest.mark.parametrize("family", ["yolov8n", "yolov8n-seg", "yolov8n-cls", "yolov10n"])
def test_the_gap_of_an_image_does_not_depend_on_its_batch(family) -> None:
    teacher = network(family)
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        for parameter in student.model[-1].parameters():
            parameter.mul_(1.1)
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    together = gaps_on(student, outputs_on(teacher, [images]), [images])
    alone = list(images.split(1))
    assert together == pytest.approx(gaps_on(student, outputs_on(teacher, alone), alone), rel=1e-3)
    assert min(together) > 0 == max(gaps_on(teacher, outputs_on(teacher, [images]), [images]))


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_folds_evaluated_together_are_as_one_evaluation(seed, folds) -> None:
    rng = np.random.default_rng(seed)
    whole = found(rng, 12)
    parts = [only(whole, np.arange(12) % folds == n) for n in range(folds)]
    figure = np.ones((1, 12))
    assert pooled(parts).images == 12
    assert pooled(parts).figures(figure) == pytest.approx(whole.figures(figure), nan_ok=True)
    # A resample of images is one of the pooled images, in the order of the folds.
    order = np.concatenate([np.flatnonzero(np.arange(12) % folds == n) for n in range(folds)])
    drawn = draw(12, seed, 5)
    mine = pooled(parts).figures(drawn[:, order])
    assert mine == pytest.approx(whole.figures(drawn), nan_ok=True)


def found(rng: np.random.Generator, images: int) -> BoxImages:
    count, labels = int(rng.integers(1, 60)), int(rng.integers(1, 30))
    return BoxImages(
        rng.random((count, 10)) < 0.5,
        rng.permutation(count) / count,
        rng.integers(0, 3, count),
        np.sort(rng.integers(0, images, count)),
        rng.integers(0, 3, labels),
        np.sort(rng.integers(0, images, labels)),
        images,
    )


def only(whole: BoxImages, chosen: np.ndarray) -> BoxImages:
    numbers = np.cumsum(chosen) - 1
    mine, labels = chosen[whole.image], chosen[whole.label_image]
    return BoxImages(
        whole.hits[mine],
        whole.confidence[mine],
        whole.kind[mine],
        numbers[whole.image[mine]],
        whole.label_kind[labels],
        numbers[whole.label_image[labels]],
        int(chosen.sum()),
    )
