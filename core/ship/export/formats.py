"""The formats a network can be exported to: one entry of a table each. Needs no torch."""

from __future__ import annotations

from core.registry import Registry
from core.ship.export.format import PRECISIONS, Format
from core.ship.latency.runtime import Runtime

__all__ = ["FORMATS", "PRECISIONS", "Format", "format_of"]

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
_CORAL = "Get the compiler from Google: https://coral.ai/docs/edgetpu/compiler."
_AXELERA = "Get it from Axelera's package index: https://docs.ultralytics.com/integrations/axelera."
_HAILO = "Get the compiler from Hailo: https://hailo.ai/developer-zone."
_CANN = "The compiler is part of Huawei's CANN toolkit: https://www.hiascend.com/software/cann."

_QUANTISE = "core.ship.quantize.plain:quantise_export"

_ROWS = (
    Format(
        "onnx",
        "ONNX",
        ".onnx",
        _ONNX,
        PRECISIONS,
        calibrates=True,
        quantise=_QUANTISE,
        weights="core.ship.export.weights:count_onnx",
        runtime=Runtime(
            "onnx",
            "ONNX Runtime",
            ("onnx", "onnxslim", "onnxruntime"),
            "'secateur[export]'",
            False,
            "core.ship.latency.runtimes:prepare_onnx",
        ),
        opens={"onnxruntime": "onnxruntime"},
        nms=True,
    ),
    Format(
        "torchscript",
        "TorchScript",
        ".torchscript",
        {},
        ("fp32", "fp16"),
        gpu_half=True,
        aliases=("jit",),
        weights="core.ship.export.weights:count_torchscript",
        opens={},
        nms=True,
    ),
    Format(
        "openvino",
        "OpenVINO",
        "_openvino_model",
        {"openvino": "openvino"},
        PRECISIONS,
        calibrates=True,
        further={"int8": {"nncf": "nncf"}},
        quantise=_QUANTISE,
        run="core.ship.export.parity:run_openvino",
        runtime=Runtime(
            "openvino",
            "OpenVINO",
            ("openvino",),
            "'secateur[export]'",
            False,
            "core.ship.latency.runtimes:prepare_openvino",
        ),
        opens={"openvino": "openvino"},
        nms=True,
    ),
    Format(
        "engine",
        "TensorRT",
        ".engine",
        {**_ONNX, "tensorrt": "tensorrt"},
        PRECISIONS,
        calibrates=True,
        gpu=True,
        aliases=("tensorrt",),
        runtime=Runtime(
            "tensorrt",
            "TensorRT",
            ("onnx", "tensorrt"),
            "tensorrt",
            True,
            "core.ship.latency.runtimes:prepare_tensorrt",
        ),
        opens={"tensorrt": "tensorrt"},
        nms=True,
    ),
    Format(
        "ncnn",
        "NCNN",
        "_ncnn_model",
        {"ncnn": "ncnn", "pnnx": "pnnx"},
        ("fp32", "fp16"),
        opens={"ncnn": "ncnn"},
        scripted=True,
    ),
    Format("mnn", "MNN", ".mnn", {**_ONNX, "MNN": "MNN"}, PRECISIONS, nms=True),
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
        aliases=("tflite",),
    ),
    Format(
        "saved_model",
        "TensorFlow SavedModel",
        "_saved_model",
        _TENSORFLOW,
        ("fp32", "int8"),
        calibrates=True,
        nms=True,
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

FORMATS: Registry[Format] = Registry(
    "export format", Format, "secateur.formats", {form.name: form for form in _ROWS}
)


def format_of(name: str) -> Format:
    """Find a format by name, or by what people call it.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    wanted = name.lower()
    known = (key for key, form in FORMATS.items() if wanted in form.aliases)
    return FORMATS.find(next(known, wanted))
