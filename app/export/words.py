"""The results of an export, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kit import formats
from app.state.deliverables import Exported


def exported_row(exported: Exported) -> tuple[str, ...]:
    """Return an export as a row: file, model, format, size, parity, detections."""
    result = exported.result
    parity = result.get("parity")
    return (
        exported.path.name,
        exported.model,
        f"{exported.title}, {str(result['precision']).upper()}",
        formats.size(result["bytes"]),
        parity_words(parity),
        detection_words(parity),
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
