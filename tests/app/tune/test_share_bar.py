"""The bar of shares: what is under it is not cut off in a panel as narrow as it can be."""

import pytest

from app.kit.widgets import ShareBar


@pytest.mark.parametrize("room", [160, 180, 200, 220, 240, 260, 400])
def test_the_names_fit(qtbot, room):
    bar = ShareBar()
    qtbot.addWidget(bar)
    bar.set_parts([("Backbone", 0.42, "backbone"), ("Neck", 0.33, "neck"), ("Head", 0.25, "head")])
    metrics = bar.fontMetrics()
    texts, gap = bar.names_for(metrics, room)
    assert [text.split()[-1] for text in texts] == ["42%", "33%", "25%"]
    assert gap >= 4
    assert sum(11 + metrics.horizontalAdvance(text) for text in texts) + 2 * gap <= room
    assert "Backbone 42%" in bar.toolTip()


def test_wide_it_names_the_parts(qtbot):
    bar = ShareBar()
    qtbot.addWidget(bar)
    bar.set_parts([("Backbone", 0.42, "backbone"), ("Head", 0.58, "head")])
    assert bar.names_for(bar.fontMetrics(), 400) == (["Backbone 42%", "Head 58%"], 10.0)
