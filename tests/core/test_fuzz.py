"""The fuzzer counts what became of its inputs, keeps those that are faults, and goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.conftest import ROOT
from tests.fuzz import __main__ as fuzz

BREAK = """
import tests.fuzz.kinds as kinds
from tests.fuzz import worker
import pathlib, sys, time, os

def fault(world): raise RuntimeError("this is a fault")
def slow(world):
    while True: pass
def large(world): return len(bytearray(4 << 30)) and "accepted"
def ended(world): os._exit(3)
def run(world): os.system("true"); return "accepted"
def quiet(world): return "refused"

write = kinds.file("plan", kinds.odd_json)
made = [fault, slow, large, ended, run, quiet]
kinds.KINDS.clear()
kinds.KINDS.update({use.__name__: kinds.Kind(use.__name__, write, (use,)) for use in made})
worker.SECONDS = 1.0
warm = worker.outcome_of
worker.outcome_of = lambda world, name, seed, number: (
    {"outcome": "accepted"} if seed == "warm" else warm(world, name, seed, number))
worker.main(pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]))
"""


def test_a_kind_of_inputs_is_counted(tmp_path: Path) -> None:
    words = ["--seconds", "1", "--seed", "7", "--only", "plan", "--found", str(tmp_path / "found")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words], cwd=ROOT, capture_output=True, text=True,
        timeout=600, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    head, *rows = [line.rsplit(None, 4) for line in done.stdout.splitlines()]
    assert head == ["kind", "tried", "refused", "accepted", "other"]
    assert [row[0] for row in rows] == ["plan", "all"]
    _, tried, refused, accepted, other = rows[0]
    assert int(tried) == int(refused) + int(accepted) > 0 == int(other)
    assert not (tmp_path / "found").exists()


def test_faults_of_every_kind_are_found_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BREAK)
    real = subprocess.Popen

    def broken(words: list[str], **options: object) -> subprocess.Popen[str]:
        """Start the worker with kinds of its own."""
        place = words.index("tests.fuzz.worker")
        environment = {**os.environ, **options.pop("env"), "PYTHONPATH": str(ROOT)}
        return real([words[0], str(script), *words[place + 1 :]], env=environment, **options)

    monkeypatch.setattr(fuzz.subprocess, "Popen", broken)
    worker = fuzz.Worker("0", tmp_path / "found")
    try:
        told = {name: worker.run(name, 5) for name in ("fault", "slow", "large", "run", "quiet")}
        assert told.pop("quiet") == {"outcome": "refused"}
        assert {one["outcome"] for one in told.values()} == {"other"}
        for name, why in (("fault", "this is a fault"), ("slow", "1 s of the processor"),
                          ("large", "MemoryError"), ("run", "os.system")):  # fmt: skip
            assert why in told[name]["why"], told[name]
            kept = tmp_path / "found" / f"{name}-0-5"
            assert why in (kept / "why.txt").read_text()
            assert (kept / "files_plan.json").is_file()
        ended = worker.run("ended", 1)
        assert ended["outcome"] == "other" and "code 3" in ended["why"]
        assert worker.run("quiet", 6) == {"outcome": "refused"}  # a new process goes on
    finally:
        worker.close()
