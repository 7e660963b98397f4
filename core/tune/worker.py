"""One process of a training on several GPUs; started by torchrun, see `core.tune.several`.

All of them train the same network on their share of every batch; the first also measures, saves
and tells.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.checkpoint import prepare
from core.errors import CancelledError, UserError
from core.system.budget import JOB_FILE, read_json
from core.system.files import write_json
from core.system.locks import Lock, take

_life: list[Lock | None] = []


class Link:
    """The first process's way to the one that started it all."""

    def __init__(self, port: int, token: str) -> None:
        from core.tune.several import HOME

        self._socket = socket.create_connection((HOME, port))
        self._socket.sendall(token.encode("ascii"))
        self._stream = self._socket.makefile("rw", encoding="utf-8")

    def emit(self, event: dict[str, Any]) -> None:
        """Tell an event."""
        self._send(event)

    def check(self) -> None:
        """Ask whether to continue; wait for the answer."""
        self._send({})
        if not self._stream.readline():
            raise CancelledError

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()
        except OSError as error:
            raise CancelledError from error  # who started this is no more


def train(spec: dict[str, Any], rank: int) -> None:
    """Set up like the process that started this one, and train."""
    import torch.distributed as dist

    from core.tune.report import Reporter
    from core.tune.run import set_up
    from core.tune.settings import parse_settings
    from core.tune.state import STATE_KEY, read_state
    from core.tune.trainer import make_trainer
    from core.tune.trouble import explain

    link = Link(spec["port"], spec["token"]) if rank == 0 else None
    emit = link.emit if link else lambda event: None
    check = link.check if link else lambda: None
    folder = Path(spec["folder"])
    run, options, _ = set_up(parse_settings(spec["settings"]), folder, emit, check)
    options["batch"] = spec["batch"]
    if spec["resume"]:
        state = read_state(run.last)
        run = replace(run, state=state, elapsed=float(state[STATE_KEY]["elapsed"]))
    trainer = make_trainer(run, options)
    if link is not None:
        Reporter(emit).watch(trainer)
    try:
        trainer.train()
    except (UserError, CancelledError):
        raise
    except Exception as error:
        explain(run, trainer, error, int(os.environ["WORLD_SIZE"]))
        raise
    if dist.is_initialized():
        dist.destroy_process_group()


def main(arguments: list[str]) -> int:
    """Train; what goes wrong is left in a file for the process that started this one."""
    from core.tune.several import FAILURE, LIFE

    spec = read_json(arguments[0], JOB_FILE)
    rank = int(os.environ["RANK"])
    work = Path(spec["folder"]) / "work"
    with contextlib.suppress(OSError):  # let go of when this process ends, however it does
        _life.append(take(work / LIFE.format(rank)))
    prepare()
    try:
        train(spec, rank)
        return 0
    except CancelledError:
        return 1
    except UserError as error:
        note = {"kind": "user", "message": error.message, "hint": error.hint}
    except Exception as error:
        from core.system.memory import is_out_of_memory

        traceback.print_exc()
        kind = "memory" if is_out_of_memory(error) else "other"
        note = {"kind": kind, "message": f"{type(error).__name__}: {error}"}
    write_json(work / FAILURE.format(rank), note)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
