"""The model of a scan's time by Ray finds what it was made of."""

import pytest

from tests.benchmarks.ray import Model, Took, reported

SINGLE = [Took(50.0, 10.0, 50.0), Took(52.0, 12.0, 50.0), Took(70.0, 30.0, 60.0)]
STARTED = [Took(32.0, 11.0, 60.0)] * 3
RAY = [Took(38.0, 17.0, 66.0), Took(40.0, 17.0, 66.0), Took(60.0, 17.0, 66.0)]
ONE = [Took(48.0, 8.0, 48.0)] * 3
FIGURES = [({"images": 4}, ("a", "b"))] * 12


def test_it_is_fitted_to_one_worker() -> None:
    model = Model.of(RAY, STARTED, SINGLE)
    assert model == (8.0, 12.0, 40.0)
    assert model.seconds(1) == 60.0 and model.seconds(1, started=True) == 52.0
    assert model.seconds(4, points=2.0) == pytest.approx(8 + 12 + 2 * 40 / 4)


def test_it_is_checked_with_all_workers() -> None:
    took = {"one": ONE, "ray": RAY, "started": STARTED, "single": SINGLE}
    found = reported(1, 2, took, FIGURES)
    assert found["model_for_all_workers"] == 1.0  # 12 s, and half of 40 s
    assert found["ratio_wall"] == round(40 / 48, 3)
    assert found["ratio_without_start"] == round(32 / 48, 3)
    assert found["equal"] and found["points"] == 2


def test_without_workers_to_compare_there_is_no_model() -> None:
    found = reported(1, 1, {"one": ONE, "ray": RAY}, [*FIGURES, ({"images": 4}, ("a", "c"))])
    assert "model" not in found and not found["equal"]
