"""A signal that ends a command: one line, its exit code, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.system.signals import ENDING, EndedError, answered

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

SLOW = """
import os, signal, sys, time
from core.cli.main import main
for number in (signal.SIGTERM, signal.SIGHUP):  # whoever runs the tests may ignore them
    signal.signal(number, signal.SIG_DFL)
def wait(options):
    try:
        open(options.model, "w").write("half")
        print("ready", flush=True)
        time.sleep(60)
    finally:
        os.remove(options.model)
import core.cli.commands as commands
found = commands.GROUPS.find_offered
commands.GROUPS.find_offered = lambda name: wait
sys.exit(main(["inspect", sys.argv[1]]))
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_command_is_ended(number: int, tmp_path: Path) -> None:
    half = tmp_path / "half"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(half)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None and process.stderr.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    name = signal.Signals(number).name
    assert told == f"secateur: Ended by {name}; no incomplete files were left.\n"
    assert not half.exists()


def test_signals_do_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(EndedError) as caught, answered():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM
    assert [signal.getsignal(number) for number in ENDING] == before


class Finalised:
    """Gets a signal while Python finalises it, where an error is only reported."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_in_a_finaliser_is_not_lost(number: int, times: int) -> None:
    hook = sys.unraisablehook
    waiting = threading.Event()
    with pytest.raises(EndedError) as caught, answered():
        for _ in range(times):
            Finalised(number)
        waiting.wait(60)
    assert caught.value.number == number
    assert sys.unraisablehook is hook


def test_other_errors_of_finalisers_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ValueError("of a finaliser")

    told: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_value))
    with answered():
        Fails()
    assert [str(error) for error in told] == ["of a finaliser"]


def test_what_is_ignored_stays_ignored() -> None:
    """As ``nohup`` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with answered():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_answers_none() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[bool] = []

    def work() -> None:
        with answered():
            seen.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
