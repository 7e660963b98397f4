"""Partial results find their way through wrapped progress, and nowhere else."""

import pytest

from core.engine.server import Reporter
from core.errors import CancelledError
from core.progress import Span, publish, silent


def test_a_progress_that_does_not_listen_is_left_alone():
    publish(silent, {"step": 1})


def test_the_engine_sends_partial_results_as_events():
    events = []
    reporter = Reporter(events.append, lambda: False)
    part = Span(Span(reporter, 0.5, 1.0, "Scanning: "), 0.0, 0.5)
    part(0.5, "block 3")
    publish(part, {"block": 3})
    assert events == [
        {"event": "progress", "fraction": 0.625, "text": "Scanning: block 3"},
        {"event": "partial", "data": {"block": 3}},
    ]


def test_a_stopped_job_hears_it_at_its_next_step():
    with pytest.raises(CancelledError):
        Span(Reporter(print, lambda: True), 0, 1)(0.1, "on")
