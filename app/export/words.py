"""The results of an export, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kit import formats
from app.state.deliverables import Exported
from core.data.figures import FIGURES, MAIN


def exported_row(exported: Exported) -> tuple[str, ...]:
    """Return an export as a row: file, model, format, size, parity, detections, gain of INT8."""
    result = exported.result
    parity = result.get("parity")
    return (
        exported.path.name,
        exported.model,
        f"{exported.title}, {str(result['precision']).upper()}",
        formats.size(result["bytes"]),
        parity_words(parity),
        detection_words(parity),
        int8_words(result),
    )


def size_words(result: Mapping[str, Any]) -> str:
    """Describe how large a file is, and how many weights it holds of the network's parameters."""
    held = result.get("exported_parameters")
    weights = "" if held is None else f", {formats.count(held)} weights"
    whole = (
        f" ({formats.count(result['parameters'])} parameters in the checkpoint)" if weights else ""
    )
    return f"{formats.size(result['bytes'])}{weights}{whole}"


def parity_words(parity: Mapping[str, Any] | None) -> str:
    """Describe whether an exported network gives what its checkpoint gives."""
    if parity is None:
        return "not compared: does not run on this machine"
    error = f"error {parity['relative_error']:.1e}"
    words = {True: "equal", False: "DIFFERS", None: "no verdict"}[parity["passed"]]
    return f"{words}, {error}"


def detection_words(parity: Mapping[str, Any] | None) -> str:
    """Describe how many detections agree, and on what they were looked for."""
    if not parity or parity["detections"] is None:
        return ""
    kind = "images" if parity["real"] else "generated images"
    share = f"{100 * parity['matched']:.0f}% of {parity['detections']} match"
    return f"{share if parity['detections'] else 'none found'} ({parity['images']} {kind})"


def quantised_words(result: Mapping[str, Any]) -> str:
    """Describe what INT8 takes and keeps, next to the FP32 file; nothing for another export."""
    if not result.get("timings"):
        return ""
    before, after = _times(result)
    words = f"{after:.2f} ms instead of {before:.2f} ms in FP32"
    figures, whole = result.get("figures") or {}, result.get("before") or {}
    name = next((key for key in MAIN if key in figures), None)
    if name is not None:
        words += f", {FIGURES[name]} {figures[name]:.4f} instead of {whole[name]:.4f}"
    kept = len(result.get("kept") or ())
    counted = f"{kept} {'layer' if kept == 1 else 'layers'} in higher precision"
    return f"{words}, {counted}" if kept else words


def int8_words(result: Mapping[str, Any]) -> str:
    """Describe the same in a cell, with the shares of the FP32 file's time and accuracy."""
    if not result.get("timings"):
        return ""
    before, after = _times(result)
    words = f"{after:.2f} ms ({after / before:.0%})" if before else f"{after:.2f} ms"
    figures, whole = result.get("figures") or {}, result.get("before") or {}
    name = next((key for key in MAIN if key in figures), None)
    if name is not None:
        kept = f" ({figures[name] / whole[name]:.1%})" if whole.get(name) else ""
        words += f", {FIGURES[name]} {figures[name]:.4f}{kept}"
    return words


def _times(result: Mapping[str, Any]) -> tuple[float, float]:
    """Return the milliseconds in FP32 and INT8: of the processor where they are known.

    Other programs hardly disturb these.
    """
    timings = result["timings"]
    key = "cpu_ms" if all(timing.get("cpu_ms") for timing in timings) else "ms"
    before, after = (float(timing[key]["median"]) for timing in timings)
    return before, after
