"""Trains the demo's network from scratch on drawn scenes: ``python scripts/train_demo.py``.

Needs no network and no GPU; writes ``resources/demo/demo.pt`` and, beside it, ``demo.json`` with
the figures measured on scenes it was not trained on.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from core.checkpoint import load, prepare
from core.data.evaluate import evaluate
from core.data.stream import ALL, DataSettings
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
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        data = scenes.write_dataset(Path(name) / "scenes", train=options.scenes, seed=SEED)
        trained = train(data, Path(name), options.epochs)
        seconds = time.monotonic() - began
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / "demo.pt"
        write(trained, path)
        report = measured(path, data)
    report |= {
        "command": f"python scripts/train_demo.py --epochs {options.epochs}"
        f" --scenes {options.scenes} --threads {options.threads}",
        "trained_on": {"scenes": options.scenes, "epochs": options.epochs, "seed": SEED},
        "seconds": round(seconds),
        "machine": f"{platform.machine()}, {options.threads} thread(s), no GPU",
        "date": datetime.date.today().isoformat(),
        "arguments": ARGUMENTS,
    }
    (options.output / "demo.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["figures"]), f"{seconds:.0f} s")


def train(data: Path, folder: Path, epochs: int) -> Path:
    """Train ``yolov8n`` from scratch; return the last checkpoint."""
    prepare()
    from ultralytics import YOLO

    network = YOLO("yolov8n.yaml", task="detect")
    network.train(
        data=str(data),
        epochs=epochs,
        device="cpu",
        amp=False,
        workers=0,
        cache="ram",
        val=False,
        plots=False,
        pretrained=False,
        project=str(folder),
        name="run",
        **ARGUMENTS,
    )
    return folder / "run" / "weights" / "last.pt"


def write(trained: Path, path: Path) -> None:
    """Keep the averaged weights in FP16 and what a fine-tuning needs to know; nothing else."""
    checkpoint = torch.load(trained, map_location="cpu", weights_only=False)
    network = copy.deepcopy(checkpoint.get("ema") or checkpoint["model"]).half().eval()
    for parameter in network.parameters():
        parameter.requires_grad = False
    arguments = {**ARGUMENTS, "task": "detect", "data": "data.yaml"}
    network.args, network.criterion = arguments, None
    names = ("version", "license", "docs", "date")
    contents = {name: checkpoint[name] for name in names if name in checkpoint}
    torch.save({**contents, "epoch": -1, "model": network, "train_args": arguments}, path)


def measured(path: Path, data: Path) -> dict[str, Any]:
    """Measure the written file, opened as everybody's files are."""
    loaded = load(path)
    settings = DataSettings(data, images=ALL, image_size=ARGUMENTS["imgsz"], split="val")
    accuracy = evaluate(loaded.model, settings, loaded.facts.classes)
    return {
        "sha256": loaded.facts.sha256,
        "bytes": path.stat().st_size,
        "figures": dict(accuracy.figures),
        "measured_on": {"split": "val", "scenes": accuracy.images, "image_size": 160},
    }


if __name__ == "__main__":
    main()
