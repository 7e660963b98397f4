"""What ``make run`` runs: the window on the demo, or the whole demo where there is no display.

    python scripts/run_demo.py [-o FOLDER] [options of secateur demo]

The options are those of the whole demo: the window leaves them to the person.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

ROOT = Path(__file__).resolve().parents[1]


def has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def secateur(*arguments: object) -> int:
    print(f"\n$ secateur {' '.join(map(str, arguments))}", flush=True)
    return subprocess.call([sys.executable, "-m", "app", *map(str, arguments)], cwd=ROOT)


def window(output: Path) -> int:
    """Lay the demo out if it is missing yet, and open it."""
    from core.demo import Place, is_ready, set_up
    from core.errors import UserError

    def show(fraction: float, text: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\x1b[K{fraction:4.0%} {text}", end=end, flush=True)

    try:
        place = Place(output) if is_ready(output) else set_up(output, progress=show)
    except UserError as error:
        print(f"\n{error}")
        return 1
    return secateur(place.project)


def headless(output: Path, options: list[str]) -> int:
    print(f"No display: running the demo without the window. Results go to {output}.")
    failed = secateur("demo", "-o", output, *options)
    if not failed:
        print("\nPictures of the window:", flush=True)
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        pictures = [sys.executable, str(ROOT / "scripts" / "demo_pictures.py"), str(output)]
        failed = subprocess.call(pictures, cwd=ROOT, env=environment)
    done = f"Done: see {output / 'report.html'}, and README.txt next to it for a list of all files."
    print("\nFailed." if failed else f"\n{done}")
    return int(bool(failed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "demo-output")
    known, options = parser.parse_known_args()
    output = known.output.absolute()
    return window(output) if has_display() else headless(output, options)


if __name__ == "__main__":
    sys.exit(main())
