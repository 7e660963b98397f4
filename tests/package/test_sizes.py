"""Sizes by part."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bundle.sizes import describe, part_of, sizes

PARTS = {
    "_internal/nvidia/cudnn/lib/libcudnn.so.9": "CUDA libraries",
    "_internal/torch/lib/libtorch_cuda.so": "CUDA libraries",
    "_internal/torch/lib/libtorch_cuda_linalg.so": "CUDA libraries",
    "_internal/torch/lib/libc10_cuda.so": "CUDA libraries",
    "_internal/torch/lib/libtorch_nvshmem.so": "CUDA libraries",
    "_internal/libcublasLt.so.13": "CUDA libraries",
    "_internal/torch/lib/libtorch_cpu.so": "torch",
    "_internal/torch/cuda/__init__.py": "torch",
    "_internal/torchvision/_C.so": "torch",
    "_internal/PySide6/Qt/lib/libQt6Core.so.6": "Qt",
    "_internal/opencv_python_headless.libs/libopenblas-r0-1.so": "OpenCV",
    "_internal/scipy.libs/libscipy_openblas-1.so": "SciPy",
    "_internal/numpy.libs/libscipy_openblas64_-1.so": "NumPy",
    "_internal/onnxruntime/capi/x.so": "ONNX and ONNX Runtime",
    "_internal/ultralytics/cfg/default.yaml": "Ultralytics",
    "_internal/libpython3.11.so.1.0": "Python and small libraries",
    "_internal/python3.11/lib-dynload/_ssl.so": "Python and small libraries",
    "_internal/PIL/_imaging.so": "Python and small libraries",
    "_internal/resources/demo/demo.pt": "Secateur's own data",
    "LICENCES.txt": "Secateur's own data",
    "secateur": "Python modules, packed",
}


@pytest.mark.parametrize("place", PARTS)
def test_every_file_belongs_to_a_part(place: str) -> None:
    assert part_of(place) == PARTS[place]


def test_bytes_add_up_and_links_count_nothing(tmp_path: Path) -> None:
    for number, place in enumerate(PARTS, 1):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000 * number)
    (tmp_path / "_internal" / "libtorch_cpu.so").symlink_to(
        tmp_path / "_internal/torch/lib/libtorch_cpu.so"
    )
    found = sizes(tmp_path)
    assert sum(found.values()) == 1000 * sum(range(1, len(PARTS) + 1))
    assert list(found.values()) == sorted(found.values(), reverse=True)
    cuda = found["CUDA libraries"]
    assert f"{(sum(found.values()) - cuda) / 1e6:.1f} MB" in describe(found).splitlines()[-2]
