"""Which distributions, modules and data files go into the packaged program."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata as versions
from importlib import util
from pathlib import Path

from packaging.requirements import Requirement

from core.system.versions import SECATEUR

LEFT_OUT_DISTRIBUTIONS = {
    "triton": "only torch.compile needs it",
    "openvino": "180 MB for one export format; install Secateur into a Python for it",
    "nncf": "quantises for OpenVINO, which is left out",
    "sqlalchemy": "Optuna's studies in databases; a search keeps its own journal",
    "alembic": "as sqlalchemy",
    "polars": "Ultralytics reads its own results table with it, which Secateur does not use",
    "polars-runtime-32": "part of polars",
    "matplotlib": "draws Ultralytics' plots, which Secateur turns off",
    "cuda-bindings": "torch.compile and CUDA graphs from Python",
    "cuda-pathfinder": "part of cuda-bindings",
    "ultralytics-platform": "uploads to Ultralytics' platform",
    "setuptools": "builds extensions",
}
"""Distributions that dependencies ask for and the program runs without."""

LEFT_OUT_MODULES = (
    "tkinter",
    "OpenGL",
    "PySide6.QtOpenGL",
    "PySide6.QtOpenGLWidgets",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtQuickWidgets",
    "PySide6.QtWebEngineCore",
    "PySide6.QtWebEngineWidgets",
    "pyqtgraph.examples",
    "pyqtgraph.opengl",
    "onnx.backend.test",
    "onnxruntime.tools",
    "onnxruntime.transformers",
    "sympy.testing.runtests_pytest",
    "torch.utils.tensorboard",
)
"""Modules of what is in the program that it does without."""

_DYNAMIC_PACKAGES = (
    # The commands, panels, criteria and repair steps are named in tables.
    "app",
    "core",
    "resources",
    # The restricted loader finds classes by the names that checkpoints give.
    "ultralytics.nn",
    "ultralytics.utils",
    "ultralytics.engine",
    "ultralytics.models",
    "ultralytics.data",
    "ultralytics.cfg",
    "ultralytics.optim",
)
_NOT_COLLECTED = (
    "ultralytics.utils.callbacks.",
    "ultralytics.models.sam",
    "ultralytics.models.fastsam",
    "ultralytics.models.nas",
    "ultralytics.utils.benchmarks",
    "ultralytics.utils.tuner",
    "ultralytics.utils.triton",
)
_SINGLE_MODULES = (
    "ultralytics.utils.callbacks.base",
    "torchvision.transforms.transforms",
    "onnx",
    "onnxslim",
    "onnxruntime",
    "onnxruntime.quantization",
    "multiprocessing.resource_tracker",
    "multiprocessing.spawn",
)


def version() -> str:
    """Return Secateur's version."""
    return SECATEUR


def distributions() -> list[str]:
    """Return the names of all distributions in the program, sorted.

    They are what Secateur asks for, with its export formats, and what those ask for, on this
    platform, without those left out.
    """
    found: set[str] = set()
    todo = [Requirement("secateur[gui,export]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        name = _normal(wanted.name)
        key = (name, frozenset(wanted.extras))
        if key in seen or name in LEFT_OUT_DISTRIBUTIONS:
            continue
        seen.add(key)
        try:
            asked = versions.requires(name) or []
        except versions.PackageNotFoundError:
            continue
        found.add(name)
        for text in asked:
            requirement = Requirement(text)
            extras = wanted.extras or {""}
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(requirement)
    return sorted(found)


def excluded() -> list[str]:
    """Return modules that should not be in the program, whatever imports them.

    Those are all modules of installed distributions that Secateur does not ask for, such as the
    tools of its tests, and `LEFT_OUT_MODULES`.
    """
    wanted = set(distributions())
    strangers = [
        module
        for module, owners in versions.packages_distributions().items()
        if not wanted & {_normal(owner) for owner in owners} and module.isidentifier()
    ]
    return sorted({*strangers, *LEFT_OUT_MODULES})


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def hidden_imports() -> list[str]:
    """Return modules that are imported by name, which no analysis of imports finds."""
    found = {name for package in _DYNAMIC_PACKAGES for name in modules_of(package)}
    kept = {name for name in found if not name.startswith(_NOT_COLLECTED)}
    return sorted(kept | set(_SINGLE_MODULES))


def modules_of(package: str) -> list[str]:
    """Return a package and all modules in it, by their files: importing them takes a minute."""
    top, *rest = package.split(".")
    spec = util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    root = Path(spec.submodule_search_locations[0])
    folder = root.joinpath(*rest)
    found = []
    for path in folder.rglob("*.py"):
        parts = [top, *path.relative_to(root).with_suffix("").parts]
        if all(part.isidentifier() for part in parts):
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


def data_files() -> list[tuple[str, str]]:
    """Return files that are read at run time: icons, style sheets, the demo, network yamls."""
    from PyInstaller.utils.hooks import collect_data_files

    return [
        *collect_data_files("app"),
        *collect_data_files("core"),
        *collect_data_files("resources", excludes=["desktop/*"]),
        *collect_data_files("ultralytics", includes=["cfg/**/*.yaml"]),
    ]


def metadata() -> list[tuple[str, str]]:
    """Return what importlib.metadata reads: versions, and what Ultralytics checks before exports.

    Without it, a packaged export finds its requirements missing and tries to install them. Files
    that name places on the building machine are left out.
    """
    from PyInstaller.utils.hooks import copy_metadata

    found = []
    for name in distributions():
        for source, target in copy_metadata(name):
            folder = Path(source)
            files = [folder] if folder.is_file() else sorted(folder.glob("*"))
            for file in files:
                if file.name in ("METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt"):
                    found.append((str(file), target))
    return found


def headless_opencv(folder: Path) -> list[str]:
    """Return the path of an OpenCV without windows, empty where it cannot be had.

    The same version as the installed one, without the second Qt that it brings along.
    """
    wanted = f"opencv-python-headless=={versions.version('opencv-python')}"
    if not (folder / "cv2").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        done = subprocess.run([*command, "--target", str(folder), wanted], check=False)
        if done.returncode:
            print(f"{wanted} cannot be had: the program gets OpenCV with windows, 35 MB larger")
            return []
    return [str(folder)]


def libraries() -> list[tuple[str, str]]:
    """Return libraries that are opened by name, out of any analysis.

    Those are torchvision's, which are no modules of Python, and NVIDIA's.
    """
    patterns = ("torchvision/*.so", "torchvision/*.pyd", "torchvision/*.dll", "nvidia/*/lib/*.so*")
    found = sorted(path for pattern in patterns for path in packages().glob(pattern))
    return [(str(path), str(path.parent.relative_to(packages()))) for path in found]


def packages() -> Path:
    """Return the folder that wheels are installed in."""
    return Path(str(versions.distribution("torch").locate_file(""))).resolve()
