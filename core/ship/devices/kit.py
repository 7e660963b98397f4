"""Devices without a shell: an archive goes there by hand, and a file of answers comes back.

The archive holds ``bench.py``, the networks without their weights and what is to be measured. Which
widths a layer is measured at depends on a step that only the device knows, so the points of every
step are in it, and the device does those of its own.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError, reason_of
from core.graph.table import ChannelTable
from core.plan.latency.clock import LatencyTable
from core.plan.latency.devices import KIT, Device, remember
from core.plan.latency.files import table_path, write_latency
from core.progress import Progress, Span, silent
from core.pruning.surgery import cut_network
from core.ship.devices import bench
from core.ship.devices.hollow import hollow
from core.ship.latency.grids import PROBE, PROBED, PROBES, REFERENCE, chunks, points_of
from core.ship.latency.layers import Point, onnx_layers
from core.ship.latency.measure import Numbers
from core.ship.latency.packing import packed
from core.ship.latency.runtime import Settings
from core.ship.latency.runtimes import fused
from core.ship.latency.shapes import layer_uses
from core.ship.latency.store import Place as Stored
from core.ship.latency.table import (
    LAYER_REPEATS,
    NETWORK_REPEATS,
    build_latency,
    calibration_masks,
)
from core.system.budget import MEASUREMENT, parse_json, read_text
from core.system.files import write_bytes
from core.system.records import UNFIT
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import nn

NETWORKS, DESCRIBE = "networks", "describe"


def name_of(points: Sequence[Point], settings: Settings, repeats: int) -> str:
    """Return what a request for layers is called: the same points have the same name."""
    text = repr((list(points), settings.threads, settings.batch, repeats))
    return f"layers {hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass
class Recorder:
    """A place that measures nothing, and keeps what would be.

    Attributes
    ----------
    requests : list of dict
        As ``bench.work_through`` takes them.
    files : dict
        Contents by name.
    step : int
        The step whose points are asked for; 0 for those that every device needs.
    """

    requests: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    step: int = 0

    def layers(
        self, points: Sequence[Point], settings: Settings, repeats: int
    ) -> NDArray[np.float64]:
        """Keep a request for layers."""
        name = name_of(points, settings, repeats)
        file = f"{name.split()[-1]}.onnx"
        request = {"name": name, "do": "profile", "file": file, "step": self.step}
        request |= {"threads": settings.threads, "repeats": repeats, "points": len(points)}
        known = next((each for each in self.requests if each["name"] == name), None)
        if known is not None:  # measured several times: the least counts
            known["times"] = known.get("times", 1) + 1
            return np.ones(len(points))
        self.files[file] = hollow(onnx_layers(points, settings.batch))
        self.requests.append(request)
        return np.ones(len(points))

    def networks(
        self, models: Sequence[nn.Module], settings: Settings, repeats: int, progress: Progress
    ) -> tuple[Numbers, Numbers]:
        """Keep a request for networks."""
        names = []
        for name, content in packed(models, "onnx", settings, progress):
            names.append(name)
            self.files[name] = content
        request = {"name": NETWORKS, "do": "turns", "runtime": "onnx", "files": names, "step": 0}
        self.requests.append({**request, "threads": settings.threads, "repeats": repeats})
        ones = np.ones((repeats, len(models)))
        return ones, ones


@dataclass(frozen=True)
class Answered:
    """A place whose answers were measured already.

    ``threads`` is what the archive asked for: 0 for one per core of the device.
    """

    answers: Mapping[str, Any]
    threads: int

    def layers(
        self, points: Sequence[Point], settings: Settings, repeats: int
    ) -> NDArray[np.float64]:
        """Return what was measured of layers."""
        # Steps are found on one thread; everything else on as many as the archive asked for.
        is_probe = points[0] != REFERENCE
        asked = replace(settings, threads=1 if is_probe else self.threads)
        told = self._of(name_of(points, asked, repeats))
        return np.array(bench.by_point(told["nodes"], len(points)))

    def networks(
        self, models: Sequence[nn.Module], settings: Settings, repeats: int, progress: Progress
    ) -> tuple[Numbers, Numbers]:
        """Return what networks took in turns."""
        told = self._of(NETWORKS)
        return np.array(told["wall"]), np.array(told["cpu"])

    def _of(self, name: str) -> Any:
        if name not in self.answers:
            raise UserError(
                "The answers are not complete.",
                "Run `python3 bench.py` there again: it continues. Then read the file again.",
            )
        return self.answers[name]


def write_kit(
    model: nn.Module,
    table: ChannelTable,
    sha256: str,
    settings: Settings,
    path: Path,
    *,
    name: str = "",
    progress: Progress = silent,
) -> int:
    """Write the archive for a device.

    Parameters
    ----------
    model : nn.Module
        Not changed; its weights do not leave.
    table : ChannelTable
        Of that network.
    sha256 : str
        Of its file.
    settings : Settings
        ``threads`` 0 means one per core of the device.
    path : Path
        The archive.
    name : str
        What to call the device; by its processor when empty.
    progress : Progress
        May cancel.

    Returns
    -------
    int
        Bytes of the archive.

    Raises
    ------
    UserError
        When it cannot be written.
    """
    recorder = Recorder()
    told = {"sha256": sha256, "batch": settings.batch, "threads": settings.threads, "name": name}
    told |= {
        "image_size": settings.image_size.plain,
        "ultralytics": metadata.version("ultralytics"),
    }
    recorder.requests.append({"name": DESCRIBE, "do": "describe", "told": told})
    probes = [(PROBE, 64, wide) for wide in PROBED]
    for _ in range(PROBES):
        recorder.layers(probes, replace(settings, threads=1), LAYER_REPEATS)
    recorder.requests[-1]["widths"] = list(PROBED)
    uses = layer_uses(fused(model), table, settings.image_size)
    for number, step in enumerate((1, *bench.STEPS)):
        recorder.step = step
        progress(0.1 * number, "Preparing layers")
        _record_points(recorder, points_of(uses, step), settings)
    recorder.step = 0
    models = [cut_network(model, table, mask) for mask in calibration_masks(table)]
    recorder.networks(models, settings, NETWORK_REPEATS, Span(progress, 0.5, 1.0))
    content = _archive(recorder)
    write_bytes(path, content)
    progress(1.0, "Done")
    return len(content)


def _record_points(recorder: Recorder, points: dict[Stored, Point], settings: Settings) -> None:
    """Ask for points as ``measure_points`` does of an empty store."""
    for chunk in chunks(points):
        asked = [REFERENCE, *(points[place] for place in chunk)]
        recorder.layers(asked, settings, LAYER_REPEATS)


def _archive(recorder: Recorder) -> bytes:
    files = {"bench.py": Path(bench.__file__).read_bytes(), "README.txt": READ_ME.encode()}
    files[bench.REQUESTS] = json.dumps(recorder.requests).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, **recorder.files}.items():
            archive.writestr(f"secateur-bench/{name}", content)
    return buffer.getvalue()


READ_ME = f"""Measures how long a network takes on this device. Needs Python 3.8 and onnxruntime:

    python3 -m pip install onnxruntime
    python3 bench.py

