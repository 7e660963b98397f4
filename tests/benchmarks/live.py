"""The window while a training runs: ``python -m tests.benchmarks.live``. Runs offscreen.

A real fine-tuning on all cores, then 10,000 events as fast as they are read, with the panel
“Fine-tune” in front. A beat every 4 ms reports how long the window's thread was away: in wall time,
next to the same beat of a process that does nothing (what the machine's other work takes from
everybody), and in the processor time that the window itself used, which no other work adds to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

DATA = Path(
    os.environ.get("SECATEUR_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")
)
BEAT_MS = 4
A_SECOND = 500
IDLE = """
import json, sys
from PySide6.QtCore import QCoreApplication, QTimer
from tests.benchmarks.live import Heart
application = QCoreApplication([])
heart = Heart()
heart.start()
QTimer.singleShot(int(1000 * float(sys.argv[1])), application.quit)
application.exec()
print(json.dumps(heart.report()))
"""
STREAM = """
import sys, time
from pathlib import Path
from tests.benchmarks.live import event
path, first, count, rate = Path(sys.argv[1]), *map(int, sys.argv[2:])
with path.open("a") as stream:
    for number in range(first, first + count):
        stream.write(event(number))
        stream.flush()
        if number % 50 == 49:
            time.sleep(50 / rate)
"""


def event(number: int) -> str:
    """One line of a training of 200 epochs; losses scatter, which is what is hard to draw."""
    epoch, batch = 1 + number // 50, 1 + number % 50
    noise = (number * 7919 % 1000) / 1000
    told: dict[str, Any] = {
        "event": "epoch" if batch == 50 else "batch",
        "epoch": epoch,
        "epochs": 400,
        "batch": batch,
        "batches": 50,
        "losses": {f"train/{n}_loss": k + noise for k, n in enumerate(("box", "cls", "dfl"))},
        "learning_rate": 1e-4 * (1 - number / 40_000),
        "images_per_second": 20 + noise,
        "memory": {"process": 2_000_000_000 + number},
        "seconds_left": 20_000 - number,
        "time": float(number),
    }
    if batch == 50:
        figure = 0.2 + 0.1 * noise
        metrics = {"metrics/mAP50-95(B)": figure, "metrics/mAP50(B)": 1.5 * figure}
        told |= {"metrics": metrics, "fitness": figure, "best": False, "seconds": 3.0}
    return json.dumps(told) + "\n"


class Heart:
    """Beats on a thread's event loop and keeps how long it was away."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._timer = QTimer(interval=BEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._wall: list[float] = []
        self._busy: list[float] = []

    def start(self) -> None:
        """Begin again."""
        self._wall, self._busy = [], []
        self._last = time.perf_counter(), time.thread_time()
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self._wall.append(1000 * (now[0] - self._last[0]) - BEAT_MS)
        self._busy.append(1000 * (now[1] - self._last[1]))
        self._last = now

    def report(self) -> dict[str, float]:
        """Return milliseconds away, and milliseconds of the processor used, between two beats."""
        self._timer.stop()
        report: dict[str, float] = {}
        for name, times in (("away", self._wall), ("own work", self._busy)):
            ordered = sorted(times)
            report[f"{name} p99"] = round(ordered[int(0.99 * (len(ordered) - 1))], 2)
            report[f"{name} max"] = round(ordered[-1], 2)
        over = sum(time > 16 for time in self._busy)
        return {**report, "beats": len(self._wall), "own work over 16 ms": over}


def spin(until: Any, seconds: float) -> None:
    """Run the event loop until something holds, or so long."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop, end = QEventLoop(), time.monotonic() + seconds
    look = QTimer(interval=50)
    look.timeout.connect(lambda: (until() or time.monotonic() > end) and loop.quit())
    look.start()
    loop.exec()


def used(process: Any) -> float:
    """Return the seconds of the processor that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def watched(window: Any, folder: Path) -> None:
    """Bring a job's charts to the front."""
    runs = window.context.jobs
    runs.look_in([str(folder.parent)])
    window.workspace.go_to("tuning")
    runs.watch(str(folder))
    spin(lambda: runs.snapshot is not None, 10)


