"""``secateur --self-test``: the whole main job on the demo, by every process the program starts.

The window is painted without a screen; its engine walks the demo; a training runs as a process of
its own; fresh processes read what was written. One line a step; the first failure ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.system.program import is_packaged, own_command, own_environment
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from app.startup.self_test_window import Stage

TUNING_S = 600.0
COMMAND_S = 300.0
DEMO_S = 1500.0
ENGINE_S = 120.0
SMALL = {
    "train": 48,
    "val": 16,
    "images": 8,
    "repair_images": 8,
    "target": 0.5,
    "epochs": 1,
    "repair_minutes": 0.1,
    "repeats": 5,
}
"""The demo's settings: every step, in little time."""
_PLACES = ("CACHE", "CONFIG", "DATA", "STATE")


class FailureError(Exception):
    """A step did not come out as it must."""


class SelfTest:
    """One run of the test.

    Parameters
    ----------
    folder : Path
        Gets everything that is written.
    full : bool
        Whether the demo runs with its own settings, as the user sees it.
    """

    def __init__(self, folder: Path, full: bool = False) -> None:
        self.folder, self.full = folder, full
        self.demo: dict[str, Any] = {}
        self.stage: Stage | None = None

    def run(self) -> int:
        """Take all steps; return the exit status."""
        started = time.monotonic()
        try:
            for title, act in STEPS:
                begun = time.monotonic()
                try:
                    text = act(self)
                except Exception as error:
                    say("FAILED", title, f"{error or type(error).__name__}")
                    if not isinstance(error, FailureError):
                        print("".join(traceback.format_exception(error)), file=sys.stderr)
                    return 1
                say("ok", title, f"{text} ({time.monotonic() - begun:.1f} s)")
        finally:
            if self.stage is not None:
                self.stage.close()
        say("ok", "all", f"{time.monotonic() - started:.0f} s")
        return 0

    def place(self, name: str) -> Path:
        """Return a file of the demo, which must be there."""
        path = self.folder / "demo" / name
        if not path.is_file() or not path.stat().st_size:
            raise FailureError(f"the demo left no {name}")
        return path

    def parameters(self, name: str) -> int:
        """Return how many parameters the demo says a network has."""
        return next(int(m["parameters"]) for m in self.demo["models"] if m["name"] == name)

    def secateur(self, *words: object) -> dict[str, Any]:
        """Run a command in a fresh process; return what it prints."""
        command = own_command("app", *map(str, words), "--json")
        done = subprocess.run(
            command,
            env=own_environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise FailureError(f"`{words[0]}` ended with {done.returncode}: {said[-1:]}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def say(word: str, title: str, text: str) -> None:
    """Print one step's line."""
    print(f"{word:<7}{title:<26}{text}", flush=True)


def _paint(test: SelfTest) -> str:
    from app.startup.self_test_window import Stage

    test.stage = Stage()
    seconds = test.stage.show()
    test.stage.picture(test.folder / "window.png")
    if "torch" in sys.modules:
        raise FailureError("the window's process has imported torch")
    return f"{seconds:.2f} s after the program was started"


def _engine(test: SelfTest) -> str:
    assert test.stage is not None
    facts, seconds = test.stage.start_engine(ENGINE_S)
    libraries = f"torch {facts['torch']}, ultralytics {facts['ultralytics']}"
    return f"{seconds:.2f} s after it was started: {libraries}, on {facts['device']}"


def _demo(test: SelfTest) -> str:
    def step(data: dict[str, Any]) -> None:
        if "title" in data:
            say("ok", f"  {data['title']}", f"{data['text']} ({data['seconds']:.1f} s)")

    assert test.stage is not None
    settings: dict[str, Any] = {} if test.full else dict(SMALL)
    args = {"folder": str(test.folder / "demo"), "settings": settings}
    test.demo = test.stage.run_job("demo", "The demo", args, DEMO_S, step)
    if test.demo["missing"]:
        raise FailureError("; ".join(one["message"] for one in test.demo["missing"]))
    if not test.demo["export"]:
        raise FailureError("nothing was exported")
    counts = [f"{test.parameters(name) / 1e6:.2f} M" for name in ("original", "pruned", "tuned")]
    if not test.parameters("pruned") < test.parameters("original"):
        raise FailureError("pruning made nothing smaller")
    return " → ".join(counts) + " parameters"


def _train(test: SelfTest) -> str:
    """A training as the window starts it: a separate process, which its starter outlives."""
    from core.runs.folder import read_job, status_of

    place, output = test.folder / "job", test.folder / "again.pt"
    data = test.folder / "demo" / "scenes" / "data.yaml"
    options = ("--epochs", 1, "--image-size", 96, "--batch", 16, "--no-baseline")
    test.secateur(
        "finetune", test.place("pruned.pt"), "--data", data, "-o", output, *options,
        "--folder", place, "--detach",
    )  # fmt: skip
    until = time.monotonic() + TUNING_S
    while (state := status_of(read_job(place))) in ("ready", "running"):
        if time.monotonic() > until:
            raise FailureError(f"still running after {TUNING_S:.0f} s")
        time.sleep(0.1)
    job = read_job(place)
    if state != "done":
        raise FailureError(f"it is {state}: {job.message}")
    assert job.process is not None
    if job.process.pid == os.getpid():
        raise FailureError("it ran in this very process")
    return f"1 epoch in the process {job.process.pid}, {output.name}"


def _project(test: SelfTest) -> str:
    assert test.stage is not None
    family, blocks = test.stage.open_project(test.place("demo.secateur"), ENGINE_S)
    test.stage.picture(test.folder / "project.png")
    return f"{family}, {blocks} blocks drawn"


def _reload(test: SelfTest) -> str:
    found = []
    for name in ("pruned", "tuned"):
        facts = test.secateur("inspect", test.place(f"{name}.pt"), "--no-cache")
        found.append(int(facts["totals"]["parameters"]))
        if found[-1] != test.parameters(name):
            raise FailureError(f"{name}.pt holds {found[-1]:,} parameters")
    proof = test.secateur("verify", test.place("demo.pt"), test.place("pruned.pt"))
    if not proof["verification"]["passed"]:
        raise FailureError("the pruned file differs from its masked original")
    facts = test.secateur("inspect", test.folder / "again.pt", "--no-cache")
    if facts["totals"]["parameters"] != found[0]:
        raise FailureError("the tuned file has another size than the pruned one")
    return f"{found[0]:,} parameters, as written; verified"


def _report(test: SelfTest) -> str:
    from core.report.render import count

    text = test.place("report.html").read_text("utf-8")
    for part in ("</html>", "<svg", count(test.parameters("pruned"))):
        if part not in text:
            raise FailureError(f"the report holds no {part}")
    test.place("tuned.onnx")
    return f"{len(text) / 1e6:.1f} MB"


def _formats(test: SelfTest) -> str:
    formats = {one["name"]: one["missing"] for one in test.secateur("formats")["formats"]}
    for name in ("onnx", "torchscript"):
        if formats[name] is not None:
            raise FailureError(f"{name}: {formats[name]}")
    output = test.folder / "tuned.torchscript"
    answer = test.secateur(
        "export", test.place("tuned.pt"), "--format", "torchscript", "--image-size", 96,
        "-o", output,
    )  # fmt: skip
    if not output.is_file() or not answer["parity"]["passed"]:
        raise FailureError("TorchScript came out otherwise")
    here = [name for name, missing in formats.items() if missing is None]
    return f"can be exported to here: {', '.join(here)}"


def _refused(test: SelfTest) -> str:
    """Python's own options start no Python, and no training on several devices."""
    words = ("-m", "torch.distributed.run", "train.py")
    command = [*own_command("app"), *words]
    done = subprocess.run(
        command, env=own_environment(), capture_output=True, timeout=COMMAND_S, check=False
    )
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    if done.returncode != 2 or len(lines) != 1:
        raise FailureError(f"it ended with {done.returncode}: {lines[-1:]}")
    return "in one sentence"


STEPS: tuple[tuple[str, Callable[[SelfTest], str]], ...] = (
    ("window painted", _paint),
    ("engine ready", _engine),
    ("the demo", _demo),
    ("training apart", _train),
    ("project in the window", _project),
    ("written files reloaded", _reload),
    ("report", _report),
    ("other formats", _formats),
    ("distributed refused", _refused),
)
"""In order."""


def main(arguments: Sequence[str]) -> int:
    """Run the test.

    Returns
    -------
    int
        0 when all went well, 1 after a failure, 2 for wrong usage.
    """
    parser = argparse.ArgumentParser(prog="secateur --self-test", description=__doc__)
    parser.add_argument("-o", "--output", metavar="FOLDER", help="keep the written files")
    parser.add_argument(
        "--full", action="store_true", help="run the demo with its normal settings; takes minutes"
    )
    options = parser.parse_args(list(arguments))
    kept = Path(options.output).absolute() if options.output else None
    scratch = None if kept else Scratch("self-test")
    folder = kept or (scratch.path if scratch else Path())
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for place in _PLACES:  # nobody's own settings, jobs or windows
        os.environ[f"XDG_{place}_HOME"] = str(folder / "home" / place.lower())
    if is_packaged():
        say("", "packaged program", sys.executable)
    code = SelfTest(folder, options.full).run()
    if code and scratch:
        scratch.keep()
        print(f"The files are in {folder}.")
    elif scratch:
        scratch.cleanup()
    return code
