"""What helps to find a fault: logs, versions, machine, project, jobs. No image and no weight.

Everything in it is text that the user can read before handing it on; the home folder's name is
taken out. Needs no torch.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from core.errors import UserError
from core.runs.folder import EVENTS, JOB, LOG, list_jobs
from core.system import logs
from core.system.files import write_atomically
from core.system.machine import default_threads, processor
from core.system.paths import job_folders
from core.system.program import is_packaged
from core.system.versions import SECATEUR, version_of

LIBRARIES = (
    "torch", "torchvision", "ultralytics", "numpy", "scipy", "networkx", "pydantic", "pillow",
    "opencv-python", "PySide6-Essentials", "pyqtgraph", "onnx", "onnxruntime", "openvino",
)  # fmt: skip
VARIABLES = ("YOLO_", "SECATEUR_", "OMP_", "CUDA_", "QT_", "XDG_SESSION_TYPE", "LANG")
"""Beginnings of the environment's variables that are reported."""
TAIL = 400_000
"""Bytes of the end of each text that are taken."""
JOBS = 3
"""Jobs that are taken, the newest."""
README = (
    "A report about a problem in Secateur, created on {date}.\n\nabout.json   versions, "
    "machine, settings of the environment\nlogs/        internal errors, and the output of "
    "libraries\nproject/     the project: the plan and the paths of files, not the files\n"
    "jobs/        the newest jobs: settings, figures and messages\n\nIt contains no images, "
    "weights or labels, and your home folder was replaced by ~.\nIt contains names of files, "
    "folders and classes, and figures: check it before you share it.\n"
)


def write_problem_report(
    output: str | Path, project: str | Path | None = None, about: Mapping[str, Any] | None = None
) -> list[str]:
    """Collect what helps to find a fault into a zip file.

    Parameters
    ----------
    output : path
        Must end in ``.zip``; written whole or not at all.
    project : path, optional
        A project file.
    about : mapping, optional
        What the caller knows besides, such as the device; plain data.

    Returns
    -------
    list of str
        The names of what is in it.

    Raises
    ------
    UserError
        For another ending, a project that is missing, or a place that cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() != ".zip":
        raise UserError(f"{path} does not end in .zip.", "Use a name such as problem.zip.")
    if project is not None and not Path(project).is_file():
        raise UserError(f"The project {project} does not exist.", "Check the path.")
    texts = dict(_texts(None if project is None else Path(project), about or {}))
    if not path.parent.is_dir():
        raise UserError(
            f"The folder {path.parent} does not exist.", "Create it, or choose another."
        )
    write_atomically(path, lambda stream: _zip(stream, texts))
    return sorted(texts)


def _texts(project: Path | None, about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every text by its name in the file."""
    yield "README.txt", README.format(date=datetime.date.today().isoformat())
    yield "about.json", _without_home(json.dumps({**describe(), **about}, indent=1))
    for name in logs.NAMES:
        for log in sorted(logs.folder().glob(f"{name}*")):
            yield f"logs/{log.name}", _end_of(log)
    if project is not None:
        yield f"project/{project.name}.json", _end_of(project)
    for job in _newest_jobs(project):
        for name in (JOB, EVENTS, LOG):
            if (job / name).is_file():
                yield f"jobs/{job.name}/{name}", _end_of(job / name)


def describe() -> dict[str, Any]:
    """Return versions, machine and environment as plain data."""
    return {
        "secateur": SECATEUR,
        "packaged": is_packaged(),
        "python": sys.version,
        "system": platform.platform(),
        "processor": processor(),
        "threads": default_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "memory_free_gb": round(psutil.virtual_memory().available / 1e9, 1),
        "gpus": _gpus(),
        "libraries": {name: version_of(name) for name in LIBRARIES},
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)},
    }


def _gpus() -> list[str]:
    """Return what NVIDIA's own tool says of the GPUs; nothing if it is missing."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _newest_jobs(project: Path | None) -> list[Path]:
    found = [job for place in job_folders(project) for job in list_jobs(place)]
    return sorted(found, key=lambda job: (job / JOB).stat().st_mtime_ns)[-JOBS:]


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - TAIL))
            data = stream.read(TAIL)
    except OSError as error:
        return f"could not be read: {error.strerror}\n"
    return _without_home(data.decode("utf-8", errors="replace"))


def _without_home(text: str) -> str:
    """Take the home folder's name out, also as JSON writes it."""
    home = str(Path.home())
    if len(home) < 2:
        return text
    for name in {home, home.replace("\\", "\\\\"), home.replace("\\", "/")}:
        text = text.replace(name, "~")
    return text


def _zip(stream: BinaryIO, texts: Mapping[str, str]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
