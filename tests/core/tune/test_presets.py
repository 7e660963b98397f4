"""What a preset sets depends on how many images there are."""

from __future__ import annotations

import pytest

from core.tune.presets import PER_CLASS, PRESETS, merged_options


@pytest.mark.parametrize("preset", PRESETS)
def test_the_larger_rate_is_for_many_images_per_class_and_yields_to_the_users(preset: str) -> None:
    few, many = (merged_options(preset, {}, {}, n) for n in (PER_CLASS - 1, PER_CLASS))
    bold = PRESETS[preset].bold
    assert many == (few if bold is None else {**few, "lr0": bold})
    assert merged_options(preset, {}, {"lr0": 0.5}, PER_CLASS)["lr0"] == 0.5
    if bold is not None:
        assert few["lr0"] < bold
