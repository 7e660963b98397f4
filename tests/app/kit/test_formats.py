"""Figures as the window writes them."""

import pytest

from app.kit.formats import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.04, "0.0 s"), (0.42, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"),
        (89.4, "89 s"), (261.2, "4 min"), (821.7, "14 min"), (3900, "1 h 05 min"),
    ],
)  # fmt: skip
def test_a_time_has_no_more_figures_than_it_needs(seconds, text):
    assert duration(seconds) == text
