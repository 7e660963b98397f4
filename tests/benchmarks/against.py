"""Opening and analysis against another version: ``python -m tests.benchmarks.against FOLDER``.

FOLDER is another checkout, such as ``git worktree add FOLDER COMMIT`` makes. Each version has a
process of its own, and both work in turns: a description of Ultralytics, a copy of it as a
person's own file, and a saved checkpoint are opened and analysed without the cache. Times are
those of the processor, which other work adds little to; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import gc, json, sys, time
from core.checkpoint import prepare
prepare()
import torch
from core.pipeline import load
from core.graph.analysis import analyse
torch.set_num_threads(1)
for line in sys.stdin:
    path, gone = json.loads(line)
    gc.collect()
    start = time.process_time()
    loaded = load(path)
    opened = time.process_time()
    analyse(loaded, cache=False)
    print(json.dumps([opened - start, time.process_time() - opened]), flush=True)
    del loaded
"""


class Version:
    """A process with one version of the program."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORK], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, path: str) -> list[float]:
        """Open and analyse a file; return the seconds of each."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([path, 0]) + "\n")
        self._process.stdin.flush()
        found: list[float] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def files(family: str, folder: Path) -> dict[str, str]:
    """Write the files to open; return their paths by what they are."""
    import torch

    from core.checkpoint.network import _find
    from core.pipeline import load

    own, saved = folder / f"{family}.yaml", folder / f"{family}.pt"
    own.write_bytes(_find(Path(f"{family}.yaml")).read_bytes())
    loaded = load(f"{family}.yaml")
    torch.save({"model": loaded.model.half(), "train_args": loaded.train_args}, saved)
    return {"stock": f"{family}.yaml", "own": str(own), "saved": str(saved)}


def compare(other: Path, family: str, rounds: int) -> dict[str, Any]:
    """Return seconds of both versions, and their ratio, for each file."""
    with tempfile.TemporaryDirectory() as name:
        paths = files(family, Path(name))
        versions = {"now": Version(ROOT), "then": Version(other)}
        times: dict[tuple[str, str], list[list[float]]] = {}
        try:
            for number in range(rounds + 1):  # the first warms up
                for what, path in paths.items():
                    order = list(versions) if number % 2 else list(versions)[::-1]
                    for version in order:
                        found = versions[version].run(path)
                        if number:
                            times.setdefault((what, version), []).append(found)
        finally:
            for running in versions.values():
                running.close()
    result: dict[str, Any] = {}
    for what in paths:
        now, then = times[what, "now"], times[what, "then"]
        sums = {k: statistics.median(map(sum, v)) for k, v in (("now", now), ("then", then))}
        opened = {k: statistics.median(t[0] for t in v) for k, v in (("now", now), ("then", then))}
        result[what] = {
            "seconds": sums, "ratio": sums["now"] / sums["then"],
            "opening": opened, "opening_ratio": opened["now"] / opened["then"],
        }  # fmt: skip
    return result


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="yolov8x")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(json.dumps(compare(options.folder.resolve(), options.model, options.rounds), indent=1))


if __name__ == "__main__":
    main()
