"""Live charts: what is drawn, one chart at a time, in memory that does not grow."""

import numpy as np
import pytest

from app.tune.charts.epoch_chart import round_range
from app.tune.charts.training_chart import TrainingCharts
from app.tune.trace import APART, DASHES, pieces, thinned
from core.runs.tail import Digest, RunEntry
from tests.app.conftest import QUICK_MS, growth_of

BATCHES = 50


def told(digest, first, count):
    """Batches of a training whose losses scatter; every fiftieth ends an epoch."""
    for number in range(first, first + count):
        epoch, batch = 1 + number // BATCHES, 1 + number % BATCHES
        noise = (number * 7919 % 1000) / 1000
        event = {
            "event": "batch", "epoch": epoch, "epochs": 400, "batch": batch, "batches": BATCHES,
            "losses": {"train/box_loss": 1 + noise, "train/cls_loss": 2 + noise},
            "learning_rate": 1e-4 / epoch, "images_per_second": 20.0, "memory": {"process": 1},
            "seconds_left": 100.0,
        }  # fmt: skip
        if batch == BATCHES:
            event |= {"event": "epoch", "metrics": {"metrics/mAP50-95(B)": 0.2 + 0.1 * noise}}
        digest.take(event)


def shot(digest, folder="f"):
    return digest.snapshot(RunEntry(folder, "finetune", "", "running", "run", {"model": "a.pt"}))


@pytest.fixture
def charts(qtbot):
    charts = TrainingCharts()
    qtbot.addWidget(charts)
    charts.resize(1000, 200)
    with qtbot.waitExposed(charts):
        charts.show()
    return charts


def described(charts):
    return [chart.plot.accessibleDescription() for chart in charts._charts]


def test_charts_take_turns_and_end_with_the_newest_figures(charts, qtbot, qapp):
    digest = Digest()
    told(digest, 0, 60)
    charts.show_snapshot(shot(digest))
    assert [bool(chart.plot.curves) for chart in charts._charts] == [True, False, False]
    qtbot.waitUntil(lambda: all(described(charts)), timeout=QUICK_MS)
    qtbot.waitUntil(lambda: charts._rest.isActive(), timeout=QUICK_MS)
    before = [chart.plot.curves for chart in charts._charts]
    for turn in range(5):  # told far more often than drawn
        told(digest, 60 + 20 * turn, 20)
        charts.show_snapshot(shot(digest))
    assert [chart.plot.curves for chart in charts._charts] == before
    newest = shot(digest)
    curves = [newest.losses, newest.metrics, newest.rates]
    qtbot.waitUntil(lambda: [c.plot.curves for c in charts._charts] == curves, timeout=QUICK_MS)


def test_the_same_curves_again_draw_nothing(charts, qtbot):
    digest = Digest()
    told(digest, 0, 120)
    charts.show_snapshot(shot(digest))
    qtbot.waitUntil(lambda: not charts._waiting, timeout=QUICK_MS)
    for chart, curves in zip(
        charts._charts, (shot(digest).losses, shot(digest).metrics, shot(digest).rates), strict=True
    ):
        assert chart.set_curves(curves) is False


def test_another_job_shows_at_once(charts, qtbot):
    digest, other = Digest(), Digest()
    told(digest, 0, 60)
    told(other, 0, 7)
    charts.show_snapshot(shot(digest))
    qtbot.waitUntil(lambda: charts._rest.isActive(), timeout=QUICK_MS)
    charts.show_snapshot(shot(other, "g"))
    assert charts.losses.plot.curves == shot(other, "g").losses
    charts.show_snapshot(None)
    qtbot.waitUntil(lambda: not any(c.plot.curves for c in charts._charts), timeout=QUICK_MS)


def test_memory_is_flat_over_ten_thousand_events(charts, qapp):
    """What is kept of 10,000 events takes no more when 10,000 more come."""
    digest = Digest()

    def take(first):
        for part in range(first, first + 10_000, 500):
            told(digest, part, 500)
            charts.show_snapshot(shot(digest))
            for chart in charts._charts:
                chart.plot.viewport().repaint()
            qapp.processEvents()

    growth = growth_of(take)
    assert shot(digest).events == 30_000
    assert growth < 256 * 1024
    for curves in (charts.losses, charts.metrics, charts.rates):
        for item in curves.plot._items.values():
            assert len(item._x) <= 802


# ---- how a line is drawn ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 50, 4000])
def test_close_points_become_their_mean_and_the_last_one_stays(count):
    generator = np.random.default_rng(count)
    x = np.sort(generator.uniform(0, 300, count))
    y = generator.uniform(0, 100, count)
    left, up = thinned(x, y)
    assert len(left) <= max(3, 300 / APART + 3)
    assert (np.diff(left) > 0).all()
    assert (left[-1], up[-1]) == (x[-1], y[-1])
    assert y.min() <= up.min() <= up.max() <= y.max()


@pytest.mark.parametrize("dashes", list(DASHES.values()))
def test_pieces_follow_the_line_and_leave_out_what_dashes_leave_out(dashes):
    x = np.array([0.0, 30.0, 60.0, 200.0])
    y = np.array([0.0, 40.0, 0.0, 0.0])
    length = np.hypot(np.diff(x), np.diff(y)).sum()
    drawn = np.array(pieces(x, y, dashes))
    sizes = np.hypot(drawn[:, 2] - drawn[:, 0], drawn[:, 3] - drawn[:, 1])
    for ends in (drawn[:, :2], drawn[:, 2:]):
        assert np.allclose(np.interp(ends[:, 0], x, y), ends[:, 1], atol=1e-6)
    share = dashes[0] / sum(dashes) if dashes else 1.0
    assert sizes.sum() == pytest.approx(share * length, abs=sum(dashes) + 1e-6)
    if dashes:
        assert sizes.max() <= dashes[0] + 1e-6


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.7), (1e-6, 3e-4), (99.9, 100.1)])
def test_ranges_hold_what_they_show_at_round_ends(low, high):
    bottom, top = round_range(low, high)
    assert bottom <= low
    assert top >= high
    assert top - bottom <= 1.7 * (high - low)
    near = round_range(low, high + 1e-3 * (high - low))
    assert near in ((bottom, top), (bottom, near[1]))
