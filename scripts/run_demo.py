"""What ``make run`` runs: the window on the demo, or the whole demo where there is no display."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "demo-output"


def has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def secateur(*arguments: object) -> int:
    print(f"\n$ secateur {' '.join(map(str, arguments))}", flush=True)
    return subprocess.call([sys.executable, "-m", "app", *map(str, arguments)], cwd=ROOT)


def window() -> int:
    """Lay the demo out if it is missing yet, and open it."""
    from core.demo import Place, is_ready, set_up
    from core.errors import UserError

    def show(fraction: float, text: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\x1b[K{fraction:4.0%} {text}", end=end, flush=True)

    try:
        place = Place(OUTPUT) if is_ready(OUTPUT) else set_up(OUTPUT, progress=show)
    except UserError as error:
        print(f"\n{error}")
        return 1
    return secateur(place.project)


def headless() -> int:
    print(f"No display: running the demo without the window. Results go to {OUTPUT}.")
    failed = secateur("demo", "-o", OUTPUT)
    if not failed:
        print("\nPictures of the window:", flush=True)
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        pictures = [sys.executable, str(ROOT / "scripts" / "demo_pictures.py"), str(OUTPUT)]
        failed = subprocess.call(pictures, cwd=ROOT, env=environment)
    done = f"Done: see {OUTPUT / 'report.html'}, and README.txt next to it for a list of all files."
    print("\nFailed." if failed else f"\n{done}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(window() if has_display() else headless())
