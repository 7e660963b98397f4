"""What the desktop is told when something long ends, with the desktop itself replaced."""

import os
import shutil
import subprocess
import sys

import pytest
from PySide6.QtWidgets import QApplication

from app.notify.feature import LONG, NotifyFeature
from app.window.preferences import Preferences
from tests.app.conftest import QUICK_MS, ROOT
from tests.app.fake_runs import FakeRun


@pytest.fixture
def behind(monkeypatch):
    """Another program's window is in front."""
    monkeypatch.setattr(QApplication, "activeWindow", staticmethod(lambda: None))


@pytest.fixture
def shown(fake, monkeypatch):
    """Notifications that the desktop would have shown."""
    told = []
    feature = fake.engine.parent().features[NotifyFeature]
    monkeypatch.setattr(feature.notifier, "show", lambda title, text: told.append((title, text)))
    return told


def end_task(fake, seconds, state="done"):
    """A task runs for a while, and ends."""
    from app.engine.protocol import Failure

    number = fake.engine.submit(
        "prune", "Prune yolo.pt", {}, done=lambda _: None, failed=lambda _: None
    )
    fake.engine.record(number).started -= seconds
    if state == "done":
        fake.engine._on_done(number, {})
    elif state == "failed":
        fake.engine._on_failed(number, Failure("No room on the disk."))
    else:
        fake.engine._on_cancelled(number)


def test_a_long_task_is_reported_and_a_short_one_is_not(fake, shown, behind):
    end_task(fake, LONG - 2)
    assert shown == []
    end_task(fake, 180)
    assert shown == [("Prune yolo.pt: done", "It took 3 min.")]
    end_task(fake, 60, "failed")
    assert shown[1:] == [("Prune yolo.pt: failed", "No room on the disk.")]
    end_task(fake, 60, "cancelled")  # by the user, who knows
    assert len(shown) == 2


def test_nothing_is_said_while_the_window_is_in_front(fake, shown, monkeypatch):
    window = fake.engine.parent()
    monkeypatch.setattr(QApplication, "activeWindow", staticmethod(lambda: window))
    end_task(fake, 180)
    assert shown == []


def test_it_can_be_switched_off(fake, shown, behind, qtbot):
    window = fake.engine.parent()
    dialog = Preferences(window.context, window)
    qtbot.addWidget(dialog)
    assert dialog.notify.isChecked()
    dialog.notify.click()
    end_task(fake, 180)
    assert shown == []
    dialog.notify.click()
    end_task(fake, 180)
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("state", "more", "title", "text"),
    [
        ("done", {"before": 0.25, "after": 0.5}, "Fine-tuning done",
         "trained.pt: mAP50-95 0.2500 → 0.5000"),
        ("done", {"before": 0.25, "after": 0.125}, "Fine-tuning done, but it lost accuracy",
         "trained.pt: mAP50-95 0.2500 → 0.1250"),
        ("done", {"before": 0.25, "after": 0.25, "chosen": "before", "text": "It did not."},
         "Fine-tuning done, but it did not help", "trained.pt: mAP50-95 0.2500 → 0.2500"),
        ("failed", {}, "Fine-tuning failed", "trained.pt: Out of memory."),
    ],
)  # fmt: skip
def test_a_job_that_ran_before_says_how_it_ended(
    fake, shown, behind, qtbot, trained, state, more, title, text
):
    window = fake.engine.parent()
    window.features[NotifyFeature]._listed = False  # as when the window opens
    run = FakeRun(trained)

    def states():
        return [entry.state for entry in window.context.jobs.entries]

    qtbot.waitUntil(lambda: states() == ["running"], timeout=QUICK_MS)
    figures = {k: {"map50_95": v} if isinstance(v, float) else v for k, v in more.items()}
    run.set(
        state,
        message="Out of memory." if state == "failed" else "",
        result={"output": "tuned.pt", **figures} if figures else None,
    )
    qtbot.waitUntil(lambda: states() == [state], timeout=QUICK_MS)
    assert shown == [(title, text)]
    window.context.jobs.entries = ()


def test_a_click_raises_the_window(fake, shown, qtbot):
    window = fake.engine.parent()
    window.showMinimized()
    assert window.isMinimized()
    window.features[NotifyFeature].notifier.clicked.emit()
    assert not window.isMinimized()
    assert window.isVisible()


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="needs a D-Bus daemon")
def test_the_desktop_of_linux_shows_it_and_reports_the_click():
    """On a bus of its own, with a service that reports the clicks of all programs."""
    program = [sys.executable, "-m", "tests.app.notify.desktop"]
    done = subprocess.run(
        ["dbus-run-session", "--", *program],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "shown secateur Fine-tuning done a.pt: mAP50-95 0.25 → 0.5 ['default', 'Show']"
        " ['desktop-entry'] -1",
        "clicks 1",
    ]


def test_without_notifications_the_window_is_marked(fake, monkeypatch):
    """No bus, no tray: the task bar marks the window."""
    marked = []
    monkeypatch.setattr("app.kit.notifier.DBusNotifier._connect", lambda self: False)
    monkeypatch.setattr(QApplication, "alert", staticmethod(marked.append))
    window = fake.engine.parent()
    window.features[NotifyFeature].notifier.show("Prune yolo.pt: done", "It took 3 min.")
    assert marked == [window]
