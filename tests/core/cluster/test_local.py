"""Ray on this computer: started for the work, with a token, and gone after it, also by a kill."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from core.cluster.place import Place
from core.cluster.pool import open_pool
from core.errors import UserError
from tests.core.conftest import ROOT

GO = """
import json, os, signal, sys, psutil
from core.cluster.place import Place
from core.cluster.pool import open_pool

def processes():
    return [(p.pid, p.create_time()) for p in psutil.Process().children(recursive=True)]

if __name__ == "__main__":
    def answer(*args): raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, answer)
    with open_pool(Place.parse("ray"), "cpu") as pool:
        assert signal.getsignal(signal.SIGTERM) is answer
        (place, event), = pool.run("check_arguments", [{"options": {"epochs": 3}}])
        assert event == {"event": "done", "result": {"problems": {}}}, event
        import ray
        told = {"processes": processes(), "gcs": ray.get_runtime_context().gcs_address}
        told["agents"] = os.environ["RAY_USAGE_STATS_ENABLED"]
        print(json.dumps(told), flush=True)
        sys.stdin.readline()
    print("left", flush=True)
"""
OTHER = """
import os, sys, ray
os.environ.pop("RAY_AUTH_TOKEN", None)
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except BaseException as error:
    print("refused", type(error).__name__)
    raise SystemExit(0)
print("let in")
"""


def begin(tmp_path):
    pytest.importorskip("ray", reason="needs Ray (pip install 'secateur[cluster]')")
    script = tmp_path / "go.py"
    script.write_text(GO, encoding="utf-8")
    names = [name for name in os.environ if name.startswith("RAY_")]
    environment = {k: v for k, v in os.environ.items() if k not in names}
    environment |= {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TMPDIR": "/tmp"}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, json.loads(process.stdout.readline())


def gone(told):
    processes = []
    for number, since in told["processes"]:
        if psutil.pid_exists(number) and psutil.Process(number).create_time() == since:
            processes.append(psutil.Process(number))
    return not psutil.wait_procs(processes, 30)[1]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_lets_nobody_else_in_and_leaves_nothing(tmp_path):
    process, told = begin(tmp_path)
    assert len(told["processes"]) >= 3 and told["agents"] == "0"
    script = tmp_path / "other.py"
    script.write_text(OTHER, encoding="utf-8")
    other = subprocess.run(
        [sys.executable, str(script), told["gcs"]],
        env={**os.environ, "HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled"},
        cwd=tmp_path, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert "let in" not in other.stdout
    out, _ = process.communicate("\n", timeout=60)
    assert out.strip() == "left" and process.returncode == 0
    assert gone(told)
    assert not (tmp_path / ".ray").exists()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others end a little later")
def test_killed_it_leaves_no_process(tmp_path):
    process, told = begin(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(told)
    process.stdin.close()
    process.stdout.close()


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"pip install 'secateur\[cluster\]'"),
        open_pool(Place.parse("ray"), "cpu"),
    ):
        pass


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs Ray (pip install 'secateur[cluster]')")

    def init(*args, **options):
        raise ConnectionError("ray client connection\ntimeout.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with (
        pytest.raises(UserError, match=r"ray://head:10001 did not answer: .* timeout\. Check the"),
        open_pool(Place.parse("ray://head"), "cpu"),
    ):
        pass
