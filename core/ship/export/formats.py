"""The formats a network can be exported to: one entry of a table each. Needs no torch."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import util
from typing import Any

from core.errors import UserError
from core.system.program import to_install

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
    programs : mapping of str to str
        Commands that must be there besides, each with a sentence on where it comes from.
    source : str
        Where the packages come from, in a sentence; empty where pip finds all of them.
    int8 : int or str
        What Ultralytics' exporter calls the format's INT8.
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
        absent = self._absent(precision)
        if absent is not None:
            return absent
        if self.gpu and not _gpu():
            return UserError(f"{self.title} needs an NVIDIA GPU; none is at hand.", "")
        if precision == "fp16" and self.gpu_half and not _gpu():
            return UserError(f"{self.title} in FP16 needs an NVIDIA GPU; none is at hand.", "")
        return None

    def _absent(self, precision: str) -> UserError | None:
        """Name the packages and programs that are not there, and where they come from."""
        needed = {**self.packages, **self.further.get(precision, {})}
        absent = [package for module, package in needed.items() if not _installed(module)]
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


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


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
_CORAL = "The compiler is Google's: https://coral.ai/docs/edgetpu/compiler."
_AXELERA = "Axelera's own index has it: https://docs.ultralytics.com/integrations/axelera."
_HAILO = "The compiler is had from Hailo: https://hailo.ai/developer-zone."
_CANN = "The compiler comes with Huawei's CANN toolkit: https://www.hiascend.com/software/cann."

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
            further={"int8": {"ai_edge_quantizer": "ai-edge-quantizer"}},
        ),
        Format(
            "saved_model",
            "TensorFlow SavedModel",
            "_saved_model",
            _TENSORFLOW,
            ("fp32", "int8"),
            calibrates=True,
        ),
        Format("pb", "TensorFlow GraphDef", ".pb", _TENSORFLOW),
        Format(
            "edgetpu",
            "TensorFlow Edge TPU",
            "_edgetpu.tflite",
            _TENSORFLOW,
            ("int8",),
            calibrates=True,
            systems=("linux",),
            arm=False,
            runs_on=("a device with the chip",),
            programs={"edgetpu_compiler": _CORAL},
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
        Format(
            "coreai",
            "Apple Core AI",
            ".aimodel",
            {"coreai_torch": "coreai-torch"},
            ("fp32", "fp16"),
            systems=("linux", "darwin"),
            arm=False,
            runs_on=("darwin",),
        ),
        Format(
            "rknn",
            "Rockchip RK3588",
            "_rknn_model",
            {**_ONNX, "rknn": "rknn-toolkit2"},
            ("fp16", "int8"),
            calibrates=True,
            systems=("linux",),
            runs_on=("a device with the chip",),
        ),
        Format(
            "axelera",
            "Axelera",
            "_axelera_model",
            {**_ONNX, "axelera": "axelera-devkit"},
            ("int8",),
            calibrates=True,
            systems=("linux",),
            runs_on=("a device with the chip",),
            source=_AXELERA,
        ),
        Format(
            "deepx",
            "DEEPX",
            "_deepx_model",
            {**_ONNX, "dx_com": "dx_com"},
            ("int8",),
            calibrates=True,
            systems=("linux",),
            arm=False,
            runs_on=("a device with the chip",),
        ),
        Format(
            "qnn",
            "Snapdragon 8 Gen 2",
            "_qnn.onnx",
            {**_ONNX, "onnxruntime_qnn": "onnxruntime-qnn"},
            ("int8",),
            calibrates=True,
            runs_on=("a device with the chip",),
            int8="w8a16",
        ),
        Format(
            "hailo",
            "Hailo-8L",
            "_hailo_model",
            {**_ONNX, "hailo_sdk_client": "hailo_dataflow_compiler"},
            ("int8",),
            calibrates=True,
            systems=("linux",),
            arm=False,
            runs_on=("a device with the chip",),
            source=_HAILO,
        ),
        Format(
            "ascend",
            "Huawei Ascend 310B4",
            "_ascend_model",
            _ONNX,
            ("fp16",),
            systems=("linux",),
            runs_on=("a device with the chip",),
            programs={"atc": _CANN},
        ),
        Format(
            "xilinx",
            "AMD Versal (Xilinx)",
            "_xilinx_model",
            {**_ONNX, "quark": "amd-quark"},
            ("int8",),
            calibrates=True,
            systems=("linux",),
            runs_on=("a device with the chip",),
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
