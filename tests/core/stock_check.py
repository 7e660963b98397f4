"""Run in a process of its own, without Secateur: what stock Ultralytics makes of a file.

Arguments: the file, the side of the image. Prints one JSON object.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ultralytics import YOLO


def main(path: str, side: int) -> dict:
    image = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    model = YOLO(path)
    report = {"before": sum(p.numel() for p in model.model.parameters()), "task": model.task}
    results = model.predict(image, imgsz=side, verbose=False)
    report["results"] = len(results)
    report["classes"] = len(model.names)
    for kind in ("onnx", "torchscript"):
        exported = YOLO(path).export(format=kind, imgsz=side, verbose=False)
        report[kind] = Path(exported).stat().st_size
        again = YOLO(exported, task=model.task).predict(image, imgsz=side, verbose=False)
        report[f"{kind}_results"] = len(again)
    report["after"] = sum(p.numel() for p in YOLO(path).model.parameters())
    report["secateur_imported"] = any(name.split(".")[0] == "core" for name in sys.modules)
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
