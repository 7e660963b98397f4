"""Kill commands at random moments, some while the clock is set, and see that nothing is lost.

    python scripts/kill_commands.py small.pt data.yaml --kills 100 --steps 20

Prunes, suggests, scans, fine-tunes, exports, reports, saves a project and works off the queue. Each
is killed (SIGKILL) at a random moment, then done again as a person would. Prints a line a kill, and
fails when a project does not open, a file under its own name is not whole, a job runs twice at
once, the results differ from those of a run left alone, or something stays behind.
The deeds are in
kill_deeds.py; scripts/kill_runs.py does the same to the window.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import psutil
import torch

import core
from core.project import DataSetting, ModelReference, Project, read_project, write_project
from core.runs.folder import read_job, status_of
from core.system.scratch import Scratch, sweep_beneath
from scripts.kill_deeds import DEEDS, PLAN, WANTED, jobs_of, reported, said

FAULT = 70
"""The exit status of a deed that raised."""
STEPS = (3.0, 3600.0, -3600.0, 86400.0)
"""Seconds by which the clock is set while something runs."""


@dataclass
class Stage:
    """Where all of it happens: a folder with what every deed begins with."""

    root: Path
    log: Path

    @classmethod
    def make(cls, root: Path, options: argparse.Namespace) -> Stage:
        stage = cls(root, root / "log.txt")
        base = root / "base"
        base.mkdir(parents=True)
        shutil.copyfile(options.model, base / "model.pt")
        (base / "plan.json").write_text(json.dumps(PLAN))
        (base / "wanted.json").write_text(json.dumps(WANTED))
        shutil.copyfile(options.data, base / "data.yaml")
        text = (base / "data.yaml").read_text()
        if "path:" not in text:
            (base / "data.yaml").write_text(f"path: {Path(options.data).absolute().parent}\n{text}")
        assert stage.run(lambda folder: said(
            "prune", base / "model.pt", "--plan", base / "plan.json", "-o", base / "small.pt"
        ), base) == 0  # fmt: skip
        data = DataSetting(path="data.yaml", image_size=64)
        reference = ModelReference(
            path="model.pt", sha256=core.load(base / "model.pt").facts.sha256
        )
        write_project(base / "own.secateur", Project(model=reference, data=data))
        return stage

    def folder(self, name: str) -> Path:
        """Return a new folder as every deed finds it."""
        place = self.root / name
        shutil.copytree(self.root / "base", place)
        settings = {
            "model": str(place / "small.pt"),
            "data": str(place / "data.yaml"),
            "epochs": 3,
            "batch": 2,
            "image_size": 64,
            "device": "cpu",
            "threads": 1,
            "baseline": False,
        }
        (place / "settings.json").write_text(json.dumps(settings))
        return place

    def start(self, act: Callable[[Path], int], folder: Path, step: float = 0.0) -> int:
        """Do something in a process of its own, whose clock is set by ``step`` seconds."""
        if child := os.fork():
            return child
        code = FAULT
        try:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ["XDG_DATA_HOME"] = str(folder / "home")
            if step:
                set_clock(step)
            code = act(folder)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def run(self, act: Callable[[Path], int], folder: Path, step: float = 0.0) -> int:
        """Do something to its end."""
        return os.waitstatus_to_exitcode(os.waitpid(self.start(act, folder, step), 0)[1])


def set_clock(step: float) -> None:
    """What a step of the clock changes: the time, and when processes seem to have begun."""
    now, began = time.time, psutil.Process.create_time
    time.time = lambda: now() + step
    psutil.Process.create_time = lambda self: began(self) + step


def living_jobs(folder: Path) -> list[int]:
    """Return the processes that work on jobs here, by the system's list."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = process.info["cmdline"] or []
        if "run" in words and any(str(folder) in word for word in words):
            found.append(process.info["pid"])
    return found


def check_whole(folder: Path) -> None:
    """Open whatever bears the name of a whole file; raises when one is not."""
    read_project(folder / "own.secateur")
    for path in folder.rglob("*.pt"):
        core.load(path)
    for path in (folder / "found.json", *folder.rglob("job.json")):
        if path.exists():
            json.loads(path.read_text(encoding="utf-8"))
    if (folder / "report.html").exists():
        assert reported(folder)


def second(stage: Stage, folder: Path, step: float) -> list[str]:
    """While a job runs, a second process for it must be refused, whatever the clock says."""
    wrong = []
    for job in (*jobs_of(folder), folder / "job"):
        if not (job / "job.json").exists() or status_of(read_job(job)) != "running":
            continue
        code = stage.run(lambda _, job=job: said("jobs", "resume", job), folder, step)
        if code != 1 and status_of(read_job(job)) != "done":
            wrong.append(f"{job.name} was started twice")
    return wrong


