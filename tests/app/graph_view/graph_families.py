"""Networks whose graphs are tested."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
FAMILIES = (
    "yolov8n",
    "yolov8s",
    "yolov8x",
    "yolo11n",
    "yolov8n-seg",
    "yolov5n",
    "yolov9t",
    "yolov10n",
    "yolo12n",
    "yolo26n",
    "rtdetr-l",
    "yolov8n-cls",
    "yolov8n-p2",
    "yolov8n-p6",
    "yolov3-tiny",
    "yolov9e",
)
