"""Times are shown with their spread, and a difference inside it is none."""

from __future__ import annotations

import pytest

from app.compare.tables import models_table
from app.latency.panel import time_rows


def model(path, median, half, ratio=None):
    speed = {"median": median, "low": median - half, "high": median + half, "ratio": ratio}
    return {
        "path": path,
        "family": "yolov8n",
        "sha256": "",
        "parameters": 100,
        "macs": 100,
        "figures": {"map50_95": 0.4},
        "classes": {},
        "milliseconds": median,
        "images": 8,
        "speed": speed,
    }


@pytest.mark.parametrize(
    ("median", "half", "ratio", "text"),
    [
        (22.0, 2.0, 1.1, "22.0 ± 2.0 (no difference)"),
        (30.0, 2.0, 1.5, "30.0 ± 2.0 (+50.0%)"),
        (12.0, 0.5, 0.6, "12.0 ± 0.5 (−40.0%)"),
    ],
)
def test_a_comparison_shows_spreads_and_no_difference_inside_them(median, half, ratio, text):
    models = [model("a.pt", 20.0, 1.0), model("b.pt", median, half, ratio)]
    table = models_table({"models": models, "layers": [], "similarity": None, "examples": []})
    (column,) = [c for c in table.columns if c.title == "ms/image"]
    assert [column.show(row) for row in table.rows] == ["20.0 ± 1.0", text]


@pytest.mark.parametrize(
    ("ratio", "text"), [((0.9, 0.97, 1.03), "no difference"), ((0.7, 0.72, 0.75), "0.720")]
)
def test_a_ratio_inside_its_spread_is_no_difference(ratio, text):
    low, median, high = ratio
    timing = {
        "model": "b.pt",
        "runtime": "onnx",
        "precision": "fp32",
        "batch": 1,
        "ms": {"median": 20.0, "iqr": 2.0},
        "ratio": {"low": low, "median": median, "high": high},
    }
    (row,) = time_rows({"timings": [timing]})
    assert row[2:4] == ("20.0 ± 1.0", text)