def one_kill(stage: Stage, name: str, number: int, step: float, options: Any) -> str:
    """Do something, kill it on the way, do it again; returns what went wrong."""
    draw, folder = options.draw, stage.folder(f"{name}-{number}")
    moment = draw.uniform(0.02, options.lengths[name])
    child = stage.start(DEEDS[name].begin, folder)
    time.sleep(moment)
    wrong = second(stage, folder, step) if step else []
    victims = [child, *living_jobs(folder)]
    for pid in victims if draw.random() < 0.5 else victims[::-1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    hit = code < 0
    if code == FAULT:
        wrong.append("failed before it was killed")
    options.hits += hit
    try:
        wrong += once_more(stage, name, folder, step, options)
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    clock = f", clock {step:+.0f} s" if step else ""
    text = f"{name} {number}: killed after {moment:.2f} s{'' if hit else ' (too late)'}{clock}"
    print(f"{text}  BAD: {'; '.join(wrong)}" if wrong else text, flush=True)
    if not wrong:
        shutil.rmtree(folder)
    return "; ".join(wrong)


def once_more(stage: Stage, name: str, folder: Path, step: float, options: Any) -> list[str]:
    """Do again what was killed, and look at what came of it."""
    wrong, deed = [], DEEDS[name]
    check_whole(folder)
    code = stage.run(deed.again, folder, step)
    check_whole(folder)
    if code:
        wrong.append(f"ended with {code}")
    elif deed.found(folder) != options.wanted[name]:
        wrong.append("other results")
    options.left += len(left_behind(folder))
    with contextlib.suppress(OSError):
        Scratch("kills", folder).cleanup()
    sweep_beneath(folder)
    if rest := left_behind(folder):
        wrong.append(f"left {rest}")
    return wrong


def set_clocks(chosen: Sequence[str], options: Any) -> set[int]:
    """Draw the kills with a step of the clock, at least half of them of jobs."""
    jobs = [number for number, name in enumerate(chosen) if name in ("tune", "queue")]
    first = options.draw.sample(jobs, min(len(jobs), options.steps // 2))
    rest = [number for number in range(len(chosen)) if number not in first]
    return {*first, *options.draw.sample(rest, min(len(rest), options.steps - len(first)))}


def left_behind(folder: Path) -> list[str]:
    """Return the names of incomplete files and temporary folders."""
    found = [*folder.rglob("*.part"), *folder.rglob(".secateur-*")]
    return [path.name for path in (*found, *Path(tempfile.gettempdir()).glob("secateur-*"))]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20, help="kills with a step of the clock")
    parser.add_argument("--only", nargs="*", choices=list(DEEDS), default=list(DEEDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="a folder for what went wrong (deleted by default)")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    options.draw = random.Random(options.seed)
    options.hits = options.left = 0
    torch.set_num_threads(1)
    with contextlib.ExitStack() as stack:
        name = options.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-"))
        root = Path(name)
        for place in ("CACHE", "CONFIG", "STATE", "DATA"):
            os.environ[f"XDG_{place}_HOME"] = str(root / place.lower())
        (root / "temporary").mkdir(parents=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(root / "temporary")
        stage = Stage.make(root / "stage", options)
        options.wanted, options.lengths = {}, {}
        for what in options.only:
            folder, began = stage.folder(what), time.monotonic()
            code = stage.run(DEEDS[what].begin, folder)
            assert code == 0, f"{what} ended with {code}: {stage.log.read_text()[-2000:]}"
            options.lengths[what] = time.monotonic() - began
            options.wanted[what] = DEEDS[what].found(folder)
        print("left alone:", {k: round(v, 2) for k, v in options.lengths.items()}, flush=True)
        names = [n for n in options.only for _ in range(DEEDS[n].share)]
        chosen = [names[k * len(names) // options.kills] for k in range(options.kills)]
        clocks = set_clocks(chosen, options)
        wrong = []
        for number, what in enumerate(chosen):
            step = options.draw.choice(STEPS) if number in clocks else 0.0
            wrong.append(one_kill(stage, what, number, step, options))
    bad = len(list(filter(None, wrong)))
    print(f"{len(wrong)} kills ({options.hits} hit a living process, {len(clocks)} with a step of "
          f"the clock): {len(wrong) - bad} as if left alone, {bad} not; {options.left} incomplete "
          "files and temporary folders were swept")  # fmt: skip
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
