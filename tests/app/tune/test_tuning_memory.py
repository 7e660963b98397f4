"""Memory: what a window keeps of a job's events, and a job whose memory ran out."""

import gc
import json
import sys

from PySide6.QtCore import Qt

from app.data.feature import DataFeature
from app.engine.long_jobs_worker import LongJobsWorker
from app.kit.controls import choose
from core.runs import launch
from core.runs.folder import EVENTS
from tests.app.conftest import ENGINE_MS, QUICK_MS, growth_of
from tests.app.tune.test_tuning import batch, checked, epoch, fake_run, shown  # noqa: F401  (fixtures)
from tests.core.images import make_dataset
from tests.core.runs.scarce import SCARCE

LEFT = Qt.MouseButton.LeftButton


def over(window, qtbot, state):
    """Wait until the one job is so."""
    runs = window.context.jobs
    qtbot.waitUntil(lambda: [e.state for e in runs.entries] == [state], timeout=ENGINE_MS)


def test_the_reader_keeps_no_more_of_thirty_thousand_events_than_of_ten(
    window,
    qtbot,
    trained,
    fake_run,  # noqa: F811
):
    """The journal grows by megabytes; what is kept of it does not."""
    run = fake_run(trained)
    worker, heard = LongJobsWorker(), []
    worker.followed.connect(lambda snapshot: heard.__setitem__(slice(None), [snapshot]))
    worker.watch((str(run.folder),))

    def told(first):
        with (run.folder / EVENTS).open("a") as stream:
            for number in range(first, first + 10_000):
                at = 1 + number // 12, 1 + number % 12
                event = epoch(at[0], 0.3, number) if at[1] == 12 else batch(*at, loss=number)
                stream.write(json.dumps(event) + "\n")
        worker.follow()
        qtbot.waitUntil(lambda: heard[0].events == first + 10_000, timeout=QUICK_MS)
        gc.collect()

    assert growth_of(told) < 256 * 1024 < (run.folder / EVENTS).stat().st_size / 10


def begin_tiny(window, trained, tmp_path, form, batch=2):
    """Set the form to one epoch of a copy of the network on tiny data."""
    small = tmp_path / "small.pt"
    small.write_bytes(trained.read_bytes())
    data = make_dataset(tmp_path / "tiny", window.session.model.facts.classes, images=2)
    window.features[DataFeature].controller.set_data(str(data))
    window.session.measured.set_check({**checked(data), "network": str(small)})
    form._fill(form.network, [(str(small), "small")], str(small))
    form._fill(form.teacher, [("", "none")], "")
    choose(form.length, "epochs")
    form.amount.setValue(1)
    form.batch.setValue(batch)
    choose(form.image_size, 160)
    choose(form.device, "cpu")
    form._tips()
    return small


def test_a_smaller_batch_is_offered_when_memory_is_short(
    opened,
    qtbot,
    trained,
    tmp_path,
    shown,  # noqa: F811
    monkeypatch,
    heard,
):
    """The process is real; memory for two images at a time is what it lacks."""
    scarce = lambda module, *words, outlives: [sys.executable, "-c", SCARCE, *words]  # noqa: E731
    monkeypatch.setattr(launch, "own_command", scarce)
    begin_tiny(opened, trained, tmp_path, shown.form)
    assert shown.form.smaller.isChecked()
    shown.form.smaller.setChecked(False)
    runs = opened.context.jobs
    with qtbot.waitSignal(runs.started, timeout=ENGINE_MS):
        qtbot.mouseClick(shown.form.begin, LEFT)
    over(opened, qtbot, "failed")
    assert "Out of memory with batch size 2" in heard()[-1]
    assert [words for words, _ in opened.said[-1].actions] == [
        "Continue with batch size 1",
        "Show",
    ]
    qtbot.waitUntil(shown.smaller.isVisible, timeout=QUICK_MS)
    assert shown.smaller.text() == "&Continue with batch size 1"
    table = opened.workspace["jobs"].widget().long_jobs
    table.view.selectRow(0)
    assert not table.smaller.isHidden()
    with qtbot.waitSignal(runs.started, timeout=ENGINE_MS):
        qtbot.mouseClick(shown.smaller, LEFT)
    over(opened, qtbot, "done")
    assert runs.entries[0].arguments["largest_batch"] == 1
    assert not shown.smaller.isVisible()
