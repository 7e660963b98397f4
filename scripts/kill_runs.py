"""Kill fine-tunings at random moments, resume them, and compare with one that was left alone.

    python scripts/kill_runs.py small.pt data.yaml --runs 20 --epochs 4 --image-size 64

Prints a line a run, and fails when a job does not resume, a file is not whole, or a figure is off.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

import core
from core.runs.folder import create_job, is_alive, read_events, read_job, status_of
from core.runs.launch import launch
from core.tune.finetune.settings import Settings


def weights(path: Path) -> dict[str, torch.Tensor]:
    return core.load(path).model.state_dict()


def run_to_end(folder: Path) -> float:
    """Run a job to its end; return its seconds."""
    began = time.monotonic()
    os.waitpid(launch(folder), 0)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--kills", type=int, default=2, help="a run, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    settings = Settings(
        model=options.model,
        data=options.data,
        epochs=options.epochs,
        batch=options.batch,
        image_size=options.image_size,
        device="cpu",
        threads=1,
        baseline=False,
    ).model_dump(mode="json")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="secateur-kills-") as name:
        root = Path(name)
        inputs = {"model": options.model, "data": options.data}
        whole = create_job("finetune", settings, inputs, folder=root / "whole")
        length = run_to_end(whole)
        wanted, figures = weights(whole / "last.pt"), read_job(whole).result["final"]
        for number in range(options.runs):
            folder = create_job("finetune", settings, inputs, folder=root / f"run-{number}")
            moments = []
            for _ in range(draw.randint(1, options.kills)):
                pid = launch(folder)
                moments.append(draw.uniform(0, length))
                time.sleep(moments[-1])
                if is_alive(read_job(folder).process):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                if status_of(read_job(folder)) == "done":
                    break
            for file in folder.glob("*.pt"):
                core.load(file)  # whole, or not there
            if status_of(read_job(folder)) != "done":
                run_to_end(folder)
            job = read_job(folder)
            found = weights(folder / "last.pt")
            apart = max(
                float((wanted[k].float() - v.float()).abs().max()) for k, v in found.items()
            )
            told = [event["event"] for event in read_events(folder)[0]]
            good = job.state == "done" and told.count("done") == 1 and apart < 1e-6
            good = good and job.result["final"] == figures
            bad += not good
            text = ", ".join(f"{moment:.1f}" for moment in moments)
            print(f"run {number}: killed after {text} s, weights apart {apart:.1e}, {job.state}")
            sys.stdout.flush()
    print(f"{options.runs - bad} of {options.runs} runs equal the one that was left alone")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
