"""How this program starts itself, and what a packaged one needs before it does anything else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, cast

import platformdirs

from core.system.logs import make_room, output_log

_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
_OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "ORT_DISABLE_TELEMETRY": "1"}
"""Variables that keep Ultralytics and ONNX Runtime off the network."""
USERS_SETTINGS = "SECATEUR_YOLO_CONFIG_DIR"
"""Variable that keeps where the user's own Ultralytics has its settings, when that was named."""
_TELEMETRY = ("openvino_telemetry", "MNN.tools.utils.log")
"""Modules that tell others what is done here; OpenVINO, NNCF and MNN do without. MNN's runs pip."""
_PYTHON_OPTIONS = ("-m", "-c", "-u", "-I", "-E")


def is_packaged() -> bool:
    """Return whether this is the packaged program, which brings its own Python."""
    return bool(getattr(sys, "frozen", False))


def licences() -> Path | None:
    """Return the file with the licences of all parts; only a packaged program holds other parts."""
    folder = getattr(sys, "_MEIPASS", None)
    return Path(folder) / "LICENCES.txt" if is_packaged() and folder else None


def own_command(module: str, *words: str, outlives: bool = False) -> list[str]:
    """Return the command that starts this program again.

    Parameters
    ----------
    module : str
        What Python runs where the program is not packaged.
    *words : str
        What follows. A packaged program gets these alone: its entry understands them all.
    outlives : bool
        Whether that process may run longer than this one. An AppImage then starts from its file:
        the folder that it is mounted at goes with the process that mounted it.
    """
    if is_packaged():
        return [(_app_image() if outlives else None) or sys.executable, *words]
    return [sys.executable, "-m", module, *words]


def _app_image() -> str | None:
    """Return the AppImage that this program runs from, or None.

    Its variables are inherited, so they may be those of another program that started this one.
    """
    image, mounted = os.environ.get("APPIMAGE"), os.environ.get("APPDIR")
    if not image or not mounted or not Path(sys.executable).is_relative_to(mounted):
        return None
    return image if Path(image).is_file() else None


def own_environment() -> dict[str, str]:
    """Return the environment of another process of this program, wherever it was started from."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    if is_packaged():
        # It should set itself up as at its first start, not as a part of this process.
        environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    else:
        home = str(Path(__file__).resolve().parents[2])
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def prepare() -> None:
    """Make the process fit to work in; before anything is imported that prints.

    A program without a console, or one started with its output closed, has no standard streams:
    libraries that print would fail, and files they open would take the streams' numbers. Libraries
    are kept off the network and to this program's own folders. A packaged program also gives other
    programs back the library path that it was started with.
    """
    _open_streams()
    _keep_apart()
    if is_packaged():
        import multiprocessing

        multiprocessing.freeze_support()
        for name in _LIBRARY_PATHS:
            before = os.environ.pop(f"{name}_ORIG", None)
            if before is not None:
                os.environ[name] = before
            else:
                os.environ.pop(name, None)


def _keep_apart() -> None:
    """Keep libraries off the network, and out of the settings of the user's other programs.

    What the environment says is meant for those others, and does not count in a process of ours.
    All of it is read once, when the library is first imported.
    """
    cache = Path(platformdirs.user_cache_dir("secateur"))
    theirs = os.environ.get("YOLO_CONFIG_DIR")
    if theirs and Path(theirs) != own_settings():  # where datasets are is looked up there
        os.environ[USERS_SETTINGS] = theirs
    folders = {
        "YOLO_CONFIG_DIR": own_settings(),
        "MPLCONFIGDIR": cache / "matplotlib",
        "TORCHINDUCTOR_CACHE_DIR": cache / "inductor",
        "TRITON_CACHE_DIR": cache / "triton",
    }
    os.environ.update({name: str(place) for name, place in folders.items()})
    os.environ.update(_OFFLINE)
    forget_telemetry()


def own_settings() -> Path:
    """Return the folder that holds the settings of Ultralytics in this program's processes."""
    return Path(platformdirs.user_config_dir("secateur")) / "ultralytics"


def forget_telemetry() -> None:
    """Make libraries believe that their modules which tell others are not installed."""
    for name in _TELEMETRY:
        sys.modules.setdefault(name, cast(Any, None))


def to_install(packages: str) -> str:
    """Return how the user gets packages that are missing.

    Parameters
    ----------
    packages : str
        As passed to pip.
    """
    if is_packaged():
        return (
            "Packages cannot be added to the packaged program: install Secateur with "
            f"pip, then run pip install {packages}."
        )
    return f"Install with: pip install {packages}."


def refusal(arguments: Sequence[str]) -> str | None:
    """Return why options meant for Python are refused, or None if there are none.

    Libraries start ``sys.executable`` with such options to install packages or to train on several
    devices; packaged, that is this program.
    """
    if not arguments or arguments[0] not in _PYTHON_OPTIONS:
        return None
    what = " ".join(arguments[:2])
    return (
        f"“{what}” needs Python, which the packaged program does not provide. To train on "
        "several devices or to add packages, install Secateur with pip."
    )


def _open_streams() -> None:
    """Give standard streams that are missing a place: input none, output the log."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(number):
            _fill(number)
        if getattr(sys, name) is None:
            setattr(sys, name, _stream(number))
            setattr(sys, f"__{name}__", getattr(sys, name))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _fill(number: int) -> None:
    """Open a descriptor: the log's, or nothing's where the log cannot be written."""
    handle = None
    if number:
        with contextlib.suppress(OSError):
            handle = os.open(make_room(output_log()), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if handle is None:
        handle = os.open(os.devnull, os.O_WRONLY if number else os.O_RDONLY)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)
    os.set_inheritable(number, True)


def _stream(number: int) -> TextIO:
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "replace", "closefd": False}
    return cast(TextIO, open(number, "w" if number else "r", buffering=1, **options))
