"""What ``make run`` runs: the window on the demo, or the same job without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "demo-output"
DEMO = "yolov8n.yaml"
PLAN = '{"version": 1, "selection": [{"block": 4, "ratio": 0.5}, {"block": 6, "ratio": 0.5}]}\n'


def has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def secateur(*arguments: object) -> int:
    print(f"\n$ secateur {' '.join(map(str, arguments))}", flush=True)
    return subprocess.call([sys.executable, "-m", "app", *map(str, arguments)], cwd=ROOT)


def headless() -> int:
    print(f"No display: running the demo without the window. Results go to {OUTPUT}.")
    OUTPUT.mkdir(exist_ok=True)
    plan, pruned = OUTPUT / "plan.json", OUTPUT / "pruned.pt"
    plan.write_text(PLAN, encoding="utf-8")
    steps = (
        ("inspect", DEMO),
        ("predict", DEMO, "--plan", plan),
        ("prune", DEMO, "--plan", plan, "-o", pruned),
        ("verify", DEMO, pruned, "--plan", plan),
        ("inspect", pruned),
    )
    failed = any(secateur(*step) for step in steps)
    screenshot = ROOT / "scripts" / "screenshots.py"
    if screenshot.exists():
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, str(screenshot), str(OUTPUT / "screenshots")]
        failed |= bool(subprocess.call(command, cwd=ROOT, env=environment))
    print(
        "\nFailed."
        if failed
        else f"\nDone: {OUTPUT} holds the plan, the pruned network and screenshots."
    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(secateur(DEMO) if has_display() else headless())
