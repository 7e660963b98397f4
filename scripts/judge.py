"""Judges ways to prune on images that they have not seen: the tables of docs/accuracy.md.

    python scripts/judge.py ../shared/data/yolov8n-coco.pt ../shared/data/coco128/coco128.yaml \\
        --folds 4 --less 0.3 0.5 --ways raw bn,refit
    python scripts/judge.py ../shared/data/yolov8n-bccd.pt ../shared/data/bccd/bccd.yaml \\
        --less 0.5 --ways bn,refit torch-pruning resolution int8 int8:bn,refit --time
    python scripts/judge.py ../shared/data/yolov8n-bccd.pt ../shared/data/bccd/bccd.yaml \\
        --less 0.5 --ways bn,refit tuned

With ``--folds`` all images of the dataset are dealt into as many parts; each part is judged with a
network that was ranked and repaired on the others, and the predictions of all parts are evaluated
together. Without, the train split is used and ``--split`` (val) is judged. For ``tuned``
(``tuned:PRESET``, or ``tuned:WAY`` for the network of another way), one in eight of the images that
are not judged selects the state that a tuning keeps. ``turns`` (``turns:STEPS``) prunes, repairs
and tunes step by step, in the same minutes of tuning. ``depth`` lets units and scales go as well,
``coarse`` the finest scale, ``several`` ranks on four draws of the images and takes the one that
repairs best; ``depth:STEPS``, ``coarse:STEPS`` and ``several:STEPS`` name the repair.

Rivals of pruning are ways, too. ``torch-pruning`` is Torch-Pruning in its best settings; ``narrow``
is the model YAML with a smaller width, and the weights that match (raw it finds
nothing); ``resolution`` is the unpruned network at a lower image size; ``int8`` (``uint8`` with
unsigned activations, ``fp32`` not quantised) is the unpruned network as an exported ONNX file, and
``int8:WAY`` the network of another way. With ``--time``, networks are timed in ONNX Runtime on one
thread, in turns with the unpruned one.

Each row has the change in multiply-adds, mAP50-95 as a share of the unpruned network with its 95%
interval (a paired bootstrap over images), the agreement with the unpruned network (mAP50-95 with
its detections as labels: needs no labels), and the mean gap of the outputs. Every figure is kept in
the folder as soon as it is measured: run the same command again after an interruption, and it
continues.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from core.data.resample import pooled
from core.errors import UserError
from core.ship.latency.measure import Spread
from scripts.judging.bench import CRITERION, Bench, Judged
from scripts.judging.deployed import check_onnx
from scripts.judging.folds import split_folds, split_once
from scripts.judging.rivals import CHECKS, WHOLE
from scripts.judging.shares import Share
from scripts.judging.ways import WAYS


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--folds", type=int, default=0, help="none by default")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of folds; all by default")
    parser.add_argument("--split", default="val", help="what is judged without folds")
    parser.add_argument("--images", type=int, help="to rank and repair; all by default")
    parser.add_argument("--less", type=float, nargs="*", default=[0.1, 0.2, 0.3, 0.5])
    parser.add_argument("--ways", nargs="*", default=["raw", "bn,refit"], help=", ".join(WAYS))
    parser.add_argument("--criterion", default=CRITERION, help=f"of the ranking; {CRITERION}")
    parser.add_argument("--minutes", type=float, default=10.0, help="of repair")
    parser.add_argument(
        "--tune-minutes", type=float, default=15.0, help="of tuned and tuned:PRESET"
    )
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:0; rivals run on cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time", action="store_true", help="time networks in ONNX Runtime, too")
    parser.add_argument("--folder", default="judged", help="where networks and figures are kept")
    return parser.parse_args()


def line(name: str, parts: list[tuple[Judged, Judged]], times: list[np.ndarray]) -> str:
    """Return a row of the table: one network of each fold, with the unpruned one."""
    note = parts[0][0].note
    cells = [f"{name} ({note})" if note else name, change([mine.macs for mine, _ in parts])]
    for field in ("labelled", "agreeing"):
        mine, base = (pooled([getattr(p[n], field) for p in parts]) for n in (0, 1))
        cells.append(str(Share.of(mine, base)))
    gaps = np.concatenate([mine.gaps for mine, _ in parts])
    known = f"{gaps.mean():.2f} ± {gaps.std() / len(gaps) ** 0.5:.2f}"
    seconds = np.mean([mine.seconds for mine, _ in parts])
    cells += ["not available" if np.isnan(gaps).any() else known, f"{seconds:.0f}"]
    if times:
        cells.append(timed(np.concatenate(times)))
    return f"| {' | '.join(cells)} |"


def change(shares: list[float]) -> str:
    """Return the change in multiply-adds."""
    percent = round(100 * (float(np.mean(shares)) - 1))
    return f"{percent:+d}%".replace("-", "−") if percent else "0"


def timed(turns: np.ndarray) -> str:
    """Return the time as a ratio to the unpruned network's in the same turn, with quartiles."""
    ratio = Spread.of(turns[:, 1] / turns[:, 0])
    own = np.median(turns[:, 1])
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), {own:.1f} ms"


def benches(options: argparse.Namespace) -> Iterator[Bench]:
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not options.folds:
        parts = [split_once(Path(options.data), options.split, folder)]
    else:
        parts = split_folds(Path(options.data), options.folds, options.seed, folder)
    for number, part in enumerate(parts):
        if not options.only or number in options.only:
            yield Bench(options, part, WAYS.make)


def rows(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Yield what the table has, by way and by what is to be removed."""
    yield from ((way, 0.0) for way in options.ways if way in WHOLE)
    for less in options.less:
        yield from ((way, less) for way in options.ways if way not in WHOLE)


def check(options: argparse.Namespace) -> None:
    """Refuse what would fail after hours."""
    for way in options.ways:
        if way.partition(":")[0] in CHECKS:
            CHECKS[way.partition(":")[0]]()
    if options.time:
        check_onnx()


def judge(options: argparse.Namespace) -> None:
    began = time.monotonic()
    every = list(benches(options))
    images = sum(bench.judged_images for bench in every)
    unpruned = [bench.judge_unpruned() for bench in every]
    print(f"{images} images, none seen by the network that is judged on it; {options.size} px\n")
    heads = ["way", "GFLOPs", "mAP50-95 on labels", "on detections of the unpruned", "gap"]
    heads += ["seconds", *(["time per image"] if options.time else [])]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    times = [bench.times("unpruned", 0.0) for bench in every if options.time]
    print(line("unpruned", list(zip(unpruned, unpruned, strict=True)), times), flush=True)
    for way, less in rows(options):
        judged = [bench.judge(way, less) for bench in every]
        times = [bench.times(way, less) for bench in every if options.time]
        print(line(f"`{way}`", list(zip(judged, unpruned, strict=True)), times), flush=True)
    told = {"images": images, "minutes": round((time.monotonic() - began) / 60, 1)}
    print(f"\n<!-- {json.dumps(told)} -->")


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    try:
        check(options)
        judge(options)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
