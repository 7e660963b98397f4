"""Hostile pickles by the hundred: each is refused in one line, and none runs anything.

An audit hook of the interpreter listens meanwhile, so a call that leaves no file is heard as well.
"""

from __future__ import annotations

import contextlib
import copy
import copyreg
import importlib
import os
import signal
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from core.checkpoint import load
from core.errors import UserError
from tests.core.checkpoint.hostile import FAMILIES
from tests.core.checkpoint.test_hostile import archive

WANTED = 532
"""As many were tried on version 0.1."""
SECONDS = 60
"""Of the processor for a family, before it counts as one that never ends."""
MEGABYTES = 64
"""Of Python's memory for one pickle, whatever it claims."""
#: Of the interpreter's audit events, those of which a checkpoint that is read causes none.
EVENTS = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.kill", "os.remove", "os.rename", "os.rmdir", "os.putenv", "os.chmod", "shutil.",
    "subprocess.Popen", "pty.spawn", "socket.", "urllib.Request", "webbrowser.open",
    "ctypes.dlopen", "pickle.find_class", "code.__new__", "function.__new__",
    "builtins.input", "builtins.breakpoint", "signal.pthread_kill", "sys.settrace", "tempfile.",
)  # fmt: skip

_listening: list[list[str]] = []


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event.startswith(EVENTS):
        _listening[-1].append(f"{event} {str(arguments)[:80]}")


sys.addaudithook(_heard)


@contextlib.contextmanager
def nothing_runs(mark: Path) -> Iterator[None]:
    """Fail when anything was run, or if it takes forever."""

    def too_long(*_unused: object) -> None:
        raise AssertionError("it did not end")

    heard: list[str] = []
    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    _listening.append(heard)
    try:
        yield
    finally:
        _listening.pop()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert heard == []
    assert not mark.exists()


def reason(path: Path) -> UserError | None:
    try:
        load(path)
    except UserError as error:
        return error
    return None


def test_the_listener_hears() -> None:
    """Otherwise the silence below would mean nothing."""
    heard: list[str] = []
    _listening.append(heard)
    os.system("true")
    _listening.pop()
    assert heard


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mark, path = tmp_path / "MARK", tmp_path / "a.pt"
    # What is imported on the way is no deed of a pickle.
    importlib.import_module("torchvision.models.resnet")
    load(Path("yolov8n.yaml"))
    with nothing_runs(mark):
        for name, pickled in FAMILIES[family]():
            archive(path, pickled)
            error = reason(path)
            assert error is not None, name
            assert "\n" not in str(error), name
            assert len(error.message) < 600, name
            assert error.hint, name


@pytest.mark.parametrize("family", ["sizes", "persistent ids"])
def test_what_claims_much_takes_little(family: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    tracemalloc.start()
    try:
        for name, pickled in FAMILIES[family]():
            archive(path, pickled)
            tracemalloc.reset_peak()
            assert reason(path) is not None, name
            assert tracemalloc.get_traced_memory()[1] < MEGABYTES << 20, name
    finally:
        tracemalloc.stop()


def test_numbers_of_a_registry_that_has_them(tmp_path: Path) -> None:
    """Where the process that reads has registered a function under a number of the pickle."""
    mark, path = tmp_path / "MARK", tmp_path / "a.pt"
    for code in (0xF0, 0xF0F0):
        copyreg.add_extension("os", "system", code)
        try:
            with nothing_runs(mark):
                for _, pickled in FAMILIES["extensions"]():
                    archive(path, pickled)
                    assert reason(path) is not None
        finally:
            copyreg.remove_extension("os", "system", code)


#: All that a module keeps for its hooks, in this version of torch.
HOOKS = sorted(key for key in vars(nn.Module()) if "_hooks" in key)
#: Allowed names, as functions that a hook could call.
CALLED = {
    "a function": torch._utils._rebuild_tensor_v2,
    "a module": nn.SiLU(),
    "a class": nn.Conv2d,
    "a text": "os.system",
}


def hooked(model: nn.Module, key: str, called: object, place: str) -> nn.Module:
    """Put a hook on a module of a network, or on one that it keeps out of its table of modules."""
    target = model.model[0]
    if place != "a block":
        target = nn.ReLU()
        kept = {"an attribute": target, "a list": [target], "a dict": {"a": (target,)}}[place]
        vars(model.model[0])["kept"] = kept
    vars(target)[key][0] = called
    return model


@pytest.mark.parametrize("place", ["a block", "an attribute", "a list", "a dict"])
@pytest.mark.parametrize("key", HOOKS)
def test_hooks_of_every_kind(key: str, place: str, built, tmp_path: Path) -> None:
    mark, path = tmp_path / "MARK", tmp_path / "a.pt"
    for called in CALLED.values():
        torch.save({"model": hooked(copy.deepcopy(built.model), key, called, place)}, path)
        with nothing_runs(mark):
            error = reason(path)
        assert error is not None
        assert "attaches code" in error.message


def test_there_are_as_many_as_before() -> None:
    written = [pickled for family in FAMILIES.values() for _, pickled in family()]
    assert len(set(written)) >= WANTED
    assert len(HOOKS) >= 11