It leaves {bench.ANSWERS} here; run it again after an interruption, and it continues. The weights
of the network are not in this archive. Take that file back to Secateur, whose command latency-kit
reads it.
"""


def read_kit(
    model: nn.Module, table: ChannelTable, sha256: str, path: Path, *, name: str = ""
) -> tuple[LatencyTable, Device]:
    """Return the latency table that a file of answers gives, and keep it.

    Parameters
    ----------
    model : nn.Module
        The network that the archive was made of.
    table : ChannelTable
    sha256 : str
        Of its file.
    path : Path
        ``answers.jsonl`` of the archive.
    name : str
        What to call the device, instead of the name that the archive was made with.

    Raises
    ------
    UserError
        When the answers are of another network, not complete or damaged.
    """
    answers = _read(path)
    try:
        found, told = answers[DESCRIBE], answers[DESCRIBE]["told"]
        if told["sha256"] != sha256:
            raise UserError(
                f"The answers in {path.name} are of another network.",
                "Give the model that the archive was made of.",
            )
        device = _device(found, name or told["name"] or str(found["processor"]))
        about = _about(device, told)
        place = Answered(answers, int(told["threads"]))
        latency = build_latency(model, table, sha256, about, cache=False, place=place)
        if not np.isfinite([latency.measured_ms, *(grid.ms.sum() for grid in latency.grids)]).all():
            raise ValueError("a time is not a number")
    except UNFIT as error:
        wrong = " ".join(str(error).split())[:120]
        raise UserError(f"{path.name} is damaged: {wrong}.", "Measure there again.") from error
    write_latency(table_path(sha256, about), latency)
    return latency, remember(device)


def _device(found: Mapping[str, Any], called: str) -> Device:
    return Device(
        name=called[:64],
        address=f"{KIT}{called}"[:300],
        processor=str(found["processor"])[:300],
        cores=int(found["cores"]),
        libraries=dict(found["libraries"]),
        measured=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _about(device: Device, told: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the table of a device, by what the archive asked for."""
    return {
        "device": device.processor,
        "on": device.address,
        "runtime": "onnx",
        "version": device.libraries["onnxruntime"],
        "ultralytics": str(told["ultralytics"]),
        "threads": int(told["threads"]) or device.cores,
        "batch": int(told["batch"]),
        "image_size": ImageSize.of(told["image_size"]).plain,
        "precision": "fp32",
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        lines = read_text(path, MEASUREMENT).splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not a file of answers.", "Check the path.") from error
    except OSError as error:
        raise UserError(f"Could not read {path}: {reason_of(error)}.", "Check the path.") from error
    found = {}
    for line in lines:
        try:
            entry = parse_json(line, MEASUREMENT)
            found[str(entry["request"])] = entry["answer"]
        except UNFIT:
            continue  # the line an interruption tore
    if not found:
        raise UserError(
            f"{path.name} has no answers.", f"Give the {bench.ANSWERS} that the device wrote."
        )
    return found
