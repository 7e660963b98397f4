"""How large the packaged program is, by part: ``python -m scripts.bundle.sizes FOLDER``."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

_CUDA = re.compile(
    r"(^|/)nvidia/"
    r"|torch/lib/lib(torch_cuda|torch_cuda_linalg|c10_cuda|torch_nvshmem|caffe2_nvrtc)"
    r"|(^|/)lib(cu(blas|dart|dnn|fft|rand|solver|sparse|pti|file)|nv|nccl)[A-Za-z_]*[.-]"
)
_PARTS = (
    ("torch", r"(torch|torchgen|functorch|torchvision(\.libs)?|libtorch|libc10)(/|[.-]|$)"),
    ("Qt", r"(PySide6|shiboken6|libQt6|libpyside|libshiboken|libicu)"),
    ("OpenCV", r"(cv2|opencv_python|lib[^/]*-[0-9a-f]{8}\.so)"),
    ("SciPy", r"scipy"),
    ("NumPy", r"numpy"),
    ("ONNX and ONNX Runtime", r"(onnx|ml_dtypes)"),
    ("Ultralytics", r"ultralytics"),
    ("Python modules, packed", r"secateur(-cli)?(\.exe)?$|base_library\.zip$"),
    ("Secateur's own data", r"(resources|share|install\.sh|uninstall\.sh|LICENCES\.txt)"),
    ("Python and small libraries", r""),
)


def part_of(place: str) -> str:
    """Return the part a file belongs to.

    Parameters
    ----------
    place : str
        Its path in the program's folder, with slashes.
    """
    if _CUDA.search(place):
        return "CUDA libraries"
    inner = place.removeprefix("_internal/")
    for name, pattern in _PARTS:
        if re.match(pattern, inner):
            return name
    raise AssertionError(place)  # the last part takes every file


def sizes(folder: Path) -> dict[str, int]:
    """Return bytes by part, largest first; links count nothing."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[part_of(path.relative_to(folder).as_posix())] += path.stat().st_size
    return dict(found.most_common())


def edition(folder: Path) -> str:
    """Return ``cuda`` for a program that brings CUDA's libraries, else ``cpu``.

    It is that of the torch that was installed when it was built.
    """
    return "cuda" if "CUDA libraries" in sizes(folder) else "cpu"


def describe(found: dict[str, int]) -> str:
    """Return sizes by part as a table."""
    cuda, total = found.get("CUDA libraries", 0), sum(found.values())
    rows = [*found.items(), ("the program without CUDA", total - cuda), ("all", total)]
    return "\n".join(f"{name:<32}{size / 1e6:>9.1f} MB" for name, size in rows)


def main(folder: str) -> int:
    """Print the sizes."""
    found = sizes(Path(folder))
    print(json.dumps(found) if "--json" in sys.argv else describe(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
