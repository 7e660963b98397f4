"""Which files and modules go into the packaged program."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata as versions
from importlib import util
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = ROOT / "resources" / "desktop"
IDENTIFIER = "org.secateur.Secateur"

Entry = tuple[str, str, str]
"""PyInstaller's: place in the folder, source, kind."""

LEFT_OUT_DISTRIBUTIONS = {
    "triton": "only torch.compile needs it",
    "openvino": "180 MB for one export format; install Secateur into a Python for it",
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
    "onnxruntime.quantization",
    "onnxruntime.tools",
    "onnxruntime.transformers",
    "sympy.testing.runtests_pytest",
    "torch.utils.tensorboard",
)
"""Modules of what is in the program that it does without."""

LEFT_OUT_FILES = {
    "*/libQt6Qml*": "no QML",
    "*/libQt6Quick*": "no QML",
    "*/libQt6VirtualKeyboard*": "needs QML",
    "*/platforminputcontexts/*virtualkeyboard*": "needs QML",
    "*/plugins/qmltooling/*": "no QML",
    "*/PySide6/Qt/qml/*": "no QML",
    "*/PySide6/Qt/translations/*": "the window speaks English",
    "*/plugins/egldeviceintegrations/*": "for devices without a desktop",
    "*/plugins/generic/*": "for devices without a desktop",
    "*/plugins/platforms/*eglfs*": "for devices without a desktop",
    "*/plugins/platforms/*linuxfb*": "for devices without a desktop",
    "*/plugins/platforms/*minimalegl*": "for devices without a desktop",
    "*/plugins/platforms/*vkkhrdisplay*": "for devices without a desktop",
    "*/plugins/platforms/*vnc*": "for devices without a desktop",
    "*/plugins/platformthemes/*gtk3*": "brings GTK along; Fusion is drawn with our own colours",
    "*/plugins/networkinformation/*": "the program stays off the network",
    "*/plugins/sqldrivers/*": "no databases",
    "torch/bin/protoc*": "a tool for building extensions",
    "torch/include/*": "headers",
    "torch/share/*": "for building extensions",
    "torch/test/*": "tests",
    "torch/lib/*.a": "for building extensions",
    "ultralytics/assets/*": "example photographs",
    "*/tests/*": "tests",
}
"""Places of files that are not needed, each with the reason."""

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
    "multiprocessing.resource_tracker",
    "multiprocessing.spawn",
)


_STRIPPED = ("torch/lib/libtorch_", "libpython", f"python3.{sys.version_info[1]}/lib-dynload/")


def version() -> str:
    """Return Secateur's version."""
    return versions.version("secateur")


def distributions() -> list[str]:
    """Return the names of all distributions in the program, sorted.

    They are what Secateur asks for, with its export formats, and what those ask for, on this
    platform, without those left out.
    """
    found: set[str] = set()
    todo = [Requirement("secateur[export]")]
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
    """Return modules that shall not be in the program, whatever imports them.

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


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries without those the program does without."""
    return [
        entry
        for entry in entries
        if not any(fnmatch.fnmatch(f"/{entry[0]}", _anywhere(p)) for p in LEFT_OUT_FILES)
    ]


def _anywhere(pattern: str) -> str:
    return pattern if pattern.startswith("*") else f"/{pattern}"


def needed(entries: Iterable[Entry], packages: Path) -> list[Entry]:
    """Return the entries without the system's libraries that nothing kept asks for any more.

    Parameters
    ----------
    entries : iterable of Entry
        After what is not needed was left out; its dependencies are still among them.
    packages : Path
        Where wheels are installed: what comes from there stays.
    """
    if sys.platform != "linux":
        return list(entries)
    from PyInstaller.depend.bindepend import get_imports

    entries = list(entries)
    inside = (str(packages), sys.base_prefix)
    system = {
        Path(place).name: (place, source, kind)
        for place, source, kind in entries
        if kind == "BINARY" and "/" not in place and not source.startswith(inside)
    }
    asked: set[str] = set()
    todo = [entry for entry in entries if Path(entry[0]).name not in system]
    while todo:
        _, source, kind = todo.pop()
        if kind not in ("BINARY", "EXTENSION"):
            continue
        for name, _path in get_imports(source):
            if name in system and name not in asked:
                asked.add(name)
                todo.append(system[name])
    return [entry for entry in entries if entry[0] not in system or entry[0] in asked]


