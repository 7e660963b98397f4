"""The results of the demo, for people. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.plan.cost import gflops
from core.system.columns import laid_out

HEAD = ("", "parameters", "GFLOPs", "latency", "mAP50-95", "mAP50", "file")


def summary_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: one per network, with what it is against the original."""
    first = result["models"][0]
    rows: list[tuple[str, ...]] = []
    for model in result["models"]:
        rows.append(
            (
                model["name"],
                _against(f"{model['parameters'] / 1e6:.2f} M", model, first, "parameters"),
                _against(gflops(model["macs"]), model, first, "macs"),
                _against(f"{model['milliseconds']:.1f} ms", model, first, "milliseconds"),
                f"{model['figures']['map50_95']:.3f}",
                f"{model['figures']['map50']:.3f}",
                Path(model["path"]).name,
            )
        )
    return rows


def _against(text: str, model: Mapping[str, Any], first: Mapping[str, Any], key: str) -> str:
    if model is first:
        return text
    change = f"{model[key] / first[key] - 1:+.0%}".replace("-", "−")
    return f"{text} ({change})"


def summary_text(result: Mapping[str, Any]) -> str:
    """Return the table, what was left out, and where everything is."""
    lines = [laid_out((HEAD, *summary_rows(result)), "l" + "r" * (len(HEAD) - 2)), ""]
    proof = result["verification"]
    lines.append(
        "Before repair, the pruned network equals the masked original: relative error "
        f"{proof['relative_error']:.1e} (at most {proof['tolerance']:.0e})."
    )
    lines.append(f"Latency: {result['runtime']}, processor time for one image of 160 px, median.")
    lines += [f"Not measured: {one['runtime']}: {one['message']}" for one in result["missing"]]
    lines += [
        f"Done in {result['seconds']:.0f} s. All files are in {result['folder']}:",
        f"  {Path(result['project']).name} opens in the window, "
        f"{Path(result['report']).name} in a browser.",
    ]
    return "\n".join(lines)
