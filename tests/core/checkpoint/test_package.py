from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core.checkpoint import environment


def run(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_costs_no_torch():
    code = "import sys, core.checkpoint, core.checkpoint.sniff, core.checkpoint.scan;"
    code += "print([name for name in ('torch', 'ultralytics', 'numpy') if name in sys.modules])"
    assert run(code) == "[]"


def test_refusing_a_file_that_is_no_checkpoint_costs_no_torch(tmp_path):
    path = tmp_path / "yolov8n.pt"
    path.write_text("<!doctype html><html></html>")
    code = f"""
import sys, core.checkpoint
from core.errors import UserError
try:
    core.checkpoint.load({str(path)!r})
except UserError as error:
    print(error.message, 'torch' in sys.modules)
"""
    assert run(code).endswith("is a web page, not the model itself. False")


def test_ultralytics_stays_offline_and_in_its_own_folder(tmp_path):
    wanted = ("YOLO_OFFLINE", "YOLO_AUTOINSTALL", "YOLO_VERBOSE", "YOLO_CONFIG_DIR")
    clean = {name: value for name, value in os.environ.items() if name not in wanted}
    clean["XDG_CONFIG_HOME"] = clean["HOME"] = clean["APPDATA"] = str(tmp_path)
    code = "from core.checkpoint import _stock; from ultralytics.utils import *;"
    code += "import os; print(ONLINE, AUTOINSTALL, VERBOSE, os.environ['YOLO_CONFIG_DIR'],"
    code += "USER_CONFIG_DIR)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean, timeout=60
    )
    online, autoinstall, verbose, folder, used = done.stdout.split()
    assert (online, autoinstall, verbose) == ("False", "False", "False"), done.stderr
    assert folder.startswith(str(tmp_path)) and "secateur" in folder
    assert used.startswith(folder)


def test_what_a_person_set_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "false")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "mine"))
    environment.prepare()
    assert os.environ["YOLO_OFFLINE"] == "false"
    assert os.environ["YOLO_CONFIG_DIR"] == str(tmp_path / "mine")


def test_a_home_that_is_read_only_is_no_reason_to_stop(monkeypatch, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setattr(environment.platformdirs, "user_config_dir", lambda _name: str(blocker))
    monkeypatch.setenv("YOLO_CONFIG_DIR", "")
    monkeypatch.delenv("YOLO_CONFIG_DIR")
    environment.prepare()
    assert os.environ["YOLO_CONFIG_DIR"].startswith(str(blocker))


def test_unknown_names_are_missing():
    import core.checkpoint

    with pytest.raises(AttributeError):
        core.checkpoint.nothing  # noqa: B018
