"""A training that is limited by time: the learning rate, and what continues it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CancelledError
from core.tune.run import finetune
from core.tune.settings import Settings
from core.tune.timed import WARM, factor


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_the_rate_rises_falls_and_ends_at_the_least(
    one: float, other: float, least: float, cosine: bool
) -> None:
    first, second = sorted((max(one, WARM), max(other, WARM)))
    assert 1 + 1e-9 >= factor(first, least, cosine) >= factor(second, least, cosine) - 1e-9
    assert 0 < factor(0.0, least, cosine) < 0.05
    assert factor(1.0, least, cosine) == pytest.approx(least)


def test_the_rest_of_the_time_is_used_after_an_interruption(
    settings: Settings, tmp_path: Path
) -> None:
    events: list[dict] = []
    limited = settings.model_copy(update={"minutes": 60.0, "epochs": 2, "validate_every": 100})

    def until(epochs: int) -> list[dict]:
        events.clear()

        def check() -> None:
            if len(seen()) == epochs:
                raise CancelledError

        def seen() -> list[dict]:
            return [event for event in events if event["event"] == "epoch"]

        with pytest.raises(CancelledError):
            finetune(limited, tmp_path, emit=events.append, check=check, resume=True)
        return seen()

    first = until(2)
    assert [event["epoch"] for event in first] == [1, 2]
    assert first[-1]["epochs"] > 10  # an hour is enough for more than the two asked for
    again = until(2)
    assert [event["epoch"] for event in again] == [3, 4]
    assert again[-1]["epochs"] > 10
