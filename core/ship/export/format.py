"""What an export format is, and what prevents it here. Needs no torch."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.ship.latency.runtime import Runtime, cuda_available, installed
from core.system.program import to_install

TASKS = ("detect", "segment", "pose", "obb", "classify", "semantic", "depth")
PRECISIONS = ("fp32", "fp16", "int8")
NMS_TASKS = ("detect", "segment", "pose", "obb")
"""Tasks whose objects are suppressed after the network."""
_NMS_FORMATS = ("onnx", "openvino", "torchscript", "engine", "saved_model", "mnn")
_WORDS = {"fp32": "FP32", "fp16": "FP16", "int8": "INT8"}


@dataclass(frozen=True, slots=True)
class Format:
    """A format by name.

    Attributes
    ----------
    name : str
        As the table has it, and Ultralytics' exporter calls it.
    title : str
    suffix : str
        What the name of the file or folder must end with; Ultralytics tells formats by it.
    packages : mapping of str to str
        Python modules that must be there, each with the package that brings it.
    precisions : tuple of str
        Of ``fp32``, ``fp16`` and ``int8``.
    calibrates : bool
        Whether INT8 needs images.
    tasks : tuple of str
    gpu : bool
        Whether exporting needs an NVIDIA GPU.
    gpu_half : bool
        Whether FP16 needs one.
    systems : tuple of str
        Where the tools run, as ``sys.platform`` begins; everywhere when empty.
    arm : bool
        Whether they run on ARM under Linux.
    runs_on : tuple of str
        Where an exported network runs next to its tools; everywhere when empty.
    further : mapping of str to mapping
        Packages that a precision needs besides, as in ``packages``.
    programs : mapping of str to str
        Commands that must be there besides, each with a sentence on where it comes from.
    source : str
        Where the packages come from, in a sentence; empty where pip finds all of them.
    int8 : int or str
        What Ultralytics' exporter calls the format's INT8.
    aliases : tuple of str
        What people call it besides.
    make : callable, str or None
        What exports it, where Ultralytics' exporter does not: called with a copy of the network and
        an empty folder, and with ``image_size``, ``batch``, ``precision``, ``device`` and
        ``images`` (to calibrate by, or None) by name. Returns the file or folder. As a string, it
        is the name of that function, ``module:function``.
    run : callable, str or None
        What opens an exported network, where Ultralytics does not or not as is wanted: called with
        its path, returns a function from images to a list of outputs, as tensors. A format with
        ``make`` and without it is not compared with the checkpoint.
    quantise : callable, str or None
        What writes a network in INT8 that was exported in FP32, where the exporter's own INT8 is
        not used (`core.ship.quantize.plain.quantise_export`).
    weights : callable, str or None
        Counts the weights in an exported network, by its path.
    runtime : Runtime or None
        How networks are timed in this format.
    nms : bool
        Whether NMS can be exported with the network.
    opens : mapping of str to str or None
        Python modules that running an exported file needs, as in ``packages``; None where
        exported files are not opened as networks (`core.ship.exported`).
    scripted : bool
        Whether its tools run a script with the path of the folder in it.
    """

    name: str
    title: str
    suffix: str
    packages: Mapping[str, str]
    precisions: tuple[str, ...] = ("fp32",)
    calibrates: bool = False
    tasks: tuple[str, ...] = TASKS
    gpu: bool = False
    gpu_half: bool = False
    systems: tuple[str, ...] = ()
    arm: bool = True
    runs_on: tuple[str, ...] = ()
    further: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    int8: int | str = 8
    aliases: tuple[str, ...] = ()
    make: Callable[..., Path] | str | None = None
    run: Callable[[Path], Any] | str | None = None
    quantise: Callable[..., Path] | str | None = None
    weights: Callable[[Path], int] | str | None = None
    runtime: Runtime | None = None
    nms: bool = False
    opens: Mapping[str, str] | None = None
    scripted: bool = False

    @property
    def folder(self) -> bool:
        """Whether what is exported is a folder of files."""
        return not self.suffix.startswith(".") or self.suffix == ".mlpackage"

    def runs_here(self) -> bool:
        """Whether an exported network can also be run here, by the tools that export it."""
        here = not self.runs_on or sys.platform.startswith(self.runs_on)
        return here and (self.make is None or self.run is not None)

    def missing(self, precision: str = "fp32") -> UserError | None:
        """Return what prevents exporting here, in words; None when nothing does."""
        if self.systems and not sys.platform.startswith(self.systems):
            return UserError(f"The tools for {self.title} do not run on {platform.system()}.", "")
        if not self.arm and sys.platform == "linux" and platform.machine() == "aarch64":
            return UserError(f"The tools for {self.title} do not run on Linux on ARM.", "")
        absent = self._absent(precision)
        if absent is not None:
            return absent
        if self.gpu and not cuda_available():
            return UserError(f"{self.title} needs an NVIDIA GPU; none was found.", "")
        if precision == "fp16" and self.gpu_half and not cuda_available():
            return UserError(f"{self.title} in FP16 needs an NVIDIA GPU; none was found.", "")
        return None

    def _absent(self, precision: str) -> UserError | None:
        """Name the packages and programs that are missing, and where they come from."""
        needed = {**self.packages, **self.further.get(precision, {})}
        absent = [package for module, package in needed.items() if not installed(module)]
        hints = [self.source or to_install(" ".join(absent))] if absent else []
        for program, source in self.programs.items():
            if shutil.which(program) is None:
                absent.append(program)
                hints.append(source)
        if not absent:
            return None
        always = {*self.packages.values(), *self.programs}
        title = self.title if always.issuperset(absent) else f"{self.title} in {_WORDS[precision]}"
        verb = "is" if len(absent) == 1 else "are"
        return UserError(
            f"{title} needs {_listed(absent)}, which {verb} not installed.", " ".join(hints)
        )

    def check(self, task: str, precision: str) -> None:
        """Refuse what cannot be exported here.

        Parameters
        ----------
        task : str
            The network's.
        precision : str

        Raises
        ------
        UserError
            For a task or precision that the format does not have, or tools that are missing.
        """
        if task not in self.tasks:
            raise UserError(
                f"{self.title} does not support the task “{task}”.",
                f"It supports {', '.join(self.tasks)}; choose another format.",
            )
        if precision not in self.precisions:
            known = ", ".join(_WORDS[one] for one in self.precisions)
            raise UserError(
                f"{self.title} does not support {_WORDS[precision]}.",
                f"Available precisions: {known}.",
            )
        problem = self.missing(precision)
        if problem is not None:
            raise problem

    def check_nms(self, task: str, chooses: bool) -> None:
        """Refuse to export NMS with a network where that cannot be.

        Parameters
        ----------
        task : str
        chooses : bool
            Whether the network picks its detections itself.

        Raises
        ------
        UserError
        """
        if not self.nms:
            able = ", ".join(_NMS_FORMATS)
            raise UserError(
                f"{self.title} files cannot contain NMS.", f"These formats can: {able}."
            )
        if task not in NMS_TASKS or chooses:
            why = "picks its detections itself" if chooses else f"is for the task “{task}”"
            raise UserError(f"The network {why}, so that there is no NMS.", "Export without NMS.")

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with what is missing here, or null."""
        problem = self.missing()
        return {
            "name": self.name,
            "title": self.title,
            "suffix": self.suffix,
            "precisions": list(self.precisions),
            "calibrates": self.calibrates,
            "nms": self.nms,
            "tasks": list(self.tasks),
            "missing": None if problem is None else str(problem),
            "missing_for": {
                precision: str(error)
                for precision in self.precisions
                if problem is None and (error := self.missing(precision)) is not None
            },
        }


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
