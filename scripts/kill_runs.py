"""Kill the engine, the window and the tuning at random moments, and see that nothing is lost.

    python scripts/kill_runs.py small.pt data.yaml --runs 20 --epochs 3 --image-size 64

Every run is a project in a real window (scripts/drive_window.py) that tunes the model. At random
moments the window, its engine, the tuning's process or several of them are killed (SIGKILL); then
the window is opened again. Prints a line a run, and fails when a project does not open, a job does
not continue to its end, a file is not whole, or a figure differs from those of a run left alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.project import DataSetting, ModelReference, Project, read_project, write_project
from core.runs.folder import list_jobs, read_events, read_job, status_of
from core.runs.life import is_alive
from core.system.paths import jobs_of

TARGETS = (
    ("engine",),
    ("tuning",),
    ("window",),
    ("window", "engine"),
    ("engine", "tuning"),
    ("window", "engine", "tuning"),
)
DRIVER = Path(__file__).with_name("drive_window.py")
Lengths = Mapping[str, float]
ATTEMPTS = 5
"""To kill somebody before a run is done."""
PATIENCE = 600.0
"""Seconds within which a run must come to its end once nobody kills any more."""


@dataclass
class Stage:
    """One project in a separate folder, and the window that has it open."""

    folder: Path
    window: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, folder: Path, options: argparse.Namespace) -> Stage:
        folder.mkdir(parents=True)
        model = folder / "small.pt"
        shutil.copyfile(options.model, model)
        data = DataSetting(path=str(Path(options.data).absolute()), image_size=options.image_size)
        reference = ModelReference(path=model.name, sha256=core.load(model).facts.sha256)
        write_project(folder / "own.secateur", Project(model=reference, data=data))
        settings = {
            "model": str(model),
            "epochs": options.epochs,
            "batch": options.batch,
            "image_size": options.image_size,
            "device": "cpu",
            "threads": 1,
            "baseline": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        return cls(folder)

    @property
    def project(self) -> Path:
        return self.folder / "own.secateur"

    @property
    def jobs(self) -> list[Path]:
        return list_jobs(jobs_of(self.project))

    def open(self) -> None:
        """Open the project in a window, with settings that are this run's own."""
        homes = {f"XDG_{n}_HOME": str(self.folder / n.lower()) for n in ("CONFIG", "DATA", "STATE")}
        environment = {
            **os.environ,
            **homes,
            "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
            "QT_QPA_PLATFORM": "offscreen",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, DRIVER, self.project, self.folder / "settings.json"]
        with (self.folder / "window.log").open("ab") as log:
            self.window = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def processes(self) -> dict[str, psutil.Process]:
        """Return who lives now: the window, its engine, the tuning."""
        found: dict[str, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            if self.window is not None and self.window.poll() is None:
                found["window"] = psutil.Process(self.window.pid)
                for child in found["window"].children():
                    if child.cmdline()[-1:] == ["engine"]:
                        found["engine"] = child
        for folder in self.jobs:
            process = read_job(folder).process
            if process is not None and is_alive(process):
                found["tuning"] = psutil.Process(process.pid)
        return found

    def kill(self, names: tuple[str, ...]) -> None:
        """Kill some of those who live, one after the other."""
        living = self.processes()
        for name in names:
            with contextlib.suppress(psutil.NoSuchProcess, KeyError):
                living[name].kill()
        if "window" in names and self.window is not None:
            self.window.wait()

    def ensure_open(self) -> bool:
        """Open the window where it was killed; False when it came to its end automatically."""
        code = 0 if self.window is None else self.window.poll()
        if self.window is None or (code is not None and code < 0):
            self.open()
        return self.window is not None and self.window.poll() is None

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than the window lives."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.window is not None:
                self.window.wait(seconds)

    def wait_for_tuning(self) -> None:
        """Wait until the tuning trains, or the window is done."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.window and self.window.poll() is None:
            told = [event["event"] for folder in self.jobs for event in read_events(folder)[0]]
            if "tuning" in self.processes() and "started" in told:
                return
            time.sleep(0.02)

    def check_files(self) -> None:
        """Open whatever bears the name of a whole file; raises when one is not."""
        read_project(self.project)
        for path in (*self.folder.glob("*.pt"), *self.folder.glob("own.jobs/*/*.pt")):
            core.load(path)
        for folder in self.jobs:
            read_job(folder)

    def finish(self) -> int:
        """Let the window come to its end; open it where it was killed."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.ensure_open():
            self.wait(until - time.monotonic())
        return -1 if self.window is None else self.window.wait(1.0)

    def outcome(self) -> dict[str, Any]:
        """Return the results, for comparison."""
        (folder,) = self.jobs
        job = read_job(folder)
        events = read_events(folder)[0]
        told = [event["event"] for event in events]
        result = job.result or {}
        return {
            "state": status_of(job),
            "done": told.count("done"),
            "seconds": events[-1]["time"] - events[0]["time"],
            "starts": told.count("started"),
            "figures": (result.get("after"), result.get("final")),
            "last": core.load(folder / "last.pt").model.state_dict(),
            "output": core.load(result["output"]).model.state_dict(),
            "parts": [str(p.name) for p in self.folder.rglob("*.part")],
        }


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[key].float() - other[key].float()).abs().max()) for key in one)


def run(stage: Stage, lengths: Lengths, most: int, draw: random.Random) -> list[str]:
    """Kill now and then, opening the window again where it was killed; return what was done."""
    told = []
    for _ in range(draw.randint(1, most)):
        if not stage.ensure_open():
            break  # it is done already
        where, length = draw.choice(tuple(lengths.items()))
        if where == "tuning":
            stage.wait_for_tuning()
        moment = draw.uniform(0, length)
        stage.wait(moment)
        living = set(stage.processes())
        targets = [names for names in TARGETS if set(names) <= living]
        if not targets:
            break
        names = draw.choice(targets)
        stage.kill(names)
        stage.check_files()
        told.append(f"{'+'.join(names)} {moment:.1f} s into the {where}")
    return told


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3, help="a run, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="a folder to keep every run (deleted by default)")
    return parser.parse_args()


def main() -> int:
    options = parse()
    draw = random.Random(options.seed)
    bad = 0
    with contextlib.ExitStack() as stack:
        name = options.keep or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="secateur-kills-")
        )
        root = Path(name)
        alone = Stage.make(root / "alone", options)
        began = time.monotonic()
        code = alone.finish()
        wanted = alone.outcome()
        lengths = {"window": time.monotonic() - began, "tuning": wanted["seconds"]}
        print(f"left alone: {lengths}, ended with {code}, {wanted['figures']}", flush=True)
        for number in range(options.runs):
            for attempt in range(ATTEMPTS):
                stage = Stage.make(root / f"run-{number}-{attempt}", options)
                told = run(stage, lengths, options.kills, draw)
                code = stage.finish()
                if told:
                    break  # else it was done before anybody was killed
            stage.check_files()
            found = stage.outcome()
            off = max(apart(wanted[key], found[key]) for key in ("last", "output"))
            good = (
                bool(told)
                and code == 0
                and found["state"] == "done"
                and found["done"] == 1
                and off < 1e-6
            )
            good = good and found["figures"] == wanted["figures"]
            bad += not good
            print(
                f"run {number}: {', '.join(told)}; {found['state']} after {found['starts']} starts,"
                f" weights apart {off:.1e}, {len(found['parts'])} parts left"
                f"{'' if good else f'  BAD (ended with {code})'}",
                flush=True,
            )
    print(f"{options.runs - bad} of {options.runs} runs equal the one that was left alone")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
