"""Reads mutated and hostile files for some time: ``make fuzz SECONDS=60 SEED=0``.

An input is drawn by the seed, its kind and its number, so that one is found again by these three.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import IO, Any

from tests.fuzz.world import homes

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = ("tried", "refused", "accepted", "other")
PATIENCE = 180.0
"""Seconds of the clock after which an input that does not end counts as a fault; generous, since
the time that counts is the processor's (`tests.fuzz.worker`)."""
START = 600.0


class Worker:
    """A process that runs inputs; a new one takes its place where it ends.

    Parameters
    ----------
    seed : str
    found : Path
        Where inputs that are faults are kept.
    """

    def __init__(self, seed: str, found: Path) -> None:
        self._seed, self._found = seed, found
        self._folder = tempfile.TemporaryDirectory(
            prefix="secateur-fuzz-", ignore_cleanup_errors=True
        )
        self._count = 0
        self._process: subprocess.Popen[str] | None = None

    def run(self, name: str, number: int) -> dict[str, Any]:
        """Run an input; one that ends the process, or does not end, is a fault."""
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps([name, number]) + "\n")
        process.stdin.flush()
        told = self._answer(PATIENCE)
        if told is None:
            process.kill()
            code = process.wait()
            self._process = None
            return {"outcome": "other", "why": f"the process ended or hung (code {code})"}
        return told

    def _start(self) -> subprocess.Popen[str]:
        self._count += 1
        root = Path(self._folder.name) / str(self._count)
        words = ["-m", "tests.fuzz.worker", str(root), self._seed, str(self._found)]
        environment = {**os.environ, **homes(root), "OMP_NUM_THREADS": "1"}
        log = (Path(self._folder.name) / "log.txt").open("ab")
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, text=True, stderr=log,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_pass_on, args=(process.stdout, self._answers), daemon=True).start()
        self._process = process
        if self._answer(START) is None:
            sys.exit(
                f"The worker did not start:\n{Path(log.name).read_text('utf-8', 'replace')[-3000:]}"
            )
        return process

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        return json.loads(line) if line else None

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _pass_on(stream: IO[str], answers: queue.SimpleQueue[str]) -> None:
    for line in stream:
        answers.put(line)
    answers.put("")


def fuzz(seconds: float, seed: str, found: Path, only: str = "", number: int | None = None) -> int:
    """Run inputs of all kinds in turn for some time, print the figures; return the faults."""
    from tests.fuzz.kinds import KINDS

    names = [name for name in KINDS if only in name]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    worker = Worker(seed, found)
    began: float | None = None
    turn = 0 if number is None else number
    try:
        while began is None or (number is None and time.monotonic() - began < seconds):
            for name in names:
                told = worker.run(name, turn)
                began = time.monotonic() if began is None else began
                counts[name].update(("tried", told["outcome"]))
                if told["outcome"] == "other":
                    why = told["why"].strip().splitlines()[-1][:300]
                    print(f"{name}, number {turn}: {why}", flush=True)
            turn += 1
    finally:
        worker.close()
    _print(counts)
    return sum(count["other"] for count in counts.values())


def _print(counts: dict[str, Counter[str]]) -> None:
    print("".join([f"{'kind':<24}", *(f"{name:>10}" for name in OUTCOMES)]))
    whole: Counter[str] = Counter()
    for name, count in counts.items():
        whole += count
        print("".join([f"{name:<24}", *(f"{count[outcome]:>10}" for outcome in OUTCOMES)]))
    print("".join([f"{'all':<24}", *(f"{whole[outcome]:>10}" for outcome in OUTCOMES)]))


def main() -> int:
    """Read the options, and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", default="", metavar="KIND", help="kinds with this in their name")
    parser.add_argument("--number", type=int, help="only this input of each kind")
    parser.add_argument("--found", type=Path, default=ROOT / "fuzz-found", metavar="FOLDER")
    options = parser.parse_args()
    faults = fuzz(options.seconds, options.seed, options.found, options.only, options.number)
    if faults:
        print(f"{faults} inputs were neither accepted nor refused in one line: {options.found}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
