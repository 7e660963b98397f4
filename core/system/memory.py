"""Memory that ran out, of the computer or a GPU: how it shows, and what to do. No torch."""

from __future__ import annotations

from core.errors import UserError

_NAMES = frozenset({"MemoryError", "OutOfMemoryError"})
"""Of classes: Python's and numpy's, and torch's."""
_SCARCE = (
    "out of memory",
    "can't allocate memory",  # torch's allocator of the CPU
    "insufficient memory",  # OpenCV
    "failed to allocate memory",  # ONNX Runtime
    "bad_alloc",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cuda_error_out_of_memory",
)
_OF_A_GPU = ("cuda", "cublas", "cudnn", "hip", "mps", "xpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error reports that memory ran out, of a GPU or the computer."""
    if any(kind.__name__ in _NAMES for kind in type(error).__mro__):
        return True
    return any(words in str(error).lower() for words in _SCARCE)


def memory_short(error: BaseException) -> UserError:
    """Return what to say when memory ran out.

    Parameters
    ----------
    error : BaseException
        For which `is_out_of_memory` holds.
    """
    if any(word in str(error).lower() for word in _OF_A_GPU):
        return UserError(
            "The GPU has too little free memory for this.",
            "Use smaller images, a smaller batch or the CPU, or close other programs that use the "
            "GPU.",
        )
    return UserError(
        "There is too little free memory for this.",
        "Use smaller images, fewer of them or a smaller batch, or close other programs.",
    )