def tuned(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a fine-tuning is of, as its settings have it."""
    return {
        "model": str(options.model),
        "data": str(options.data),
        "image_size": options.size,
        "device": "cpu",
        "baseline": False,
    }


def training(window: Any, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Beats while a real training runs, and what events cost on both sides."""
    import psutil

    from core.runs.folder import create_job, read_events, tell
    from core.runs.launch import launch

    settings = {
        **tuned(options),
        "preset": "recover_fully",
        "epochs": 10_000,
        "threads": options.threads or os.cpu_count(),
    }
    seconds = options.seconds
    folder = create_job("finetune", settings, {}, parent=place)
    pid = launch(folder)
    watched(window, folder)
    runs, process = window.context.jobs, psutil.Process()
    spin(lambda: runs.snapshot is not None and runs.snapshot.batch > 2, 120)
    idle = subprocess.Popen([sys.executable, "-c", IDLE, str(seconds)], stdout=subprocess.PIPE)
    heart, train = Heart(), psutil.Process(pid)
    heart.start()
    spin(lambda: False, seconds)
    report: dict[str, Any] = {"window": heart.report()}
    report["doing nothing"] = json.loads(idle.communicate()[0])
    events, before, worked = runs.snapshot.events, used(process), used(train)
    spin(lambda: False, seconds)  # without the beat, which costs more than the events
    spent, trained = used(process) - before, used(train) - worked
    report["events"] = runs.snapshot.events - events
    report["window's processor time, % of training's"] = round(100 * spent / trained, 2)
    report["training's processor time, % of wall"] = round(100 * trained / seconds, 1)
    runs.watch("")
    before, worked = used(process), used(train)
    spin(lambda: False, seconds / 2)
    spent, trained = used(process) - before, used(train) - worked
    report["the same while it is not watched"] = round(100 * spent / trained, 2)
    tell(folder, "cancel")
    spin(lambda: not psutil.pid_exists(pid) or train.status() == "zombie", 60)
    told, _ = read_events(folder)
    report["last event"] = told[-1]["event"]
    return report


def stream(window: Any, place: Path, rounds: int, count: int) -> dict[str, Any]:
    """Beats and memory while events stream in, so many a round."""
    import gc

    import psutil

    from core.runs.folder import EVENTS as FILE
    from core.runs.folder import create_job, read_job, write_job
    from core.runs.life import this_process

    folder = create_job("finetune", {"model": "a.pt"}, {}, parent=place)
    job = read_job(folder)
    write_job(folder, job.model_copy(update={"state": "running", "process": this_process()}))
    (folder / FILE).touch()
    watched(window, folder)
    runs, process, report = window.context.jobs, psutil.Process(), {}
    heart, memory = Heart(), []
    for turn in range(rounds):
        writer = subprocess.Popen(
            [sys.executable, "-c", STREAM, str(folder / FILE), *map(str, (
                turn * count, count, A_SECOND))]
        )  # fmt: skip
        idle = subprocess.Popen(
            [sys.executable, "-c", IDLE, str(count / A_SECOND)], stdout=subprocess.PIPE
        )
        before = used(process)
        begun = time.monotonic()
        heart.start()
        spin(lambda t=turn: runs.snapshot.events >= (t + 1) * count, 120)
        wall = time.monotonic() - begun
        spent = used(process) - before
        writer.wait()
        report[f"events {turn * count:,} to {(turn + 1) * count:,}"] = {
            "window": heart.report(),
            "doing nothing": json.loads(idle.communicate()[0]),
            "events a second": round(count / wall),
            "window's processor time, µs an event": round(1e6 * spent / count),
        }
        gc.collect()
        memory.append(round(process.memory_info().rss / 2**20, 1))
    write_job(folder, job.model_copy(update={"state": "done"}))
    return {**report, "memory after each (MiB)": memory}


def told_by_training(options: argparse.Namespace) -> dict[str, float]:
    """How much of a training's own time goes into telling: timed around every callback."""
    code = """
import json, sys, time
import core.runs.run as run
from core.checkpoint import prepare
prepare()
import core.tune.report as report
spent = [0.0, 0]
def timed(call):
    def wrapped(*args):
        begin = time.thread_time()
        try:
            return call(*args)
        finally:
            spent[0] += time.thread_time() - begin
            spent[1] += 1
    return wrapped
for name in ("_epoch_started", "_batch_done", "_trained", "_epoch_done"):
    setattr(report.Reporter, name, timed(getattr(report.Reporter, name)))
control = timed(run.Control.__call__)
run.Control.__call__ = control
begin = time.monotonic()
event = run.run_job(sys.argv[1])
assert event["event"] == "done", event
print(json.dumps({"spent": spent[0], "calls": spent[1], "seconds": time.monotonic() - begin}))
"""
    from core.runs.folder import create_job

    settings = {**tuned(options), "minutes": options.seconds / 60}
    folder = create_job("finetune", settings, {}, parent=tempfile.mkdtemp())
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "training, events and control, % of its wall time": round(
            100 * found["spent"] / found["seconds"], 3
        ),
        "calls": found["calls"],
        "seconds": round(found["seconds"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=3, help="of events")
    parser.add_argument("--events", type=int, default=10_000, help="a round")
    parser.add_argument("--model", type=Path, default=DATA / "yolov8n-coco.pt")
    parser.add_argument("--data", type=Path, default=DATA / "coco128" / "coco128.yaml")
    parser.add_argument("--size", type=int, default=320, help="of images to train on, in pixels")
    parser.add_argument("--threads", type=int, help="of the training; as many as cores")
    parser.add_argument("--without", nargs="*", default=[], choices=["training", "events", "told"])
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="secateur-live-")
    for place in ("CONFIG", "DATA", "STATE"):
        os.environ[f"XDG_{place}_HOME"] = str(Path(home) / place.lower())
    from PySide6.QtWidgets import QApplication

    from tests.benchmarks.window import opened_window

    application = QApplication.instance() or QApplication([])
    window, _, _ = opened_window("yolov8n")
    application.processEvents()
    parts = {
        "training": lambda: training(window, Path(home), options),
        "events": lambda: stream(window, Path(home), options.rounds, options.events),
        "told": lambda: told_by_training(options),
    }
    for name, measure in parts.items():
        if name not in options.without:
            print(json.dumps({name: measure()}, indent=1, ensure_ascii=False), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
