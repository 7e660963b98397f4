"""Milliseconds in the window: read from a cached table, without torch in its process."""

from __future__ import annotations

import numpy as np

from core.plan.live import Predictor
from core.plan.schema import Entry, Plan
from tests.core.networks import table_of
from tests.core.ship.tables import latency_of


def test_the_window_tells_milliseconds_from_the_table():
    table, latency = table_of("yolov8n"), latency_of("yolov8n")
    assert Predictor(table).milliseconds() is None
    assert Predictor(table_of("yolo11n"), latency).milliseconds() is None  # of another network
    predictor = Predictor(table, latency)
    plan = Plan(selection=(Entry(block=8, ratio=0.3),), round_to="auto")
    prediction = predictor.predict(plan, np.zeros(table.atom_count))
    before, after = predictor.milliseconds(), predictor.milliseconds(prediction.resolution.removed)
    assert before is not None and after is not None and after < before
    assert all(widths[3] % 16 == 0 for widths in prediction.layer_widths.values())
