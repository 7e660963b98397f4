"""Accuracy after pruning, for every criterion and allocation: the table of docs/accuracy.md.

    python scripts/accuracy.py ../shared/data/yolov8n-coco.pt ../shared/data/coco128/coco128.yaml

Scores come from the train split only, figures from the val split; no weight is changed. The
dataset is only read. Every figure is kept in a file of JSON lines as soon as it is measured: run
the same command again after an interruption, and it continues. In brackets: the share of the
unpruned network, with its 95% interval (a paired bootstrap over images).

With ``--torch-pruning``, its best settings are measured in the same run (its own tracer needs C2f
rewritten first).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.data.stream import DataSettings, Stream
from core.errors import UserError
from core.pipeline import resolve
from core.plan.criteria import CRITERIA
from core.plan.schema import Plan, Target
from core.plan.widths import compute_widths
from core.pruning.surgery import cut_network
from scripts.judging.shares import Share, Val

STEPS = (0.9, 0.8, 0.7, 0.5)
ALLOCATIONS = ("cost", "global", "isomorphic", "uniform")
REPRESENTATIVES = ("medoid", "weight", "gamma")


@dataclass(frozen=True)
class Row:
    """One way to choose what goes."""

    criterion: str
    allocation: str
    representative: str = ""

    @property
    def name(self) -> str:
        return (
            f"{self.criterion} ({self.representative})" if self.representative else self.criterion
        )

    def plan(self, step: float, options: argparse.Namespace) -> Plan:
        return Plan(
            criterion=self.criterion,
            allocation=self.allocation,
            representative=self.representative or "medoid",
            round_to=options.round_to,
            seed=options.seed,
            target=Target(macs=step),
        )


def rows(options: argparse.Namespace) -> Iterator[Row]:
    for criterion in sorted(CRITERIA, key=lambda name: not CRITERIA[name].by_images):
        if options.only and criterion not in options.only:
            continue
        for allocation in options.allocations:
            if CRITERIA[criterion].keeps_one:
                for representative in REPRESENTATIVES:
                    yield Row(criterion, allocation, representative)
            else:
                yield Row(criterion, allocation)


class Results:
    """Figures measured so far, by what was measured; each is on disk before the next begins."""

    def __init__(self, path: Path, settings: dict) -> None:
        self.path, self.settings = path, settings
        self.known: dict[str, dict] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self.known[entry["key"]] = entry
                except (ValueError, KeyError):
                    continue  # the line an interruption tore

    def get(self, what: dict, measure) -> dict:
        """Return the figures of something, measured only where they are not known."""
        key = json.dumps({**self.settings, **what}, sort_keys=True)
        if key not in self.known:
            self.known[key] = {"key": key, **measure()}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._torn() else "") + json.dumps(self.known[key]) + "\n")
        return self.known[key]

    def _torn(self) -> bool:
        """Whether an interruption left a line without its end."""
        return not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.loaded = core.load(options.model)
        self.analysis = core.analyse(self.loaded)
        self.data = DataSettings(
            Path(options.data),
            images=options.images,
            seed=options.seed,
            image_size=options.size,
            device=options.device,
        )
        facts = self.loaded.facts
        images = Stream(self.data, facts.task, facts.classes)
        settings = {
            "model": facts.sha256,
            "train": images.fingerprint(),
            "images": len(images),
            "val": options.val_images or "all",
            "size": options.size,
            "seed": options.seed,
            "round_to": options.round_to,
        }
        self.results = Results(Path(options.results), settings)
        self._val: Val | None = None
        self.unpruned = self.results.get({"row": "unpruned"}, self._unpruned)["figure"]

    def accuracy(self, model) -> dict:
        self._val = self._val or Val(self.loaded, self.data, self.options.val_images)
        return asdict(self._val(model))

    def _unpruned(self) -> dict:
        return self.accuracy(self.loaded.model)

    def measure(self, row: Row, step: float) -> dict:
        """Prune as anyone would who asks for this target; scores of earlier steps are known."""
        table, start = self.analysis.table, time.perf_counter()
        try:
            plan = row.plan(step, self.options)
            removed = resolve(self.loaded, self.analysis, plan, self.data)[1].removed
        except UserError as error:
            return {"refused": error.message}
        seconds = time.perf_counter() - start
        whole, now = (compute_widths(table, mask).macs for mask in (removed & False, removed))
        found = self.accuracy(cut_network(self.loaded.model, table, removed))
        return {**found, "macs": now / whole, "seconds": seconds}

    def line(self, name: str, way: str, cells: list[dict]) -> str:
        texts, seconds = [], 0.0
        for step, cell in zip(self.options.steps, cells, strict=True):
            if "refused" in cell:
                texts.append("not reached")
                continue
            found = Share(**{field.name: cell[field.name] for field in fields(Share)})
            change = f"{cell['macs'] - 1:+.1%}".replace("-", "−")
            texts.append(f"{found} at {change}")
            seconds += cell["seconds"] if step >= 0.7 else 0.0
        return f"| `{name}` | {way} | {' | '.join(texts)} | {seconds:.0f} s |"

    def show(self, row: Row) -> None:
        cells = []
        for step in self.options.steps:
            what = {"row": row.name, "allocation": row.allocation, "step": step}
            cells.append(self.results.get(what, lambda s=step: self.measure(row, s)))
        print(self.line(row.name, row.allocation, cells), flush=True)

    def show_torch_pruning(self) -> None:
        from scripts.peer.accuracy import WAYS, Peer

        peer = Peer(self.loaded, self.data)
        for name, way in WAYS.items():
            cells = []
            for step in self.options.steps:

                def measure(step: float = step, way: dict = way) -> dict:
                    model, macs, seconds = peer.prune(way, step)
                    return {**self.accuracy(model), "macs": macs, "seconds": seconds}

                cells.append(self.results.get({"row": name, "step": step}, measure))
            print(self.line(name, "Torch-Pruning", cells), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--val-images", type=int, help="all of them by default")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round-to", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", help="criteria; all of them by default")
    parser.add_argument("--allocations", nargs="*", default=ALLOCATIONS, choices=ALLOCATIONS)
    parser.add_argument("--steps", type=float, nargs="*", default=STEPS, help="shares that stay")
    parser.add_argument("--torch-pruning", action="store_true", help="measure its best, too")
    parser.add_argument("--results", default="accuracy.jsonl", help="where figures are kept")
    return parser.parse_args()


def main() -> None:
    options = parse()
    import torch

    torch.set_num_threads(options.threads)
    bench = Bench(options)
    print(f"Unpruned: {bench.unpruned:.4f} mAP50-95 on val at {options.size} px; round_to")
    print(f"{options.round_to}, {options.images} training images, {options.threads} thread(s)\n")
    heads = " | ".join(f"−{1 - step:.0%}" for step in options.steps)
    print(f"| criterion | allocation | {heads} | time to −30% |")
    print("| --- | --- |" + " --- |" * (len(options.steps) + 1), flush=True)
    for row in rows(options):
        bench.show(row)
    if options.torch_pruning:
        bench.show_torch_pruning()


if __name__ == "__main__":
    main()