def at_home(entries: Iterable[Entry], opencv: Iterable[str]) -> list[Entry]:
    """Return the entries with the libraries of a separate OpenCV where it looks for them.

    Its module names them relative to itself; PyInstaller keeps such places only for what lies
    among the installed packages.
    """
    folders = [Path(folder) for folder in opencv]
    found = []
    for place, source, kind in entries:
        for folder in folders:
            if "/" not in place and Path(source).is_relative_to(folder):
                place = Path(source).relative_to(folder).as_posix()
        found.append((place, source, kind))
    return found


def stripped(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Return the entries with torch's and Python's libraries freed of what only debuggers read.

    That is 190 MB. Where there is no ``strip``, they stay as they are. Other wheels' libraries are
    left alone: some of them do not survive it.
    """
    tool = shutil.which("strip")
    if sys.platform != "linux" or tool is None:
        return list(entries)
    found = []
    for place, source, kind in entries:
        if kind in ("BINARY", "EXTENSION") and place.startswith(_STRIPPED):
            lean = folder / place
            lean.parent.mkdir(parents=True, exist_ok=True)
            command = [tool, "--strip-unneeded", "-o", str(lean), str(Path(source).resolve())]
            subprocess.run(command, check=True)
            source = str(lean)
        found.append((place, source, kind))
    return found


def add_platform_files(folder: Path, icons: Any, notices: Path) -> None:
    """Put beside the program what people look for there.

    Parameters
    ----------
    folder : Path
        The program's.
    icons : scripts.bundle.icons.Icons
        On Linux, the install script takes them from there.
    notices : Path
        The licences of all parts.
    """
    shutil.copy(notices, folder / notices.name)
    if sys.platform != "linux":
        return
    share = folder / "share"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    for name in ("secateur.desktop", "secateur-mime.xml", "refresh.sh"):
        shutil.copy(DESKTOP / name, share / name)
    for name in ("install.sh", "uninstall.sh"):
        shutil.copy(DESKTOP / name, folder / name)
        (folder / name).chmod(0o755)
    for side, picture in icons.pictures.items():
        shutil.copy(picture, share / f"secateur-{side}.png")
    shutil.copy(icons.svg, share / "secateur.svg")


def info_plist(number: str) -> dict[str, Any]:
    """Return what macOS reads about the program: version, file types, high resolution."""

    def kind(name: str, suffix: str, role: str, identifier: str) -> dict[str, Any]:
        return {
            "CFBundleTypeName": name,
            "CFBundleTypeRole": role,
            "CFBundleTypeExtensions": [suffix],
            "LSItemContentTypes": [identifier],
            "LSHandlerRank": "Owner" if role == "Editor" else "Alternate",
        }

    return {
        "CFBundleName": "Secateur",
        "CFBundleDisplayName": "Secateur",
        "CFBundleShortVersionString": number,
        "CFBundleVersion": number,
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,
        "LSMinimumSystemVersion": "13.0",
        "CFBundleDocumentTypes": [
            kind("Secateur project", "secateur", "Editor", f"{IDENTIFIER}.project"),
            kind("YOLO checkpoint", "pt", "Viewer", f"{IDENTIFIER}.checkpoint"),
        ],
        "UTExportedTypeDeclarations": [
            _type(f"{IDENTIFIER}.project", "Secateur project", "secateur", "public.json")
        ],
        "UTImportedTypeDeclarations": [
            _type(f"{IDENTIFIER}.checkpoint", "PyTorch checkpoint", "pt", "public.zip-archive")
        ],
    }


def _type(identifier: str, name: str, suffix: str, kind: str) -> dict[str, Any]:
    return {
        "UTTypeIdentifier": identifier,
        "UTTypeDescription": name,
        "UTTypeConformsTo": [kind, "public.data"],
        "UTTypeTagSpecification": {"public.filename-extension": [suffix]},
    }
