"""Accuracy after tuning, next to Torch-Pruning tuned alike: the last table of docs/accuracy.md.

    python scripts/tuned_table.py ../shared/data/yolov8n-coco.pt ../shared/data/coco128/coco128.yaml

Both networks are pruned, tuned and taught with the train split only, by the same trainer with the
same settings; figures are from the val split. Every row is kept in a file of JSON lines as soon as
it is measured: run the same command again after an interruption, and it continues.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.checkpoint import Loaded
from core.data.stream import DataSettings, Stream
from core.plan.schema import Plan, Target
from core.repair import RepairSettings, parse_steps
from core.tune.run import finetune
from core.tune.settings import Settings
from scripts.accuracy import Results
from scripts.peer.shelf import Shelf

OURS, THEIRS = "Secateur", "Torch-Pruning"


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.loaded = core.load(options.model)
        self.data = DataSettings(
            Path(options.data),
            images=options.images,
            image_size=options.size,
            device=options.device,
        )
        facts = self.loaded.facts
        images = Stream(self.data, facts.task, facts.classes)
        settings = {"model": facts.sha256, "train": images.fingerprint(), "size": options.size}
        self.folder = Path(options.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results = Results(self.folder / "rows.jsonl", settings)
        self._peer: Any = None

    def settings(self, model: str, preset: str) -> Settings:
        return Settings(
            model=model,
            data=self.options.data,
            teacher=self.options.model,
            preset=preset,
            image_size=self.options.size,
            device=self.options.device,
            seed=self.options.seed,
            validate_every=self.options.validate_every,
            epochs=self.options.epochs,
        )

    def ours(self, less: float, preset: str, folder: Path) -> dict[str, Any]:
        """Prune by the best there is here, repair, and tune the file."""
        path = self.folder / f"secateur-{less}.pt"
        if not path.exists():
            plan = Plan(criterion="fisher", round_to=1, target=Target(macs=1 - less))
            repair = RepairSettings(parse_steps("bn,refit"), images=self.options.images)
            core.prune(self.loaded, plan, path, data=self.data, repair=repair)
        macs = [self._macs(core.load(file)) for file in (path, self.options.model)]
        result = finetune(self.settings(str(path), preset), folder, emit=show, resume=True)
        return {**result, "macs": macs[0] / macs[1]}

    def theirs(self, less: float, preset: str, folder: Path) -> dict[str, Any]:
        """Let Torch-Pruning prune, and tune its network by the same trainer."""
        from scripts.peer.accuracy import BEST, WAYS, Peer

        self._peer = self._peer or Peer(self.loaded, replace(self.data, device="cpu"))
        model, macs, _ = self._peer.prune(WAYS[BEST], 1 - less)
        shelf = Shelf("torch-pruning", replace(self.loaded, model=model))
        with shelf.instead_of_files():
            result = finetune(self.settings("torch-pruning", preset), folder, emit=show)
        return {**result, "macs": macs}

    @staticmethod
    def _macs(loaded: Loaded) -> int:
        return sum(block.macs for block in core.analyse(loaded).table.blocks)

    def row(self, who: str, less: float, preset: str) -> dict[str, Any]:
        way: Callable[..., dict[str, Any]] = {OURS: self.ours, THEIRS: self.theirs}[who]
        folder = self.folder / f"{who}-{less}-{preset}-{self.options.seed}"
        folder.mkdir(exist_ok=True)

        def measure() -> dict[str, Any]:
            start, begun = time.process_time(), time.monotonic()
            result = way(less, preset, folder)
            kept = ("before", "after", "final", "averaged", "epochs", "seconds")
            cpu, wall = time.process_time() - start, time.monotonic() - begun
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            figures = {key: result[key] for key in (*kept, "parameters", "macs")}
            return {**figures, "cpu_seconds": cpu, "wall_seconds": wall, "peak_kb": peak}

        what = {"row": who, "less": less, "preset": preset, "seed": self.options.seed}
        return self.results.get(what, measure)


def show(event: dict[str, Any]) -> None:
    if event["event"] in ("started", "baseline", "epoch"):
        told = {key: event[key] for key in ("epoch", "seconds", "metrics") if event.get(key)}
        print(f"<!-- {event['event']} {told} -->", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--less", type=float, nargs="*", default=[0.5, 0.3])
    parser.add_argument("--who", nargs="*", default=[OURS, THEIRS], choices=[OURS, THEIRS])
    parser.add_argument("--images", type=int, default=96, help="that ranking and repair see")
    parser.add_argument("--epochs", type=int, help="the preset's by default")
    parser.add_argument("--presets", nargs="*", default=["recover_fully"])
    parser.add_argument("--seed", type=int, default=0, help="of the tuning")
    parser.add_argument("--validate-every", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--device", default="cpu", help="cpu or cuda:0; Torch-Pruning prunes on cpu"
    )
    parser.add_argument("--folder", default="tuned", help="where networks and figures are kept")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    print("| network | GFLOPs | preset | before | mean | last epoch | best | processor time |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for preset in options.presets:
        for less in options.less:
            for who in options.who:
                row = bench.row(who, less, preset)
                found = (row["before"], row["final"], row["averaged"]["figures"], row["after"])
                figures = [f"{each['map50_95']:.4f}" for each in found]
                change = f"{row['macs'] - 1:+.1%}".replace("-", "−")
                cells = (who, change, f"`{preset}`", *figures, f"{row['cpu_seconds']:.0f} s")
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
