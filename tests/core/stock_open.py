"""Run in a process without Secateur: opens a file with stock Ultralytics and predicts an image.

Arguments: the file, the side of the image. Prints the number of parameters.
"""

import sys

import numpy as np
from ultralytics import YOLO


def main(path: str, side: int) -> int:
    model = YOLO(path)
    channels = int(model.model.yaml.get("channels", 3))
    image = np.random.default_rng(0).integers(0, 255, (side, side, channels), np.uint8)
    assert len(model.predict(image, imgsz=side, verbose=False)) == 1
    return sum(p.numel() for p in model.model.parameters())


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
