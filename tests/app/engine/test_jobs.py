"""Jobs relayed from an engine process that plays a part."""

import sys

import pytest

from app.engine import process
from app.engine.client import EngineClient
from tests.app.conftest import QUICK_MS

ENGINE = """
import json, sys
def say(**event): print(json.dumps(event), flush=True)
say(event="hello", process=1)
say(event="ready", device="none")
for line in sys.stdin:
    number = json.loads(line).get("id")
    for step in range(3):
        say(id=number, event="partial", data={"step": step})
    say(id=number, event="done", result={"steps": 3})
"""


@pytest.fixture
def jobs(monkeypatch, tmp_path, qtbot):
    monkeypatch.setattr(process, "engine_command", lambda: [sys.executable, "-c", ENGINE])
    jobs = EngineClient(tmp_path / "engine.log")
    yield jobs
    jobs.shutdown()


def test_partial_results_come_in_order_and_before_the_end(jobs, qtbot):
    heard, signalled = [], []
    jobs.partial.connect(lambda number, data: signalled.append((number, data["step"])))
    with qtbot.waitSignal(jobs.finished, timeout=QUICK_MS):
        number = jobs.submit("scan", "Scan", {}, done=heard.append, partial=heard.append)
    assert heard == [{"step": 0}, {"step": 1}, {"step": 2}, {"steps": 3}]
    assert signalled == [(number, 0), (number, 1), (number, 2)]


def test_a_job_nobody_listens_to_ends_as_well(jobs, qtbot):
    with qtbot.waitSignal(jobs.finished, timeout=QUICK_MS):
        jobs.submit("scan", "Scan", {})
    assert not jobs._partials
