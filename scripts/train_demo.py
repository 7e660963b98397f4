"""Trains the demo's network from scratch on drawn scenes: ``python scripts/train_demo.py``.

Needs no network and no GPU; writes ``resources/demo/demo.pt`` and, next to it, ``demo.json`` with
the figures measured on scenes it was not trained on. Other networks, sizes and devices are for
benchmarks:

    python scripts/train_demo.py --network yolov8s --size 320 --batch 32 --device 0 --epochs 40 \
        --scenes-in scenes -o trained
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from core.checkpoint import load, prepare
from core.data.evaluate import evaluate
from core.data.stream import ALL, DataSettings
from core.system.files import write_json
from resources import scenes

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "resources" / "demo"
SEED = 0
#: Arguments of Ultralytics' trainer. The last state is kept, not the best on the validation scenes.
ARGUMENTS: dict[str, Any] = {
    "imgsz": 160,
    "batch": 16,
    "nbs": 16,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "lrf": 0.02,
    "cos_lr": True,
    "warmup_epochs": 2.0,
    "warmup_bias_lr": 0.0,
    "mosaic": 0.5,
    "close_mosaic": 10,
    "scale": 0.3,
    "flipud": 0.5,
    "auto_augment": None,
    "erasing": 0.0,
    "seed": SEED,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--scenes", type=int, default=600, help="to train on")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--network", default="yolov8n")
    parser.add_argument("--size", type=int, default=ARGUMENTS["imgsz"], help="image size")
    parser.add_argument("--batch", type=int, default=ARGUMENTS["batch"], help="batch size")
    parser.add_argument("--device", default="cpu", help="cpu, or the number of a GPU")
    parser.add_argument("--scenes-in", type=Path, help="a folder for the scenes")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place = options.scenes_in or Path(name) / "scenes"
        data = scenes.write_dataset(place, train=options.scenes, seed=SEED)
        arguments = {**ARGUMENTS, "imgsz": options.size, "batch": options.batch}
        arguments["nbs"] = options.batch
        trained = train(data, Path(name), options, arguments)
        seconds = time.monotonic() - began
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / "demo.pt"
        write(trained, path, arguments)
        report = measured(path, data, options)
    report |= {
        "command": f"python scripts/train_demo.py --epochs {options.epochs}"
        f" --scenes {options.scenes} --threads {options.threads}",
        "trained_on": {"scenes": options.scenes, "epochs": options.epochs, "seed": SEED},
        "seconds": round(seconds),
        "machine": f"{platform.machine()}, {options.threads} thread(s), {device_name(options)}",
        "date": datetime.date.today().isoformat(),
        "arguments": arguments,
    }
    write_json(options.output / "demo.json", report)
    print(json.dumps(report["figures"]), f"{seconds:.0f} s")


def device_name(options: argparse.Namespace) -> str:
    return "no GPU" if options.device == "cpu" else torch.cuda.get_device_name(int(options.device))


def train(data: Path, folder: Path, options: argparse.Namespace, arguments: dict[str, Any]) -> Path:
    """Train a network from scratch; return the last checkpoint."""
    prepare()
    from ultralytics import YOLO

    network = YOLO(f"{options.network}.yaml", task="detect")
    network.train(
        data=str(data),
        epochs=options.epochs,
        device=options.device,
        amp=False,
        workers=0 if options.device == "cpu" else 12,
        cache="ram",
        val=False,
        plots=False,
        pretrained=False,
        project=str(folder),
        name="run",
        **arguments,
    )
    return folder / "run" / "weights" / "last.pt"


def write(trained: Path, path: Path, trained_with: dict[str, Any]) -> None:
    """Keep the averaged weights in FP16 and what a fine-tuning needs to know; nothing else."""
    checkpoint = torch.load(trained, map_location="cpu", weights_only=False)
    network = copy.deepcopy(checkpoint.get("ema") or checkpoint["model"]).half().eval()
    for parameter in network.parameters():
        parameter.requires_grad = False
    arguments = {**trained_with, "task": "detect", "data": "data.yaml"}
    network.args, network.criterion = arguments, None
    names = ("version", "license", "docs", "date")
    contents = {name: checkpoint[name] for name in names if name in checkpoint}
    torch.save({**contents, "epoch": -1, "model": network, "train_args": arguments}, path)


def measured(path: Path, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the written file, opened as everybody's files are."""
    loaded = load(path)
    settings = DataSettings(data, images=ALL, image_size=options.size, split="val")
    accuracy = evaluate(loaded.model, settings, loaded.facts.classes)
    return {
        "sha256": loaded.facts.sha256,
        "bytes": path.stat().st_size,
        "figures": dict(accuracy.figures),
        "measured_on": {"split": "val", "scenes": accuracy.images, "image_size": options.size},
    }


if __name__ == "__main__":
    main()
