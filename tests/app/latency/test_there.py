"""A device reached from the window: the engine measures there, through a real sshd."""

from __future__ import annotations

import pytest

from app.latency.add_dialog import AddDialog
from app.latency.feature import LatencyFeature
from core.plan.latency.devices import device_of
from tests.core.ship.devices.conftest import Server, _server, free_port, server

__all__ = ["_server", "server"]
MEASURED_MS = 400_000
QUICKLY = {"image_size": 64, "threads": 1}


@pytest.fixture
def there(server: Server, opened):
    """A window whose engine was started with the ssh that reaches the device."""
    return opened


def ended(window, qtbot, task, states=("done",)):
    """Wait for the end of a task, and return how it ended."""
    number = window.engine.running(task)[0].number
    with qtbot.waitSignal(
        window.engine.finished, timeout=MEASURED_MS, check_params_cb=lambda n, s: n == number
    ) as seen:
        pass
    assert seen.args[1] in states, window.said[-1]
    return seen.args[1]


def test_a_device_is_added_measured_and_counts(there, server, qtbot, heard):
    session, feature = there.session, there.features[LatencyFeature]
    panel = there.workspace["latency"].widget()
    feature.devices.add(server.on, "kitchen")
    there.findChildren(AddDialog)[-1].go.click()
    ended(there, qtbot, "device_add")
    assert session.plan.device == server.on and panel.where.box.currentText() == "kitchen"
    assert session.clock is None
    feature.controller.measure(QUICKLY)
    number = there.engine.running("latency_table")[0].number
    with qtbot.waitSignal(
        there.engine.changed, timeout=MEASURED_MS,
        check_params_cb=lambda n: there.engine.record(number).fraction > 0.3,
    ):  # fmt: skip
        pass
    there.engine.cancel(number)
    ended(there, qtbot, "latency_table", ("cancelled",))
    assert "the next run continues there" in heard()[-1]
    feature.controller.measure(QUICKLY)
    ended(there, qtbot, "latency_table")
    session.flush()
    assert session.unpruned_ms > 0 and session.clock.latency.about["on"] == server.on
    assert "on kitchen" in panel.target.now.text() and device_of("kitchen").measured
    paths, options = [session.model.path], {"runtimes": ["onnx"], "batches": [1], **QUICKLY}
    feature.controller.time_networks(paths, options)
    ended(there, qtbot, "latency")
    assert panel.status.text().startswith("kitchen: ")
    ((_, runtime, _, _, predicted),) = panel.model.rows
    assert runtime == "onnx, FP32" and predicted


def test_one_that_is_off_is_said_in_a_line(there, server, qtbot, heard):
    feature, where = there.features[LatencyFeature], f"ssh://127.0.0.1:{free_port()}"
    plan = there.session.plan
    feature.devices.add(where, "off")
    there.findChildren(AddDialog)[-1].go.click()
    ended(there, qtbot, "device_add", ("failed",))
    assert f"{where} does not answer. Check that it is on" in heard()[-1]
    assert there.session.plan == plan and "\n" not in heard()[-1]
