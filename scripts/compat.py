"""Test the ends of the range of libraries: ``make compat``.

    python scripts/compat.py              # all; --keep keeps what was installed in .venv-compat
    python scripts/compat.py --only opens
    python scripts/compat.py --only oldest   # the oldest Ultralytics alone

Secateur's own suite (tests/compat) runs with the ends of Ultralytics and torch; files that it
wrote are opened in older versions, in a process without Secateur. Each version goes into a folder
of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".venv-compat"
ENDS = ("8.4.150", "8.4.190")
"""Versions of Ultralytics that Secateur runs with: the oldest, and the newest that was tried."""
TORCH = ("2.8.0", "0.23.0")
"""The oldest torch that Secateur runs with, and its torchvision; the newest is installed anyway."""
OPENS = ("8.0.196", "8.1.47", "8.2.103", "8.3.40", "8.3.200")
"""Versions that open what Secateur writes."""
SHARED = ("pandas", "seaborn", "py-cpuinfo", "python-dateutil", "six", "pytz", "tzdata", "tqdm")
"""What older versions import; without their dependencies, which are installed here."""
FAMILIES = ("yolov8n", "yolov5n", "yolov8n-seg", "yolov8n-pose")
BOXES_ONLY = ("8.0.196", "8.1.47")
"""Versions that open no network of masks or keypoints that Ultralytics has written since 8.3."""


def install(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages alone, without what they depend on, unless that was done."""
    if not (folder / ".whole").is_file():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*pip, str(folder), *packages], check=True)
        (folder / ".whole").touch()
    return folder


def environment(*folders: Path) -> dict[str, str]:
    """Return the environment of a process that takes packages from folders first."""
    # What torch did before 2.6, when these versions were made.
    legacy = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "YOLO_CONFIG_DIR": str(PLACE / "settings")}
    offline = {"YOLO_OFFLINE": "true", "PIP_NO_INDEX": "1", "YOLO_AUTOINSTALL": "false"}
    return {**os.environ, **legacy, **offline, "PYTHONPATH": os.pathsep.join(map(str, folders))}


def run_ends(versions: Sequence[str] = ENDS) -> dict[str, bool]:
    """Run the small suite with both ends of Ultralytics, or with some versions."""
    results = {}
    for version in versions:
        folder = install(PLACE / f"ultralytics-{version}", [f"ultralytics=={version}"])
        results[f"runs with ultralytics {version}"] = passes(sys.executable, folder)
    return results


def passes(python: str, *folders: Path) -> bool:
    """Run the small suite by a Python, with packages of folders before its own."""
    command = [python, "-m", "pytest", "-q", "-p", "no:pytest-qt", "tests/compat"]
    done = subprocess.run(command, cwd=ROOT, env=environment(ROOT, *folders), check=False)
    return done.returncode == 0


def run_torch() -> dict[str, bool]:
    """Run the small suite with the oldest torch: several gigabytes, in an environment of its own.

    All that is not there comes from this environment.
    """
    place = PLACE / "torch"
    python = place / "bin" / "python"
    if not python.is_file():
        venv.create(place, with_pip=True)
        wanted = [f"torch=={TORCH[0]}", f"torchvision=={TORCH[1]}"]
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *wanted], check=True)
    asking = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    found = subprocess.run(asking, capture_output=True, text=True, check=True)
    own = sysconfig.get_path("purelib")
    (Path(found.stdout.strip()) / "zz_project.pth").write_text(f"{own}\n", encoding="utf-8")
    return {f"runs with torch {TORCH[0]}": passes(str(python))}


def write_files(folder: Path) -> list[Path]:
    """Prune small networks, to be opened elsewhere."""
    import copy

    import core
    from core.checkpoint import save
    from tests.core.networks import network

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for family in FAMILIES:
        # Older versions take a file named yolov5n.pt for one that they would download.
        whole, small = folder / "whole.pt", folder / f"{family}-small.pt"
        save(copy.deepcopy(network(family)), whole, train_args={"imgsz": 64})
        plan = core.Plan(selection=[{"block": 4, "ratio": 0.5}])
        core.prune(core.load(whole), plan, small)
        files.append(small)
    return files


def run_opens() -> dict[str, bool]:
    """Open and predict with older versions."""
    files = write_files(PLACE / "files")
    shared = install(PLACE / "shared", SHARED)
    results = {}
    for version in OPENS:
        folder = install(PLACE / f"ultralytics-{version}", [f"ultralytics=={version}"])
        for file in files:
            if version in BOXES_ONLY and "-" in file.stem.removesuffix("-small"):
                continue
            command = [sys.executable, "-P", str(ROOT / "tests" / "core" / "stock_open.py")]
            done = subprocess.run(
                [*command, str(file), "64"],
                cwd=PLACE,
                env=environment(folder, shared),
                check=False,
            )
            results[f"{file.stem} opens in ultralytics {version}"] = done.returncode == 0
    return results


PARTS = {"ends": run_ends, "torch": run_torch, "opens": run_opens}
ALONE = {**PARTS, "oldest": lambda: run_ends(ENDS[:1])}
"""What can be run alone: the parts, and a part of one."""


def main() -> int:
    """Run what was asked for; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(ALONE))
    parser.add_argument("--keep", action="store_true", help="keep what was installed")
    options = parser.parse_args()
    results: dict[str, bool] = {}
    try:
        for name, part in ALONE.items():
            if name == options.only or (options.only is None and name in PARTS):
                results |= part()
    finally:
        if not options.keep:
            shutil.rmtree(PLACE, ignore_errors=True)
    for name, passed in results.items():
        print(f"{'ok    ' if passed else 'FAILED'} {name}")
    return int(not all(results.values()))


if __name__ == "__main__":
    sys.exit(main())
