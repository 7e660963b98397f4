"""The engine as a process: what goes in and out over the line."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.engine.line import ROOT, Line


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    patch.setenv("OMP_NUM_THREADS", "1")
    line = Line()
    yield line
    line.close()
    patch.undo()


def test_it_says_hello_then_ready(line):
    hello, ready = line.read(), line.read()
    assert hello["event"] == "hello"
    assert hello["protocol"] == 1
    assert ready["event"] == "ready"
    assert ready["device"]
    assert ready["torch"]


def test_open_gives_what_the_window_needs(line):
    import numpy as np

    from core.graph.cache import read_table

    line.send(id=1, task="open", args={"path": "yolov8n.yaml", "criterion": "l1"})
    events = line.end_of(1)
    assert [e["event"] for e in events[:-1]] == ["progress"] * (len(events) - 1)
    result = events[-1]["result"]
    table, _ = read_table(Path(result["table"]))
    assert np.load(result["scores"]).shape == (table.atom_count,)
    assert result["facts"]["family"] == "yolov8n"
    assert result["criterion"] == "l1"


def test_prune_and_verify(line, tmp_path):
    output = str(tmp_path / "out.pt")
    plan = {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}
    line.send(id=2, task="prune", args={"path": "yolov8n.yaml", "plan": plan, "output": output})
    result = line.end_of(2)[-1]["result"]
    assert result["verification"]["passed"]
    assert Path(output).stat().st_size == result["output_size"]
    line.send(id=3, task="verify", args={"original": "yolov8n.yaml", "pruned": output})
    assert line.end_of(3)[-1]["result"]["verification"]["passed"]


def test_what_a_person_can_mend_and_what_not(line, tmp_path):
    bad = tmp_path / "web.pt"
    bad.write_text("<!DOCTYPE html>")
    line.send(id=4, task="open", args={"path": str(bad)})
    failed = line.end_of(4)[-1]
    assert failed["event"] == "failed"
    assert not failed["bug"]
    assert failed["hint"]
    line.send(id=8, task="open", args={})
    failed = line.end_of(8)[-1]
    assert not failed["bug"] and "no “path”" in failed["message"]
    line.send(id=5, task="open", args={"path": str(bad), "hash": {"of": "nothing"}})
    failed = line.end_of(5)[-1]
    assert failed["bug"]
    assert "KeyError" in failed["trace"]
    assert Path(failed["log"]).read_text()
    line.send(id=6, task="dance")
    assert "no engine task “dance”" in line.end_of(6)[-1]["message"]


def test_a_file_that_was_replaced_is_refused(line, tmp_path):
    plan = {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}
    args = {"path": "yolov8n.yaml", "plan": plan, "output": str(tmp_path / "o.pt"), "sha256": "0"}
    line.send(id=7, task="prune", args=args)
    assert "was replaced" in line.end_of(7)[-1]["message"]


def test_cancel_ends_a_job_and_leaves_no_file(line, tmp_path):
    plan = {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}
    args = {"path": "yolov8n.yaml", "plan": plan, "output": str(tmp_path / "o.pt")}
    line.send(id=8, task="prune", args=args)
    line.send(cancel=8)
    assert line.end_of(8)[-1]["event"] == "cancelled"
    assert not list(tmp_path.iterdir())


def test_rubbish_on_the_line_is_ignored(line):
    line.process.stdin.write(b"\xff nonsense\n[1, 2]\n\n")
    line.send(id=9, task="dance")
    assert line.end_of(9)[-1]["event"] == "failed"


def test_it_ends_with_its_window(line):
    line.process.stdin.close()
    assert line.process.wait(10) == 0


def test_the_module_costs_no_torch():
    code = "import sys, core.engine, core.project; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_tracing_ahead_may_fail(monkeypatch):
    """Nobody asked for it: it is logged, and the thread of the tasks lives on."""
    from core.engine import server
    from core.graph import analysis

    logged = []
    monkeypatch.setattr(server, "append_fault", logged.append)
    monkeypatch.setattr(analysis, "load", lambda name: 1 / 0)
    server._trace_one()
    assert [type(error) for error in logged] == [ZeroDivisionError]
