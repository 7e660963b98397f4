"""The formats a network can be exported to: one entry of a table each. Needs no torch."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import util
from typing import Any

from core.errors import UserError
from core.program import to_install

TASKS = ("detect", "segment", "pose", "obb", "classify", "semantic", "depth")
PRECISIONS = ("fp32", "fp16", "int8")
_WORDS = {"fp32": "FP32", "fp16": "FP16", "int8": "INT8"}


@dataclass(frozen=True, slots=True)
class Format:
    """A format by name.

    Attributes
    ----------
    name : str
        As Ultralytics' exporter calls it.
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
        Where an exported network runs beside its tools; everywhere when empty.
    further : mapping of str to mapping
        Packages that a precision needs besides, as in ``packages``.
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

    @property
    def folder(self) -> bool:
        """Whether what is exported is a folder of files."""
        return not self.suffix.startswith(".") or self.suffix == ".mlpackage"

    def runs_here(self) -> bool:
        """Whether an exported network can also be run here, by the tools that export it."""
        return not self.runs_on or sys.platform.startswith(self.runs_on)

    def missing(self, precision: str = "fp32") -> UserError | None:
        """Return what stands in the way of exporting here, in words; None when nothing does."""
        if self.systems and not sys.platform.startswith(self.systems):
            return UserError(f"The tools for {self.title} do not run on {platform.system()}.", "")
        if not self.arm and sys.platform == "linux" and platform.machine() == "aarch64":
            return UserError(f"The tools for {self.title} do not run on ARM under Linux.", "")
        needed = {**self.packages, **self.further.get(precision, {})}
        absent = [package for module, package in needed.items() if not _installed(module)]
        if absent:
            verb = "is" if len(absent) == 1 else "are"
            basic = all(package in self.packages.values() for package in absent)
            title = self.title if basic else f"{self.title} in {_WORDS[precision]}"
            return UserError(
                f"{title} needs {' and '.join(absent)}, which {verb} not installed.",
                to_install(" ".join(absent)),
            )
        if self.gpu and not _gpu():
            return UserError(f"{self.title} needs an NVIDIA GPU; none is at hand.", "")
        if precision == "fp16" and self.gpu_half and not _gpu():
            return UserError(f"{self.title} in FP16 needs an NVIDIA GPU; none is at hand.", "")
        return None

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
                f"{self.title} does not know the task “{task}”.",
                f"It knows {', '.join(self.tasks)}; choose another format.",
            )
        if precision not in self.precisions:
            known = ", ".join(_WORDS[one] for one in self.precisions)
            raise UserError(f"{self.title} has no {_WORDS[precision]}.", f"It has {known}.")
        problem = self.missing(precision)
        if problem is not None:
            raise problem

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with what is missing here, or null."""
        problem = self.missing()
        return {
            "name": self.name,
            "title": self.title,
            "suffix": self.suffix,
            "precisions": list(self.precisions),
            "calibrates": self.calibrates,
            "tasks": list(self.tasks),
            "missing": None if problem is None else str(problem),
            "missing_for": {
                precision: str(error)
                for precision in self.precisions
                if problem is None and (error := self.missing(precision)) is not None
            },
        }


def _installed(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


_ONNX = {"onnx": "onnx", "onnxslim": "onnxslim", "onnxruntime": "onnxruntime"}
_TENSORFLOW = {
    **_ONNX,
    "tensorflow": "tensorflow",
    "tf_keras": "tf_keras",
    "onnx2tf": "onnx2tf",
    "sng4onnx": "sng4onnx",
    "onnx_graphsurgeon": "onnx_graphsurgeon",
    "ai_edge_litert": "ai-edge-litert",
}
_IMX_TASKS = ("detect", "segment", "pose", "classify")

FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("onnx", "ONNX", ".onnx", _ONNX, PRECISIONS, calibrates=True),
        Format("torchscript", "TorchScript", ".torchscript", {}, ("fp32", "fp16"), gpu_half=True),
        Format(
            "openvino",
            "OpenVINO",
            "_openvino_model",
            {"openvino": "openvino"},
            PRECISIONS,
            calibrates=True,
            further={"int8": {"nncf": "nncf"}},
        ),
        Format(
            "engine",
            "TensorRT",
            ".engine",
            {**_ONNX, "tensorrt": "tensorrt"},
            PRECISIONS,
            calibrates=True,
            gpu=True,
        ),
        Format("ncnn", "NCNN", "_ncnn_model", {"ncnn": "ncnn", "pnnx": "pnnx"}, ("fp32", "fp16")),
        Format("mnn", "MNN", ".mnn", {**_ONNX, "MNN": "MNN"}, PRECISIONS),
        Format(
            "coreml",
            "CoreML",
            ".mlpackage",
            {"coremltools": "coremltools"},
            PRECISIONS,
            systems=("linux", "darwin"),
            runs_on=("darwin",),
        ),
        Format(
            "litert",
            "LiteRT (TFLite)",
            ".tflite",
            {"litert_torch": "litert-torch", "ai_edge_litert": "ai-edge-litert"},
            ("fp32", "int8"),
            calibrates=True,
            systems=("linux", "darwin"),
            arm=False,
        ),
        Format(
            "saved_model",
            "TensorFlow SavedModel",
            "_saved_model",
            _TENSORFLOW,
            ("fp32", "int8"),
            calibrates=True,
        ),
        Format(
            "paddle",
            "PaddlePaddle",
            "_paddle_model",
            {"paddle": "paddlepaddle", "x2paddle": "x2paddle"},
        ),
        Format("executorch", "ExecuTorch", "_executorch_model", {"executorch": "executorch"}),
        Format(
            "imx",
            "Sony IMX500",
            "_imx_model",
            {"model_compression_toolkit": "model-compression-toolkit"},
            ("int8",),
            calibrates=True,
            tasks=_IMX_TASKS,
            systems=("linux",),
            runs_on=("a camera with the chip",),
        ),
    )
}

ALIASES: Mapping[str, str] = {
    "tensorrt": "engine",
    "tflite": "litert",
    "jit": "torchscript",
}


def format_of(name: str) -> Format:
    """Find a format by name, or by what people call it.

    Raises
    ------
    UserError
        When there is none of that name.
    """
    known = ALIASES.get(name.lower(), name.lower())
    if known not in FORMATS:
        raise UserError(f"There is no export format “{name}”.", f"Known are {', '.join(FORMATS)}.")
    return FORMATS[known]
