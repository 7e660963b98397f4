"""Runs inputs in a process of its own, bounded in memory and in time of the processor.

A line of standard input names a kind and a number; a line of standard output says what became of
it. What is run, and what was refused, is known by an audit hook and a mark that nothing may make.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from typing import Any

MEMORY = 1 << 30
"""Bytes that an input may take beyond what the process has when all libraries are loaded."""
SECONDS = 20.0
"""Of the processor, for one input."""
EVENTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn",
          "subprocess.Popen", "socket.connect", "webbrowser.open", "urllib.Request")  # fmt: skip
"""Events of the interpreter that no input may cause."""
CODE = ("code.__new__", "function.__new__", "pickle.find_class")
"""Those that no hostile pickle may cause; libraries do at other inputs."""

_heard: list[str] = []


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(EVENTS + CODE):
        _heard.append(f"{event} {str(arguments)[:200]}")


class SlowError(BaseException):
    """An input took too long; no handler of the program may take it for its own."""


def _too_slow(*_unused: object) -> None:
    raise SlowError(f"more than {SECONDS:g} s of the processor")


def _limit_memory() -> None:
    with Path("/proc/self/status").open() as stream:
        line = next(line for line in stream if line.startswith("VmData"))
    now = int(line.split()[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY, resource.RLIM_INFINITY))


def outcome_of(world: Any, name: str, seed: str, number: int) -> dict[str, str]:
    """Run one input; return its outcome, and of a fault what it was."""
    from tests.fuzz.kinds import KINDS

    mark = world.root / "files" / "MARK"
    _heard.clear()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        outcome = KINDS[name].run(world, Random(f"{seed}/{name}/{number}"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        hostile = name == "hostile pickle"
        heard = [event for event in _heard if hostile or not event.startswith(CODE)]
        if heard or mark.exists():
            return {"outcome": "other", "why": f"ran something: {heard}"}
        if hostile and outcome == "accepted":
            return {"outcome": "other", "why": "a hostile pickle was accepted"}
        return {"outcome": outcome}
    except BaseException:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {"outcome": "other", "why": traceback.format_exc()}


def _keep(world: Any, kept: Path) -> None:
    """Keep what the input changed."""
    kept.mkdir(parents=True, exist_ok=True)
    for path in world.unlike():
        name = "_".join(path.relative_to(world.root).parts)[-150:]
        shutil.copy(path, kept / name.encode("ascii", "replace").decode().replace("?", "_"))


def main(root: Path, seed: str, found: Path) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from tests.fuzz.world import build, homes

    os.environ.update(homes(root))
    from core.system.program import prepare

    prepare()
    import torch

    torch.set_num_threads(1)
    world = build(root)
    os.chdir(root / "files")
    from tests.fuzz.kinds import KINDS, pickles

    pickles()
    # What is imported on the way is no deed of a pickle.
    importlib.import_module("torchvision.models.resnet")
    warm = [outcome_of(world, name, "warm", 0) for name in KINDS]
    world.restore()
    _limit_memory()
    sys.addaudithook(_listen)
    signal.signal(signal.SIGPROF, _too_slow)
    print(json.dumps({"ready": len(warm)}), file=answers, flush=True)
    for line in sys.stdin:
        name, number = json.loads(line)
        told = outcome_of(world, name, seed, number)
        if told["outcome"] == "other":
            kept = found / f"{name.replace(' ', '-').replace(':', '')}-{seed}-{number}"
            _keep(world, kept)
            (kept / "why.txt").write_text(told["why"], "utf-8", "replace")
        world.restore()
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
