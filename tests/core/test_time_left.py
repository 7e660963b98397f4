"""The estimate of the time left: right for steady work, calm, and never nonsense."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.options import _Line
from core.progress import TimeLeft, about, left_text, with_left
from core.runs.time_left import TimedEvents, share_of

SHARES = st.floats(allow_nan=True, allow_infinity=True)
TIMES = st.floats(0.0, 1e6)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def work(weights, total, overhead=0.0):
    """Do steps whose times go by their sizes; return the estimator after each, and the truth."""
    clock, whole, done = Clock(), sum(weights), 0.0
    left = TimeLeft(clock)
    left.step(0.0)
    clock.now += overhead
    for weight in weights:
        clock.now += total * weight / whole
        done += weight
        left.step(done / whole)
        yield left, clock, total * (1 - done / whole)


def uneven_work(times, total, overhead=0.0):
    """Do equal shares that take different times; the first one has an overhead besides."""
    clock, whole, spent = Clock(), float(sum(times)), 0.0
    left = TimeLeft(clock)
    left.step(0.0)
    clock.now += overhead
    for number, took in enumerate(times, 1):
        clock.now += total * took / whole
        spent += took
        left.step(number / len(times))
        yield number / len(times), left, max(0.0, total * (1 - spent / whole))


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=60), st.floats(0.1, 1e5))
def test_steady_work_is_estimated_right_from_the_second_step(weights, total):
    for number, (left, _, truth) in enumerate(work(weights, total), 1):
        if number < 2:
            assert left.seconds is None
            assert left.words == ""
        else:
            assert left.seconds == pytest.approx(truth, rel=1e-6, abs=1e-6 * total)


@given(st.lists(st.floats(0.5, 1.5), min_size=3, max_size=80), st.floats(1.0, 1e4))
def test_it_is_off_by_no_more_than_the_steps_differ(times, total):
    """Equal shares whose times differ up to threefold, in the worst order."""
    for share, left, truth in uneven_work(times, total):
        if share > 1.5 / len(times):
            assert truth / 3 - 0.05 * total <= left.seconds <= 3 * truth + 0.05 * total


@given(st.integers(50, 400), st.floats(1.0, 1e4), st.floats(0.0, 1e4), st.integers(0, 1000))
def test_it_converges_whatever_came_first(count, total, overhead, seed):
    """The error of a mean of independent steps falls with the root of their number."""
    times = np.random.default_rng(seed).uniform(0.5, 1.5, count)
    bound = 1.6 / math.sqrt(count)  # five standard deviations, over 400 seeds of each count
    for share, left, truth in uneven_work(times, total, overhead):
        if share > 0.5:
            assert left.seconds == pytest.approx(truth, abs=bound * total)


@given(st.lists(st.tuples(TIMES, SHARES, st.booleans()), max_size=80))
def test_it_is_never_negative_nor_no_number_whatever_is_reported(reports):
    clock = Clock()
    left = TimeLeft(clock)
    grown, most = 0, -1.0
    for took, share, rests in reports:
        clock.now += took
        left.step(share)
        if rests:
            left.rest()
        known = min(max(share, 0.0), 1.0) if math.isfinite(share) else most
        grown += most >= 0 and known > max(most, 0.0)
        most = max(known, most, 0.0)
        for seconds in (left.seconds, left.shown):
            assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
        assert left.seconds is None or grown >= 2


@given(st.integers(4, 50), st.integers(0, 1_000_000))
def test_known_results_that_come_at_once_do_not_count_as_work(count, skipped):
    """A scan that goes on after an interruption reports what it knows in one jump."""
    clock = Clock()
    left = TimeLeft(clock)
    jump = 0.05 + 0.9 * skipped / 1_000_000
    left.step(0.0)
    clock.now += 0.001
    left.step(jump)
    for number in range(1, count):
        clock.now += 10.0
        left.step(jump + (1 - jump) * number / count)
    assert left.seconds == pytest.approx(10.0, rel=0.01)


def test_between_steps_it_counts_down_and_a_pause_stops_it():
    clock = Clock()
    left = TimeLeft(clock)
    for number in range(6):
        left.step(number / 10)
        clock.now += 10.0
    clock.now -= 10.0
    assert left.seconds == pytest.approx(50.0)
    clock.now += 4.0
    assert left.seconds == pytest.approx(46.0)
    clock.now += 1000.0  # it hangs: no countdown to nothing
    assert left.seconds == pytest.approx(35.0)
    left.rest()
    assert left.seconds == pytest.approx(50.0)
    clock.now += 10.0
    left.step(0.6)
    assert left.seconds == pytest.approx(40.0)


@given(st.integers(50, 300), st.floats(60.0, 1e4), st.integers(0, 1000))
def test_what_people_read_seldom_grows(count, total, seed):
    times = np.random.default_rng(seed).uniform(0.5, 1.5, count)
    shown = [left.shown for share, left, _ in uneven_work(times, total) if share > 0.25]
    grows = [b - a for a, b in itertools.pairwise(shown) if b > a]
    assert len(grows) <= 1 + len(shown) // 5
    assert all(grow <= 0.1 * total + 60 for grow in grows)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a few seconds"), (40, "about 40 s"), (180, "about 3 min"), (5400, "about 1 h 30 min")],
)
def test_words(seconds, words):
    assert about(seconds) == words
    assert left_text(seconds) == f"{words} left"


def test_unknown_time_is_left_out():
    assert left_text(None) == ""
    assert with_left("Scanning", "") == "Scanning"
    assert with_left("Scanning", "about 3 min left") == "Scanning, about 3 min left"


def test_a_job_adds_it_to_the_events_that_report_how_far_it_is():
    """Training counts, measuring before and after it does not; a pause takes no part in it."""
    clock, told = Clock(), []
    emit = TimedEvents(told.append, True, clock)
    for share in (0.3, 0.6, 0.9):
        emit({"event": "progress", "fraction": share, "text": "Validating"})
        clock.now += 50.0
    assert not any("seconds_left" in event for event in told)
    for number in range(4):
        emit({"event": "batch", "fraction": number / 10})
        clock.now += 20.0
    assert [event["seconds_left"] for event in told[-4:]] == [None, None, 180, 180]
    emit({"event": "paused"})
    clock.now += 10_000.0
    emit({"event": "continued"})
    clock.now += 20.0
    emit({"event": "epoch", "fraction": 0.5, "epoch": 5, "epochs": 10})
    assert told[-1]["seconds_left"] == 60  # the pause took no part in it


def test_what_was_measured_before_a_training_is_measured_after_it():
    clock, told = Clock(), []
    emit = TimedEvents(told.append, True, clock)
    emit({"event": "started"})
    clock.now += 300.0
    emit({"event": "baseline", "metrics": {}})
    for number in range(11):
        emit({"event": "batch", "fraction": number / 10})
        clock.now += 60.0
    assert told[4]["seconds_left"] == 480 + 600
    assert told[-1]["seconds_left"] == 600


@pytest.mark.parametrize(
    ("event", "trains", "share"),
    [
        ({"event": "batch", "fraction": 0.5}, True, 0.5),
        ({"event": "epoch", "fraction": 0.5, "step": 2, "steps": 4}, True, 0.375),
        ({"event": "progress", "fraction": 0.5}, True, None),
        ({"event": "progress", "fraction": 0.5}, False, 0.5),
        ({"event": "baseline", "metrics": {}}, True, None),
        ({"event": "batch"}, True, None),
    ],
)
def test_what_counts_as_progress_of_a_job(event, trains, share):
    assert share_of(event, trains) == share


def test_the_terminal_shows_it(capsys):
    clock = Clock()
    line = _Line(sys.stderr)
    line._left = TimeLeft(clock)
    for number in range(4):
        line(number / 10, "Scanning")
        clock.now += 60.0
    line(1.0, "Done")
    told = capsys.readouterr().err.split("\r\x1b[K")[1:]
    assert told[:2] == ["  0% Scanning", " 10% Scanning"]
    assert told[2] == " 20% Scanning, about 8 min left"
    assert told[4] == "100% Done\n"
