"""What the commands leave behind: nothing outside our own folders, and no word to the network.

Everything runs in a home that holds nothing but the user's own Ultralytics settings.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.demo import set_up
from tests.core.warm import Warm

ROOT = Path(__file__).resolve().parents[2]
OURS = (".config/secateur", ".cache/secateur", ".local/share/secateur", ".local/state/secateur")
THEIRS = ".config/Ultralytics/settings.json"
WATCH = """
import os, socket

def watched(name, real):
    def call(*args, **kwargs):
        local = isinstance(args[0], socket.socket) and args[0].family == socket.AF_UNIX
        if not local:
            with open(os.environ["WATCH_LOG"], "a") as log:
                log.write(f"{name} {args[1:]}\\n")
            raise OSError("no network here")
        return real(*args, **kwargs)
    return call

socket.socket.connect = watched("connect", socket.socket.connect)
socket.getaddrinfo = watched("getaddrinfo", socket.getaddrinfo)
"""
"""As ``sitecustomize`` in every process of Python: who asks for the network is written down."""
DEMO = """
import sys
from core.system.program import prepare
prepare()
from core.demo import DemoSettings, run_demo
run_demo("out", DemoSettings(train=4, val=3, images=2, repair_images=4, target=0.8, epochs=1,
                             repair_minutes=0.02, repeats=1))
"""
PICTURES = "from core.system.program import prepare; prepare(); import matplotlib.pyplot"


Done = subprocess.CompletedProcess[str]


class Home:
    """A clean home, a folder to work in, one for temporary files, and who called the network."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work, self.temporary = (folder / n for n in ("home", "work", "tmp"))
        self.log, watcher = folder / "network.log", folder / "watch" / "sitecustomize.py"
        for place in (self.home, self.work, self.temporary, watcher.parent):
            place.mkdir(parents=True)
        watcher.write_text(WATCH)
        self.theirs = self.home / THEIRS
        self.theirs.parent.mkdir(parents=True)
        self.theirs.write_text('{"settings_version": "0.0.1", "sync": true, "api_key": "secret"}')
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "YOLO_", "MPL"))}
        self.environment = {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "WATCH_LOG": str(self.log),
            "PYTHONPATH": os.pathsep.join((str(watcher.parent), str(ROOT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            # What the user may have set for their own Ultralytics.
            "YOLO_CONFIG_DIR": str(self.home / ".config"),
            "YOLO_OFFLINE": "false",
            "YOLO_AUTOINSTALL": "true",
        }

    def run(self, *arguments: str, python: str | Path = sys.executable) -> Done:
        done = subprocess.run(
            [python, *arguments],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        return done

    def check(self, *outputs: str) -> None:
        """Assert that only our folders, and the outputs named, were written to."""
        assert not self.log.exists(), self.log.read_text()
        assert "secret" in self.theirs.read_text()
        files = [path.relative_to(self.home).as_posix() for path in self.home.rglob("*.*")]
        strange = [name for name in files if not name.startswith((*OURS, THEIRS))]
        assert [s for s in strange if not (self.home / s).is_dir()] == []
        assert {path.name for path in self.work.iterdir()} == set(outputs)
        assert list(self.temporary.iterdir()) == []


@pytest.fixture(scope="module")
def program_files():
    """Our own program's files, before and after."""

    def listed():
        places = [ROOT / name for name in ("app", "core", "resources")]
        return {p for place in places for p in place.rglob("*") if "__pycache__" not in p.parts}

    before = listed()
    yield
    assert listed() == before


def test_the_watch_hears_who_calls_the_network(tmp_path):
    home = Home(tmp_path)
    code = "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass"
    home.run("-c", code)
    assert home.log.read_text().startswith("getaddrinfo")


def test_the_whole_job_stays_in_its_folders(tmp_path, program_files):
    home = Home(tmp_path)
    home.run("-c", DEMO)
    home.check("out")


def test_commands_stay_in_their_folders(tmp_path, program_files):
    home = Home(tmp_path)
    place = set_up(home.work / "demo", train=4, val=3)
    data, model = str(place.data), str(place.model)
    plan = home.work / "plan.json"
    plan.write_text(json.dumps({"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}))
    tune = ("--epochs", "1", "--image-size", "64", "--batch", "2", "-o", "tuned.pt")
    home.run("-m", "app", "inspect", model)
    warm = Warm(environment=home.environment)  # what importing does is in the command before
    try:
        for words in (
            ("prune", model, "--plan", "plan.json", "-o", "small.pt"),
            ("data", data, "--model", model),
            ("finetune", "small.pt", "--data", data, *tune),
            ("export", "small.pt", "--format", "openvino", "-o", "small_openvino_model"),
            ("jobs",),
            ("formats",),
            ("inspect", "yolov8n.yaml"),
        ):
            home.run(*words, python=warm.folder / "secateur")
    finally:
        warm.close()
    outputs = ("plan.json", "small.pt", "tuned.pt", "small_openvino_model")
    home.check("demo", *outputs)
    assert {p.name for p in place.folder.iterdir()} == {
        "README.txt", "demo.pt", "demo.secateur", "scenes"
    }  # fmt: skip


def test_trying_images_installs_nothing_and_leaves_no_frames(tmp_path, program_files):
    home = Home(tmp_path)
    place = set_up(home.work / "demo", train=1, val=2)
    photos = home.work / "photos"
    shutil.copytree(place.folder / "scenes" / "images" / "val", photos)
    (photos / "bad.heic").write_bytes(b"no image")  # Ultralytics would install a decoder for it
    frames = [Image.new("RGB", (64, 64), (n * 60, 0, 0)) for n in range(3)]
    frames[0].save(photos / "clip.gif", save_all=True, append_images=frames[1:])
    done = home.run("-m", "app", "try", str(place.model), "photos", "-o", "tried")
    assert "5 images at" in done.stdout and "5 pictures in tried" in done.stdout
    assert "HEIF images need the package pi-heif." in done.stdout
    home.check("demo", "photos", "tried")


def test_the_engine_and_its_libraries_stay_in_theirs(tmp_path, program_files):
    home = Home(tmp_path)
    place = set_up(home.work / "demo", train=4, val=3)
    args = {"path": str(place.model), "data": {"path": str(place.data)}}
    engine = subprocess.Popen(
        [sys.executable, "-m", "app", "engine"],
        cwd=home.work,
        env=home.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert engine.stdin is not None
    assert engine.stdout is not None
    print(json.dumps({"id": 1, "task": "evaluate", "args": args}), file=engine.stdin, flush=True)
    for line in engine.stdout:
        event = json.loads(line)
        if event["event"] in ("done", "failed", "broken"):
            break
    assert event["event"] == "done", event
    engine.stdin.close()
    engine.wait(60)
    engine.stdout.close()
    home.run("-c", PICTURES)
    home.check("demo")
    assert (home.home / ".cache" / "secateur" / "matplotlib").is_dir()
